"""Step 2: base model, strategy, the settings that matter; everything else under Advanced; Start."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from ftui import jobs
from ftui.core import languages, recipe, starters
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.recipe import Recipe
from ftui.ui import form, pieces
from ftui.ui.page import LATEST, SHOWN, Choice, Page, View, go_to, html

# ---- handlers


def make_recipe(home: Home, data_id: str, columns: tuple, shares: tuple, values: tuple) -> Recipe:
    """The recipe that the page describes. `columns`: text, label; `shares`: test, validation. Raises UserError."""
    if not data_id:
        raise UserError("no_data_chosen")
    content = form.content(form.named(values))
    roles = {role: name for role, name in zip(("text", "label"), columns, strict=True) if name}
    content["data"] |= {"path": str(home.dataset(data_id)), "columns": roles}
    content["data"] |= {"test_size": shares[0], "validation_size": shares[1]}
    return recipe.build(content)


def preview(home: Home, lang: str, data_id: str, *inputs: Any) -> tuple:
    """After any change: (learning rate, recipe as YAML, notice, last n, the LoRA group, epochs)."""
    columns, shares, values = inputs[:2], inputs[2:4], inputs[4:]
    strategy = form.named(values)["strategy.name"]
    own = gr.Number(visible=strategy == "last_n"), gr.Column(visible=strategy == "lora")
    if not data_id:
        return gr.skip(), "", "", *own, gr.skip()
    try:
        made = make_recipe(home, data_id, columns, shares, values)
    except UserError as problem:
        return gr.skip(), gr.skip(), explain(problem, lang), *own, gr.skip()
    return _learning_rate(made, lang), recipe.dump(made), "", *own, _epochs(made, home.dataset(data_id), lang)


def _epochs(made: Recipe, folder: Path, lang: str) -> dict:
    """The explanation of the number of epochs; for `auto` with the number that it stands for."""
    from ftui.data import intake

    info = languages.setting("training.num_train_epochs", lang)[1]
    if made.training.num_train_epochs == "auto":
        rows = made.data.train_rows(intake.open_dataset(folder).card()["rows"])
        info = languages.text("auto_epochs", lang, epochs=round(made.epochs(rows)), rows=rows)
    return gr.Textbox(info=info)


def _learning_rate(made: Recipe, lang: str) -> dict:
    """The explanation of the learning rate; for `auto` with the value that it stands for."""
    info = languages.setting("training.learning_rate", lang)[1]
    if made.training.learning_rate == "auto":
        rate = made.learning_rate(starters.count(made.model))
        info = languages.text(
            "auto_rate",
            lang,
            rate=f"{rate:.1e}".replace(".0e", "e").replace("e-0", "e-"),
            strategy=languages.text("strategy_" + made.strategy.name, lang),
        )
    return gr.Textbox(info=info)


def explain(problem: UserError, lang: str) -> str:
    """An error of the form, with the name that the form gives to the field."""
    field = problem.params.get("field")
    if not isinstance(field, str):
        return pieces.error(problem, lang)
    label = form.label_of(field, lang)
    if problem.code == "recipe_bad_value":
        reason = problem.params["problem"]
        reason = reason[lang] if isinstance(reason, dict) else reason
        sentence = languages.text("bad_setting", lang, label=label, got=problem.params["got"], problem=reason)
        return pieces.notice(sentence, languages.text("bad_setting_hint", lang, field=field), "bad")
    return pieces.notice(problem.message(lang).replace(field, label), problem.hint(lang), "bad")


def start(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """Start the training: (notice, run id, tabs). What is wrong is said at the place, and nothing starts."""
    columns, shares, values = inputs[:2], inputs[2:4], inputs[4:]
    try:
        run = jobs.start_training(make_recipe(home, data_id, columns, shares, values), home, way=way)
    except UserError as problem:
        return explain(problem, lang), gr.skip(), gr.skip()
    return "", run.id, go_to("log")


def show(home: Home, lang: str, data_id: str, *inputs: Any) -> tuple:
    """The tab was opened: (line about the data, empty state, form, and what `preview` gives)."""
    try:
        folder = home.dataset(data_id) if data_id else None
    except UserError:
        folder = None
    if folder is None:
        return "", gr.HTML(visible=True), gr.Column(visible=False), *([gr.skip()] * 6)
    from ftui.data import intake

    card = intake.open_dataset(folder).card()
    text, label = inputs[:2]
    facts = [languages.text("n_rows", lang, n=card["rows"]), f"{text or '?'} → {label or '?'}"]
    line = pieces.facts(card["name"], facts)
    return line, gr.HTML(visible=False), gr.Column(visible=True), *preview(home, lang, data_id, *inputs)


def download(home: Home, lang: str, yaml: str) -> str:
    """The recipe as a file."""
    path = Path(tempfile.mkdtemp(prefix="ftui-")) / "recipe.yaml"
    path.write_text(yaml, encoding="utf-8")
    return str(path)


# ---- the page


def build(page: Page, choice: Choice) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    nothing = html(pieces.empty("⚙", t("tune_empty_title"), t("tune_empty_text")), elem_id="tune-empty")
    with gr.Column(visible=False, elem_id="tune-view") as content:
        facts = html(elem_id="tune-facts")
        controls: dict[str, gr.components.Component] = {}
        with gr.Column(elem_classes=["sheet"]):
            controls["model"] = _model(page)
            controls["strategy.name"] = _strategy(page)
            controls["strategy.n"] = form.control("strategy.n", page.lang, visible=False)
            with gr.Row(elem_classes=["settings-grid"]):
                for name in form.FRONT[3:]:
                    controls[name] = form.control(name, page.lang)
        with gr.Accordion(t("advanced"), open=False, elem_id="advanced", elem_classes=["sheet"]):
            lora = _advanced(page, controls)
        with gr.Accordion(t("recipe_yaml"), open=False, elem_id="recipe-yaml", elem_classes=["sheet"]):
            html(pieces.heading("", t("recipe_note")))
            yaml = gr.Code(
                language="yaml", interactive=False, show_label=False, elem_id="recipe-code", lines=10, max_lines=40
            )
            with gr.Row(elem_classes=["row-end"]):
                save = gr.Button(t("download_recipe"), size="sm", elem_id="recipe-download")
                page.offer(save, download, [yaml])
        notice = html(elem_id="tune-notice")
        with gr.Row(elem_classes=["onward"]):
            go = gr.Button(t("start_training"), variant="primary", size="lg", elem_id="start-training")

    ordered = [controls[name] for name in form.FIELDS]
    inputs = [page.data, choice.text, choice.label, choice.test_size, choice.validation_size, *ordered]
    previewed = [controls["training.learning_rate"], yaml, notice, controls["strategy.n"], lora, controls["training.num_train_epochs"]]
    gr.on([control.input for control in ordered], page.bind(preview), inputs, previewed, **LATEST)


    def begin(home: Home, lang: str, data_id: str, *inputs: Any) -> tuple:
        return start(home, lang, data_id, *inputs, way=page.way)

    go.click(page.bind(begin), inputs, [notice, page.run, page.tabs], **SHOWN)
    return View(show, inputs, [facts, nothing, content, *previewed], by_run=False)


def _model(page: Page) -> gr.Dropdown:
    label, info = languages.setting("model", page.lang)
    known = [
        (page.t("starter_choice", name=name, millions=f"{n / 1e6:.1f}"), name) for name, n in starters.found().items()
    ]
    first = known[0][1] if known else "starter-encoder"
    return gr.Dropdown(known, value=first, allow_custom_value=True, label=label, info=info, elem_id="set-model")


def _strategy(page: Page) -> gr.Radio:
    names = list(recipe.STRATEGIES)
    choices = [(page.t("strategy_" + name) + "\n" + page.t(f"strategy_{name}_when"), name) for name in names]
    label, info = languages.setting("strategy.name", page.lang)
    return gr.Radio(
        choices, value="full", label=label, info=info, elem_id="set-strategy-name", elem_classes=["strategies"]
    )


def _advanced(page: Page, controls: dict) -> gr.Column:
    """All other settings in their groups; returns the group that only LoRA has."""
    lora = None
    for group, names in form.GROUPS.items():
        with gr.Column(visible=group != "lora", elem_classes=["setting-group"], elem_id="group-" + group) as column:
            html(f'<div class="ft h">{page.t("group_" + group)}</div>')
            with gr.Row(elem_classes=["settings-grid"]):
                for name in names:
                    controls[name] = form.control(name, page.lang)
        lora = column if group == "lora" else lora
    return lora
