"""Filling the form of the Fine-tune tab from a recipe: one that is pasted or uploaded, or an earlier run's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from ftui import jobs
from ftui.core import languages, machine, recipe_yaml, starters
from ftui.core import recipe as recipes
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import RUN, Home
from ftui.core.recipe import Recipe
from ftui.jobs import searches, smaller
from ftui.ui import dividing, form, pieces, readings, sidebar, workshop

CHOICES = 8  # controls of the Data tab that a recipe fills: see ftui.ui.page.Choice
OWN_FILES = ("validation_path", "test_path")
ELSEWHERE = ("search", "ensemble")  # sections of a recipe that other buttons make


def read(text: str, where: str = "recipe.yaml") -> Recipe:
    """A recipe from its YAML. One without data will do: the page has data of its own. Raises UserError."""
    if len(text) > recipe_yaml.LARGEST:
        raise UserError("recipe_unreadable", path=where, problem=languages.catalogue("problems")["too_long"])
    content = recipe_yaml.parse(text, where)
    data = content.setdefault("data", {})
    if isinstance(data, dict):
        data.setdefault("path", "-")
    return recipes.build(content, where)


def load(home: Home, lang: str, data_id: str, text: str | None, way: Access = LOCAL) -> tuple:
    """(notice, what `choices` gives, controls as in `fill`); what is wrong is said, and nothing changes."""
    if not (text or "").strip():
        return _refused(pieces.notice(languages.text("paste_first", lang), kind="warn"))
    try:
        made = read(text)
        if way.mode == "demo" and made.model not in starters.names() and not made.model.startswith(RUN):
            raise UserError("demo_model", model=made.model, known=", ".join(starters.names()))
    except UserError as problem:
        return _refused(pieces.error(problem, lang))
    filled = languages.text("recipe_loaded", lang, model=made.model)
    made = _with_open_files(home, data_id, made)
    return pieces.notice(filled, " ".join(_differences(home, data_id, made, lang, way))), *choices(home, data_id, made), *fill(home, made, way)


def load_file(home: Home, lang: str, data_id: str, path: str | None, way: Access = LOCAL) -> tuple:
    """The same from an uploaded file; the text that was read comes first."""
    if not path:
        return "", *_refused("")
    try:
        if Path(path).stat().st_size > recipe_yaml.LARGEST:
            raise UserError("recipe_unreadable", path=Path(path).name, problem=languages.catalogue("problems")["too_long"])
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problem = UserError("recipe_unreadable", path=Path(path).name, problem=languages.catalogue("problems")["no_mapping"])
        return "", *_refused(pieces.error(problem, lang))
    except UserError as problem:
        return "", *_refused(pieces.error(problem, lang))
    return text, *load(home, lang, data_id, text, way)


def clone(home: Home, lang: str, run_id: str | None, data_id: str, way: Access = LOCAL) -> tuple:
    """Start from an earlier run: (notice, data id, run whose choices are still to be set, what `choices` gives, controls).

    Where the data set changes, the Data tab shows it as it was left; `settle` sets the run's own choices after that.
    """
    if not run_id:
        return gr.skip(), gr.skip(), gr.skip(), *_nothing()
    student = run_id.startswith(smaller.STUDENT)
    _, _, base = run_id.removeprefix(smaller.STUDENT).split(":", 2) if student else ("", "", "")
    run = home.run(run_id.split(":")[1] if student else run_id)
    made = smaller.student(run, base or None) if student else recipes.load(run.recipe)
    best = searches.found(run) if made.search else None  # a search is started from for what it has found
    made = best or made
    about = jobs.summary(run)
    own = Path(made.data.path).name
    try:
        home.dataset(own)
    except UserError:
        own = ""
    moved = own and own != data_id
    hints = [languages.text("clone_data", lang, name=about["dataset"])] if moved else []
    hints.append(languages.text("clone_next" if own else "clone_no_data", lang))
    hints += _differences(home, own or data_id, made, lang, way)
    filled = languages.text("student_filled" if student else "search_filled" if best else "clone_filled", lang, name=sidebar.name_of(about, lang))
    notice = pieces.notice(filled, " ".join(hints))
    if moved:
        return notice, own, run.id, *([gr.skip()] * CHOICES), *fill(home, made, way)
    return notice, gr.skip(), "", *choices(home, own or data_id, made), *fill(home, made, way)


def settle(home: Home, lang: str, data_id: str, pending: str) -> tuple:
    """After another data set was opened for a run: (nothing pending, what `choices` gives for that run)."""
    if not pending:
        return "", *([gr.skip()] * CHOICES)
    return "", *choices(home, data_id, recipes.load(home.run(pending).recipe))


def choices(home: Home, data_id: str, made: Recipe) -> tuple:
    """(reading, test share, validation share, plan, how rows are split) as a recipe says, as far as the data set has its
    columns; one that names neither task nor columns leaves the reading as it is. The plan is kept."""
    shares = [min(share, dividing.MOST) for share in (made.data.test_size, made.data.validation_size)]
    names = _columns(home, data_id)
    if not names:
        return gr.skip(), *shares, *([gr.skip()] * (CHOICES - 3))
    lacking = _without_column(made, names)
    plan = {name: value for name, value in workshop.plan_of(made).items() if name not in lacking}
    plan |= _own_files(home, made)
    workshop.keep(home, data_id, workshop.written(plan))
    return _reading(home, data_id, made, names), *shares, workshop.written(plan), *dividing.show(plan, names)


def _reading(home: Home, data_id: str, made: Recipe, names: list[str]) -> object:
    """The reading as the page holds it; what the recipe does not say of it is guessed."""
    if "task" not in made.model_fields_set and not made.data.columns:
        return gr.skip()
    reading = readings.of_recipe(made, names)
    if reading.lacking:
        guessed = readings.guess(home.dataset(data_id), reading.task, reading.form if reading.columns else ())
        reading = readings.of(made.task, guessed.columns | reading.columns)
    return readings.written(data_id, reading)


def _without_column(made: Recipe, names: list[str]) -> dict[str, str]:
    """Settings that split by a column which the data set lacks -> that column."""
    fields = {field: getattr(made.data, field) for field in ("group_column", "date_column")}
    return {field: column for field, column in fields.items() if column and column not in names}


def _own_files(home: Home, made: Recipe) -> dict[str, str]:
    """Own rows to validate or test with that are data sets of this home; the plan names them."""
    found = {}
    for field in OWN_FILES:
        folder = workshop.folder_of(home, Path(getattr(made.data, field) or "").name)
        if folder is not None:
            found[field] = str(folder)
    return found


def _with_open_files(home: Home, data_id: str, made: Recipe) -> Recipe:
    """The recipe, with the own files that belong to the data that is open where it names none and can have them."""
    folder = workshop.folder_of(home, data_id)
    plan = workshop.saved(folder)["plan"] if folder else {}
    free = OWN_FILES[:1] if made.data.folds else OWN_FILES
    kept = {field: plan[field] for field in free if field in plan and not getattr(made.data, field)}
    return made.model_copy(update={"data": made.data.model_copy(update=kept)})


def _lost_files(home: Home, made: Recipe, way: Access) -> list[str]:
    """Those that are not here, or not to be named from elsewhere."""
    named = {field: path for field in OWN_FILES if (path := getattr(made.data, field))}
    others = {field: path for field, path in named.items() if field not in _own_files(home, made)}
    return [field for field, path in others.items() if way.mode != "local" or not Path(path).exists()]


def fill(home: Home, made: Recipe, way: Access = LOCAL) -> list:
    """The values of all controls, in the order of form.FIELDS."""
    shown = form.values(made)
    if shown["device"] not in machine.devices():
        shown["device"] = "auto"
    for field in (*_own_files(home, made), *_lost_files(home, made, way)):
        shown["data." + field] = ""
    return [shown[name] for name in form.FIELDS]


def _differences(home: Home, data_id: str, made: Recipe, lang: str, way: Access) -> list[str]:
    """What of a recipe could not be taken over here."""
    told = []
    names = _columns(home, data_id)
    lacking = [name for _, name in readings.of(made.task, made.data.columns).named if name not in names]
    if lacking:
        told.append(languages.text("recipe_columns_kept", lang, names=", ".join(lacking)))
    for column in _without_column(made, names).values():
        told.append(languages.text("recipe_split_column", lang, column=column))
    if made.device not in machine.devices():
        told.append(languages.text("recipe_device_auto", lang, device=made.device))
    files = [f"data.{field}" for field in _lost_files(home, made, way)]
    if files:
        told.append(languages.text("recipe_files_lost", lang, names=_listed(files, lang)))
    shares = [f"data.{field}" for field in ("test_size", "validation_size") if getattr(made.data, field) > dividing.MOST]
    if shares:
        told.append(languages.text("recipe_shares_less", lang, names=_listed(shares, lang), most=dividing.MOST))
    sections = [section for section in ELSEWHERE if getattr(made, section) is not None]
    if sections:
        told.append(languages.text("recipe_sections_lost", lang, names=_listed(sections, lang)))
    return told


def _listed(names: list[str], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(names)


def _columns(home: Home, data_id: str) -> list[str]:
    from ftui.data import intake

    try:
        return [column["name"] for column in intake.open_dataset(home.dataset(data_id)).card()["columns"]]
    except UserError:
        return []


def _nothing() -> list[Any]:
    return [gr.skip()] * (CHOICES + len(form.FIELDS))


def _refused(notice: str) -> tuple:
    return notice, *_nothing()
