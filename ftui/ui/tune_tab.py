"""Step 2: base model, strategy, the settings that matter; everything else under Advanced; Start."""

from __future__ import annotations

from functools import partial

import gradio as gr

from ftui import tasks
from ftui.core import languages, recipe, starters
from ftui.ui import filling, form, glossary, model_facts, pieces, planning, recipe_box, search
from ftui.ui.page import LATEST, QUIET, SHOWN, Choice, Page, View, html


def build(page: Page, choice: Choice) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    nothing = html(pieces.empty("⚙", t("tune_empty_title"), t("tune_empty_text")), elem_id="tune-empty")
    controls: dict[str, gr.components.Component] = {}
    with gr.Column(visible=False, elem_id="tune-view") as content:
        with gr.Row(elem_classes=["tune-head"]):
            facts = html(elem_id="tune-facts")
            earlier = gr.Dropdown(
                [], value=None, label=t("start_from"), info=t("start_from_note"), visible=False, elem_id="start-from",
                elem_classes=["inline"],
            )
        filled = html(elem_id="filled-notice")
        with gr.Column(elem_classes=["sheet"]):
            with gr.Column(elem_classes=["decision"]):
                controls["model"] = _model(page)
                glossary.place("pretraining", page.lang)
            about = html(elem_id="model-line")
            with gr.Column(elem_classes=["decision"]):
                controls["strategy.name"] = _strategy(page)
                glossary.place("strategy", page.lang)
            controls["strategy.n"] = form.control("strategy.n", page.lang, visible=False)
            with gr.Row(elem_classes=["decisions"]):
                for name, entry in zip(form.FRONT[3:], ("epochs", "learning_rate", "batch"), strict=True):
                    with gr.Column(elem_classes=["decision"], min_width=220):
                        controls[name] = form.control(name, page.lang)
                        glossary.place(entry, page.lang)
            outlook = html(elem_id="outlook")
            with gr.Row(elem_classes=["outlook-actions"]):
                taking = gr.Button(t("take_advice"), visible=False, size="sm", elem_id="take-advice")
                racing = gr.Button(t("start_race"), size="sm", elem_id="start-race")
                searching = gr.Button(t("search_open"), size="sm", elem_id="open-search")
                timing = gr.Button(t("measure"), visible=False, size="sm", elem_id="measure")
            refused = html(elem_id="outlook-notice")
            asking = search.build_form(page)
        with gr.Accordion(t("advanced"), open=False, elem_id="advanced", elem_classes=["sheet"]):
            groups = _advanced(page, controls)
        with gr.Accordion(t("recipe_title"), open=False, elem_id="recipe-yaml", elem_classes=["sheet"]):
            yaml, script, loading = recipe_box.build(page)
        notice = html(elem_id="tune-notice")
        with gr.Row(elem_classes=["onward"]):
            go = gr.Button(t("start_training"), variant="primary", size="lg", elem_id="start-training")

    ordered = [controls[name] for name in form.FIELDS]
    chosen = [choice.reading, choice.test_size, choice.validation_size]
    inputs = [page.data, *chosen, *ordered]
    previewed = [controls["training.learning_rate"], yaml, notice, groups["lora"], *(controls[name] for name in planning.OWN)]
    previewed += [groups["language"], *(controls[name] for name in planning.LANGUAGE), controls["training.num_train_epochs"]]
    previewed += [outlook, taking, timing, script]
    seen = page.bind(partial(planning.preview, way=page.way))
    described = page.bind(partial(planning.about_model, way=page.way))
    gr.on([control.input for control in ordered], seen, inputs, previewed, **LATEST)
    asked = {"fn": described, "inputs": [page.data, choice.reading, controls["model"]], "outputs": [about]}
    controls["model"].input(**asked, **LATEST).then(seen, inputs, previewed, **QUIET)

    last = gr.State(next(iter(tasks.TASKS)))
    suited = choice.reading.change(page.bind(planning.suit), [choice.reading, controls["model"], last], [controls["model"], last], **QUIET)
    suited.then(**asked, **QUIET).then(seen, inputs, previewed, **QUIET)

    paste, read, upload, told = loading
    taken = [told, *choice.all, *ordered]
    by_text = read.click(page.bind(partial(filling.load, way=page.way)), [page.data, paste], taken, **SHOWN)
    by_file = upload.upload(page.bind(partial(filling.load_file, way=page.way)), [page.data, upload], [paste, *taken], **SHOWN)
    pending = gr.State("")
    earlier.input(lambda run: run or "", [earlier], [page.again], **QUIET)
    by_run = page.again.change(
        page.bind(partial(filling.clone, way=page.way)), [page.again, page.data], [filled, page.data, pending, *choice.all, *ordered], **SHOWN
    )
    by_run.then(lambda: "", [], [page.again], **QUIET)  # so that the same run can be asked for again
    for done in (by_text, by_file, by_run):
        done.then(seen, inputs, previewed, **QUIET).then(**asked, **QUIET)

    advised = page.bind(partial(planning.take_advice, way=page.way))
    taking.click(advised, inputs, [controls[name] for name in planning.ADVISED], **SHOWN).then(seen, inputs, previewed, **QUIET)
    timing.click(page.bind(partial(planning.measure, way=page.way)), inputs, [refused, timing], **QUIET).then(seen, inputs, previewed, **QUIET)
    racing.click(page.bind(partial(planning.start_race, way=page.way)), inputs, [refused, page.run, page.tabs], **SHOWN)
    sought = [*inputs, *asking.asked]
    searching.click(page.bind(partial(planning.open_search, way=page.way)), sought, [asking.part, asking.note], **QUIET)
    gr.on([asking.minutes.input, asking.trials.input], page.bind(partial(planning.expect, way=page.way)), sought, [asking.note], **LATEST)
    controls["strategy.name"].change(page.bind(search.suit), [controls["strategy.name"]], [asking.vary], **QUIET)
    asking.start.click(page.bind(partial(planning.start_search, way=page.way)), sought, [asking.notice, page.run, page.tabs], **SHOWN)
    go.click(page.bind(partial(planning.start, way=page.way)), inputs, [notice, page.run, page.tabs], **SHOWN)
    shown = [facts, nothing, content, earlier, about, *previewed]
    settle = (filling.settle, [page.data, pending], [pending, *choice.all])
    return View(partial(planning.show, way=page.way), inputs, shown, by_run=False, settle=settle)


def _model(page: Page) -> gr.Dropdown:
    label, info = languages.setting("model", page.lang)
    known = [
        (page.t("starter_choice", name=name, millions=model_facts.millions(n)), name) for name, n in starters.found().items()
    ]
    first = known[0][1] if known else "starter-encoder"
    if page.way.mode == "demo":
        return gr.Dropdown(known, value=first, label=label, info=page.t("model_demo"), elem_id="set-model")
    known += [
        (page.t("hub_choice", name=m["id"], millions=m["millions"], language=page.t("model_of_" + m["language"])), m["id"])
        for m in starters.well_known()
    ]
    info = info if page.way.mode == "local" else page.t("model_private")
    return gr.Dropdown(known, value=first, allow_custom_value=True, label=label, info=info, elem_id="set-model")


def _strategy(page: Page) -> gr.Radio:
    choices = [(page.t("strategy_" + name) + "\n" + page.t(f"strategy_{name}_when"), name) for name in recipe.STRATEGIES]
    label, info = languages.setting("strategy.name", page.lang)
    return gr.Radio(
        choices, value="full", label=label, info=info, elem_id="set-strategy-name", elem_classes=["strategies"]
    )


def _advanced(page: Page, controls: dict) -> dict[str, gr.Column]:
    """All other settings in their groups, by name."""
    groups = {}
    for group, names in form.GROUPS.items():
        with gr.Column(visible=group not in ("lora", "language"), elem_classes=["setting-group"], elem_id="group-" + group) as groups[group]:
            note = f'<p class="sub">{page.t("group_language_note")}</p>' if group == "language" else ""
            html(f'<div class="ft"><div class="h">{page.t("group_" + group)}</div>{note}</div>')
            with gr.Row(elem_classes=["settings-grid"]):
                for name in names:
                    controls[name] = form.control(name, page.lang)
    return groups
