"""What the page of step 2 describes: its recipe, what is known of it before it starts, and its start. Handlers; the page is tune_tab."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ftui import jobs, tasks
from ftui.core import advice, base_models, languages, recipe, starters
from ftui.core.access import LOCAL, Access
from ftui.core.base_models import Known
from ftui.core.errors import UserError
from ftui.core.home import RUN, Home
from ftui.core.recipe import Recipe
from ftui.jobs import costs, races
from ftui.ui import form, model_facts, pieces, readings, search, workshop
from ftui.ui.page import go_to

EARLIER = 50  # runs that are offered to start from
OWN = ("strategy.n", "strategy.layer_decay", "strategy.layers_per_epoch")  # seen only where the strategy has them
LANGUAGE = form.GROUPS["language"]  # seen only where the task has them

ADVISED = ("strategy.name", "training.per_device_train_batch_size", "training.gradient_accumulation_steps")
ADVISED += ("training.per_device_eval_batch_size", "training.gradient_checkpointing", "training.max_length")


def make_recipe(home: Home, data_id: str, reading: str, shares: tuple, values: tuple) -> Recipe:
    """The recipe that the page describes. `shares`: test, validation. Raises UserError."""
    if not data_id:
        raise UserError("no_data_chosen")
    content = form.content(form.named(values))
    read = readings.read(reading)
    content["task"] = read.task
    content["data"] |= {"path": str(home.dataset(data_id)), "columns": read.columns}
    content["data"] |= {"test_size": shares[0], "validation_size": shares[1]}
    content["data"] |= workshop.saved(home.dataset(data_id))["plan"]
    if "label" not in read.form:
        content["data"].pop("balance", None)  # there are no classes, and the tab does not show it
    return recipe.build(content)


def preview(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """After any change: (learning rate, recipe as YAML, notice, the LoRA group, settings that only some strategies have (OWN),
    the group of language models, its settings, epochs, outlook, buttons that take the advice and that time it, Python script)."""
    reading, shares, values = inputs[0], inputs[1:3], inputs[3:]
    strategy = form.named(values)["strategy.name"]
    known = recipe.STRATEGIES[strategy].model_fields
    said = getattr(tasks.get(readings.read(reading).task), "SETTINGS", ())
    own = gr.Column(visible=strategy == "lora"), *(gr.update(visible=name.partition(".")[2] in known) for name in OWN)
    own = *own, gr.Column(visible=bool(said)), *(gr.update(visible=name.partition(".")[2] in said) for name in LANGUAGE)
    unseen = gr.Button(visible=False), gr.Button(visible=False)
    if not data_id:
        return gr.skip(), "", "", *own, gr.skip(), "", *unseen, ""
    from ftui.data import intake

    try:
        made = make_recipe(home, data_id, reading, shares, values)
        lacking = readings.read(reading).problem(lang)
        if lacking:
            return gr.skip(), recipe.dump(made), pieces.notice(lacking, kind="warn"), *own, gr.skip(), "", *unseen, ""
        folder = home.dataset(data_id)
        there = intake.open_dataset(folder).card()["rows"]
        way.check(made, home, there)
        script = _script(made, folder, way, lang)
    except UserError as problem:
        return gr.skip(), gr.skip(), explain(problem, lang), *own, gr.skip(), "", *unseen, gr.skip()
    known = known_model(made.model, way, home)
    rows = made.data.train_rows(there)
    labels, cost = model_facts.labels_of(folder, made.data.columns.get("label")), costs.of(made, home, known)
    advised = model_facts.advice_on(made, known, rows, labels, partial(costs.of, home=home, known=known))
    outlook = model_facts.outlook(made, known, rows, labels, cost, advised, lang)
    rate, epochs = _learning_rate(made, known, lang), _epochs(made, costs.rows_of(made, home, known).train, lang)
    timing = gr.Button(visible=cost.source != "same" and way.mode != "demo")
    taking = gr.Button(visible=made.strategy.name != advised.strategy or bool(advised.settings))
    return rate, recipe.dump(made), "", *own, epochs, outlook, taking, timing, script


def take_advice(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """The strategy that is advised, and the settings that go with it (ADVISED)."""
    made = make_recipe(home, data_id, inputs[0], inputs[1:3], inputs[3:])
    from ftui.data import intake

    known, folder = known_model(made.model, way, home), home.dataset(data_id)
    rows, labels = made.data.train_rows(intake.open_dataset(folder).card()["rows"]), model_facts.labels_of(folder, made.data.columns.get("label"))
    advised = model_facts.advice_on(made, known, rows, labels, partial(costs.of, home=home, known=known))
    shown = form.values(recipe.changed(advice.with_strategy(made, advised.strategy), [f"{k}={v}" for k, v in advised.settings.items()]))
    return tuple(shown[name] for name in ADVISED)


def measure(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> Iterator[tuple]:
    """Time the recipe on this machine: (notice, the button), at once that it is under way, then how it went."""
    yield "", gr.Button(languages.text("measuring", lang), interactive=False)
    problem = ""
    try:
        made = make_recipe(home, data_id, inputs[0], inputs[1:3], inputs[3:])
        way.check(made, home, 0)
        costs.measure(made, home)
    except UserError as error:
        problem = explain(error, lang)
    yield problem, gr.Button(languages.text("measure", lang), interactive=True)


def _script(made: Recipe, folder: Path, way: Access, lang: str) -> str:
    """The plain Python script, or a comment that there is none for this task."""
    try:
        return jobs.script_of(made, folder, way)
    except UserError as problem:
        if problem.code != "script_task":
            raise
        return f"# {problem.message(lang)}\n# {problem.hint(lang)}\n"


def known_model(model: str, way: Access, home: Home) -> Known:
    """What is known of a model; where others reach this page, nothing of its folders but the runs of this home."""
    if model.startswith(RUN):
        try:
            return replace(base_models.find(home.base(model)), model=model)
        except UserError:
            return Known(model, "folder", False)
    if way.mode != "local" and model not in starters.names() and not base_models.HUB_ID.fullmatch(model):
        return Known(model, "hub", False)
    return base_models.find(model, folders=way.mode == "local")


def about_model(home: Home, lang: str, data_id: str, reading: str, model: str | None, way: Access = LOCAL) -> Iterator[str]:
    """The line about a model: at once what this machine knows, then, of one that it does not know, what the Hub says."""
    model = (model or "").strip()
    if not model:
        yield ""
        return
    written = _language(home, data_id, reading)
    known = known_model(model, way, home)
    if known.kind != "hub" or known.config or not base_models.HUB_ID.fullmatch(model) or way.mode == "demo":
        yield model_facts.line(known, written, lang)
        return
    yield model_facts.line(known, written, lang, asking=True)
    known, problem = base_models.ask_hub(model)
    yield model_facts.line(known, written, lang, problem)


def _language(home: Home, data_id: str, reading: str) -> str | None:
    first = next(iter(readings.read(reading).columns.values()), None)
    try:
        return model_facts.language_of(home.dataset(data_id), first) if data_id else None
    except UserError:
        return None


def _epochs(made: Recipe, rows: int, lang: str) -> dict:
    """The explanation of the number of epochs; for `auto` with the number that it stands for."""
    info = languages.setting("training.num_train_epochs", lang)[1]
    if made.training.num_train_epochs == "auto":
        info = languages.text("auto_epochs", lang, epochs=round(made.epochs(rows)), rows=rows)
    return gr.Textbox(info=info)


def _learning_rate(made: Recipe, known: Known, lang: str) -> dict:
    """The explanation of the learning rate; for `auto` with the value that it stands for."""
    info = languages.setting("training.learning_rate", lang)[1]
    if made.training.learning_rate == "auto":
        rate = made.learning_rate(known.parameters or starters.UNKNOWN)
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
        reason, got = (said[lang] if isinstance(said, dict) else said for said in (problem.params["problem"], problem.params["got"]))
        sentence = languages.text("bad_setting", lang, label=label, got=got, problem=reason)
        return pieces.notice(sentence, languages.text("bad_setting_hint", lang, field=field), "bad")
    return pieces.notice(problem.message(lang).replace(field, label), problem.hint(lang), "bad")


def start(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """Start the training: (notice, run id, tabs). What is wrong is said at the place, and nothing starts."""
    reading, shares, values = inputs[0], inputs[1:3], inputs[3:]
    try:
        run = jobs.start_training(make_recipe(home, data_id, reading, shares, values), home, way=way)
    except UserError as problem:
        return explain(problem, lang), gr.skip(), gr.skip()
    return "", run.id, go_to("log")


def start_race(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """Start a run for each strategy of a race: (notice, id of the first, tabs)."""
    try:
        runs = races.start(make_recipe(home, data_id, inputs[0], inputs[1:3], inputs[3:]), home, way=way)
    except UserError as problem:
        return explain(problem, lang), gr.skip(), gr.skip()
    return "", runs[0].id, go_to("log")


def open_search(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """Open the form of a search: (its part, what to expect of it). `inputs` end with what the form asks."""
    return gr.Column(visible=True), expect(home, lang, data_id, *inputs, way=way)


def expect(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> str:
    """How many trials a search will make; "" where that can't be told."""
    *inputs, minutes, trials, _ = inputs
    try:
        made = make_recipe(home, data_id, inputs[0], inputs[1:3], inputs[3:])
        return search.expected(costs.of(made, home, known_model(made.model, way, home)), minutes or 0, int(trials or 1), lang)
    except UserError:
        return ""


def start_search(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """Start a search: (notice, its run, tabs). `inputs` end with what its form asks."""
    *inputs, minutes, trials, vary = inputs
    try:
        made = make_recipe(home, data_id, inputs[0], inputs[1:3], inputs[3:])
        run = jobs.start_training(search.asked(made, minutes, trials, vary), home, way=way)
    except UserError as problem:
        return explain(problem, lang), gr.skip(), gr.skip()
    return "", run.id, go_to("log")


def show(home: Home, lang: str, data_id: str, *inputs: Any, way: Access = LOCAL) -> tuple:
    """The tab was opened: (line about the data, empty state, form, earlier runs, line about the model, and what `preview` gives)."""
    try:
        folder = home.dataset(data_id) if data_id else None
    except UserError:
        folder = None
    earlier = earlier_runs(home, lang)
    if folder is None:
        return "", gr.HTML(visible=True), gr.Column(visible=False), earlier, *([gr.skip()] * (14 + len(LANGUAGE)))
    from ftui.data import intake

    card = intake.open_dataset(folder).card()
    read = readings.read(inputs[0])
    rows = "n_rows_uncleaned" if workshop.saved(folder)["plan"].get("clean") else "n_rows"
    facts = [readings.task_name(read.task, lang), languages.text(rows, lang, n=card["rows"]), readings.arrow(read)]
    line = pieces.facts(card["name"], facts)
    model = form.named(inputs[3:])["model"]
    about = model_facts.line(known_model(model, way, home), _language(home, data_id, inputs[0]), lang) if model else ""
    previewed = preview(home, lang, data_id, *inputs, way=way)
    return line, gr.HTML(visible=False), gr.Column(visible=True), earlier, about, *previewed


def suit(home: Home, lang: str, reading: str, model: str | None, before: str) -> tuple:
    """(model, task): with another task than `before` comes its starter model, where that of the one before was chosen."""
    task = readings.read(reading).task
    wanted = tasks.starter(task)
    return wanted if model == tasks.starter(before) and wanted in starters.names() else gr.skip(), task


def earlier_runs(home: Home, lang: str) -> dict:
    """The list of runs to start from, newest first; unseen where there are none."""
    choices = []
    for line in jobs.summaries(home)[:EARLIER]:
        when = time.strftime("%m-%d %H:%M", time.localtime(line["created"]))
        score = f" · {line['value']:.3f}" if line["value"] is not None else ""
        choices.append((f"{line['name']}{score} · {when}", line["id"]))
    return gr.Dropdown(choices=choices, value=None, visible=bool(choices))
