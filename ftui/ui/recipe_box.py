"""The recipe on Fine-tune: as YAML and as plain Python, to copy, to download, and one's own to load."""

from __future__ import annotations

import gradio as gr

from ftui.core.home import Home
from ftui.ui import downloads, pieces
from ftui.ui.page import BROWSER, Page, html

# ---- handlers


def download(home: Home, lang: str, yaml: str) -> str:
    """The recipe as a file."""
    return _file("recipe.yaml", yaml)


def download_script(home: Home, lang: str, script: str) -> str:
    """The Python script as a file."""
    return _file("train.py", script)


def _file(name: str, text: str) -> str:
    path = downloads.place(name)
    path.write_text(text or "", encoding="utf-8")
    return str(path)


# ---- the page


def build(page: Page) -> tuple:
    """Lay it out: (yaml, script, (text, button, file, notice of what was loaded))."""
    t = page.t
    code = {"interactive": False, "show_label": False, "lines": 10, "max_lines": 28, "buttons": []}
    with gr.Tabs(elem_classes=["inner-tabs"]):
        with gr.Tab(t("recipe_yaml"), render_children=True):
            html(pieces.heading("", t("recipe_note")))
            yaml = gr.Code(language="yaml", elem_id="recipe-code", **code)
            with gr.Row(elem_classes=["row-end"]):
                _copy(page, yaml, "recipe-copy")
                save = gr.Button(t("download_recipe"), size="sm", elem_id="recipe-download")
                page.offer(save, download, [yaml])
        with gr.Tab(t("as_python"), render_children=True):
            html(pieces.heading("", t("as_python_note")))
            script = gr.Code(language="python", elem_id="script-code", **code)
            with gr.Row(elem_classes=["row-end"]):
                _copy(page, script, "script-copy")
                save = gr.Button(t("download_script"), size="sm", elem_id="script-download")
                page.offer(save, download_script, [script])
        with gr.Tab(t("load_recipe"), render_children=True):
            html(pieces.heading("", t("load_recipe_note")))
            paste = gr.Textbox(
                label=t("recipe_text"), placeholder=t("recipe_placeholder"), lines=8, max_lines=20, elem_id="recipe-paste"
            )
            told = html(elem_id="load-notice")
            with gr.Row(elem_classes=["row-end"]):
                upload = gr.UploadButton(t("recipe_file"), file_types=[".yaml", ".yml"], size="sm", elem_id="recipe-upload")
                read = gr.Button(t("fill_form"), size="sm", elem_id="recipe-load")
    return yaml, script, (paste, read, upload, told)


def _copy(page: Page, code: gr.Code, elem_id: str) -> None:
    """A button that copies a text as it is, not as far as the browser has drawn it."""
    button = gr.Button(page.t("copy"), size="sm", elem_id=elem_id)
    button.click(None, [code], [], js=f"(text) => ftui.copy(text, '{elem_id}', '{page.t('copied')}')", **BROWSER)
