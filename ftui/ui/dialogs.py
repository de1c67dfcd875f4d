"""Two dialogs over the page: one run's name, note and end; and what takes up the disk."""

from __future__ import annotations

from html import escape

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.access import LOCAL, Access
from ftui.core.home import Home, disk_use
from ftui.jobs import disk
from ftui.ui import pieces, sidebar
from ftui.ui.page import QUIET, SHOWN, Page, find_run, html

# ---- one run


def open_run(home: Home, lang: str, run_id: str) -> tuple:
    """A run's menu: (dialog, head, name, note, notice, stop, delete, question)."""
    run = find_run(home, run_id)
    if run is None:
        return (gr.Column(visible=False), *([gr.skip()] * 6), gr.Column(visible=False))
    line = jobs.summary(run)
    about = run.about()
    over = line["state"] in ev.TERMINAL
    facts = [line["id"], pieces.size(disk_use(run.path))]
    head = pieces.facts(sidebar.name_of(line, lang), facts)
    return (
        gr.Column(visible=True),
        head,
        gr.Textbox(value=about["name"], placeholder=sidebar.made_up_name(line, lang)),
        about["note"],
        "" if over else pieces.notice(languages.text("stop_first", lang), kind="info"),
        gr.Button(visible=not over, interactive=line["state"] != ev.STOPPING),
        gr.Button(visible=over),
        gr.Column(visible=False),
    )


def save(home: Home, lang: str, run_id: str, name: str, note: str) -> str:
    """Keep name and note; the menu closes."""
    home.run(run_id).write_about(name=name, note=note)
    return ""


def stop(home: Home, lang: str, run_id: str) -> str:
    """Ask the run to stop; the menu closes."""
    job = home.run(run_id).training()
    if job is not None:
        jobs.stop(job)
    return ""


def ask(home: Home, lang: str, run_id: str) -> tuple:
    """(question, group with the answers, the button that asked)."""
    run = home.run(run_id)
    name = sidebar.name_of(jobs.summary(run), lang)
    words = languages.text("delete_question", lang, name=name, size=pieces.size(disk_use(run.path)))
    return pieces.notice(words, kind="warn"), gr.Column(visible=True), gr.Button(visible=False)


def delete(home: Home, lang: str, run_id: str, chosen: str) -> tuple:
    """Delete the run: (menu, run, pulse). A deleted one is chosen no more. Raises UserError for one at work."""
    run = home.run(run_id)
    jobs.delete(run)
    return ("", "", "") if chosen == run.id else ("", gr.skip(), gr.skip())


# ---- the disk


def open_disk(home: Home, lang: str, way: Access = LOCAL) -> tuple:
    """(dialog, table, what can go, clean, question). The place on the disk is the business of its owner only."""
    use, removable = disk.use(home), disk.removable(home)
    rows = [
        [languages.text("disk_" + part, lang), pieces.size(size)] for part, size in use.items() if part not in ("total", "free")
    ]
    rows.append([f"<b>{languages.text('disk_total', lang)}</b>", f"<b>{pieces.size(use['total'])}</b>"])
    rows.append([languages.text("disk_free", lang), pieces.size(use["free"])])
    table = pieces.table([languages.text("disk_part", lang), languages.text("size", lang)], rows, numeric=[1])
    choices = [
        (f"{languages.text('clean_' + part, lang)} · {pieces.size(size)}", part) for part, size in removable.items() if size
    ]
    safe = [part for _, part in choices if disk.PARTS[part]]
    nothing = "" if choices else f'<div class="ft sub">{languages.text("nothing_to_clean", lang)}</div>'
    return (
        gr.Column(visible=True),
        f'{table}<div class="ft sub">{escape(str(home.path)) if way.mode == "local" else ""}</div>{nothing}',
        gr.CheckboxGroup(choices=choices, value=safe, visible=bool(choices)),
        gr.Button(visible=bool(choices)),
        gr.Column(visible=False),
    )


def ask_clean(home: Home, lang: str, parts: list[str]) -> tuple:
    """(question, group with the answers)."""
    if not parts:
        return gr.skip(), gr.Column(visible=False)
    removable = disk.removable(home)
    words = languages.text("clean_question", lang, size=pieces.size(sum(removable.get(part, 0) for part in parts)))
    lost = [languages.text("loses_" + part, lang) for part in parts if not disk.PARTS.get(part)]
    return pieces.notice(words, " ".join(lost), "warn"), gr.Column(visible=True)


def clean(home: Home, lang: str, parts: list[str], way: Access = LOCAL) -> tuple:
    """Remove these parts; then the dialog as from `open_disk`."""
    freed = sum(disk.clean(home, parts).values())
    gr.Info(languages.text("cleaned", lang, size=pieces.size(freed)))
    return open_disk(home, lang, way)


# ---- the page


def build(page: Page, listed: sidebar.Listed, strip: gr.HTML) -> None:
    """Lay out both and wire them; outside of the sidebar, so that they can lie over the page."""
    _build_run(page, listed, strip)
    _build_disk(page, listed)


def _behave(page: Page, close: str) -> None:
    """Have the page's script make a dialog of the group around."""
    mark = f'<i data-dialog="{close}" data-word="{page.t("close")}"></i>'
    gr.HTML(mark, apply_default_css=False, js_on_load="ftui.dialog(element)", elem_classes=["offscreen"])


def _close(elem_id: str) -> gr.Button:
    return gr.Button("✕", elem_id=elem_id, elem_classes=["close"], size="sm")


def _build_run(page: Page, listed: sidebar.Listed, strip: gr.HTML) -> None:
    t = page.t
    with gr.Column(visible=False, elem_id="run-dialog", elem_classes=["dialog"]) as dialog:
        with gr.Row(elem_classes=["dialog-head"]):
            head = html(elem_id="run-head")
            close = _close("run-close")
        name = gr.Textbox(label=t("run_name"), max_lines=1, max_length=200, elem_id="run-name")
        note = gr.Textbox(label=t("run_note"), lines=3, max_lines=8, max_length=10_000, elem_id="run-note")
        notice = html(elem_id="run-notice")
        with gr.Row(elem_classes=["answers"]):
            drop = gr.Button(t("delete_run"), variant="stop", elem_id="run-delete")
            halt = gr.Button(t("stop"), variant="stop", visible=False, elem_id="run-stop")
            keep = gr.Button(t("save"), variant="primary", elem_id="run-save")
        with gr.Column(visible=False) as question:
            words = html(elem_id="run-question")
            with gr.Row(elem_classes=["answers"]):
                yes = gr.Button(t("delete_yes"), variant="stop", elem_id="run-delete-yes")
                no = gr.Button(t("keep_it"), elem_id="run-delete-no")
        _behave(page, "run-close")

    menu = listed.menu
    menu.change(page.bind(open_run), [menu], [dialog, head, name, note, notice, halt, drop, question], **QUIET)
    close.click(lambda: "", [], [menu], **QUIET)
    drop.click(page.bind(ask), [menu], [words, question, drop], **QUIET)
    no.click(page.bind(open_run), [menu], [dialog, head, name, note, notice, halt, drop, question], **QUIET)
    done = [
        keep.click(page.bind(save), [menu, name, note], [menu], **QUIET),
        name.submit(page.bind(save), [menu, name, note], [menu], **QUIET),
        halt.click(page.bind(stop), [menu], [menu], **QUIET),
        yes.click(page.bind(delete), [menu, page.run], [menu, page.run, page.pulse], **SHOWN),
    ]

    def refresh(home: Home, lang: str, *inputs: str) -> tuple:
        return sidebar.runs(home, lang, *inputs, way=page.way)

    for event in done:
        told = event.success(
            page.bind(refresh), [page.run, listed.shown, listed.find, page.pulse], listed.outputs(page), **QUIET
        )
        told.then(page.bind(sidebar.strip), [page.data, page.run], [strip], **QUIET)


def _build_disk(page: Page, listed: sidebar.Listed) -> None:
    t = page.t
    with gr.Column(visible=False, elem_id="disk-dialog", elem_classes=["dialog"]) as dialog:
        with gr.Row(elem_classes=["dialog-head"]):
            html(pieces.heading(t("storage"), t("storage_note")))
            close = _close("disk-close")
        table = html(elem_id="disk-table")
        parts = gr.CheckboxGroup(label=t("clean_what"), choices=[], elem_id="disk-parts", elem_classes=["stacked"])
        with gr.Row(elem_classes=["answers"]):
            go = gr.Button(t("clean_up"), variant="secondary", elem_id="disk-clean")
        with gr.Column(visible=False) as question:
            words = html(elem_id="disk-question")
            with gr.Row(elem_classes=["answers"]):
                yes = gr.Button(t("clean_yes"), variant="stop", elem_id="disk-clean-yes")
                no = gr.Button(t("keep_it"), elem_id="disk-clean-no")
        _behave(page, "disk-close")

    def opened(home: Home, lang: str) -> tuple:
        return open_disk(home, lang, page.way)

    def cleaned(home: Home, lang: str, parts: list[str]) -> tuple:
        return clean(home, lang, parts, page.way)

    outputs = [dialog, table, parts, go, question]
    listed.storage.click(page.bind(opened), [], outputs, **SHOWN)
    close.click(lambda: gr.Column(visible=False), [], [dialog], **QUIET)
    go.click(page.bind(ask_clean), [parts], [words, question], **QUIET)
    parts.input(lambda: gr.Column(visible=False), [], [question], **QUIET)
    no.click(lambda: gr.Column(visible=False), [], [question], **QUIET)
    yes.click(page.bind(cleaned), [parts], outputs, **SHOWN)
