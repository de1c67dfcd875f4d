"""Step 1: bring a file, see what is in it, say which columns matter, see how it is split."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ftui import tasks
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home, starter_tokenizer
from ftui.ui import charts, dividing, glossary, growing, labelling, naming, pieces, preview, readings, sources, workshop
from ftui.ui.page import LATEST, QUIET, Choice, Page, View, chart, draw, go_to, html

if TYPE_CHECKING:
    from ftui.data.report import Sheet

PAGE_ROWS = 20
COUNTED = 20_000  # rows whose entities are counted
LONGEST_AUTO = 512  # tokens: where `max_length: auto` cuts


# ---- handlers: plain arguments in, updates out


def known(home: Home, lang: str, data_id: str) -> dict:
    """The list of data sets that are already here, the chosen one selected."""
    from ftui.data import intake

    cards = [dataset.card() for dataset in intake.list_datasets(home)]
    choices = [(f"{card['name']} · {languages.text('n_rows', lang, n=card['rows'])}", card["id"]) for card in cards]
    chosen = data_id if data_id in {card["id"] for card in cards} else None
    return gr.Dropdown(choices=choices, value=chosen, visible=bool(choices))


def choose(data_id: str, chosen: str | None) -> object:
    """The id that was picked from the list, unless it is the one that is shown."""
    return chosen if chosen and chosen != data_id else gr.skip()


def show(home: Home, lang: str, data_id: str) -> tuple:
    """A data set was chosen: (earlier, empty state, group, facts, notes, reading, plan, search, findings, shown rows, four
    controls of the split). The rest follows the reading."""
    dataset = _open(home, data_id)
    if dataset is None:
        return (gr.skip(), gr.HTML(visible=True), gr.Column(visible=False), *([gr.skip()] * 11))
    from ftui.data import intake

    card = dataset.card()
    names = [column["name"] for column in card["columns"]]
    kept = workshop.saved(dataset.path)
    reading = readings.of(kept["task"], kept["columns"]) if kept["task"] else readings.guess(dataset.path)
    plan = workshop.written(kept["plan"])
    workshop.save(dataset.path, reading.task, reading.columns, workshop.read(plan))
    facts = [card["encoding"] and card["encoding"].upper().replace("_", "-")]
    facts += [languages.text("n_rows", lang, n=card["rows"]), languages.text("n_columns", lang, n=len(names))]
    return (
        known(home, lang, data_id),
        gr.HTML(visible=False),
        gr.Column(visible=True),
        pieces.facts(card["name"], [*facts, pieces.size(card["bytes"])]),
        "".join(pieces.notice(note, kind="warn") for note in intake.notes(card, lang)),
        readings.written(data_id, reading),
        plan,
        "",
        pieces.notice(languages.text("checking", lang)),
        "",
        *dividing.show(kept["plan"], names),
    )


def choose_task(home: Home, lang: str, data_id: str, task: str, form: str = "") -> object:
    """Another task, or another form of its rows, was chosen: the reading, its columns guessed anew."""
    dataset = _open(home, data_id)
    if dataset is None:
        return gr.skip()
    return readings.written(data_id, readings.guess(dataset.path, task, tuple(form.split())))


def choose_columns(home: Home, lang: str, data_id: str, task: str, form: str, *chosen: str | None) -> str:
    """A column was chosen: the reading."""
    return readings.written(data_id, readings.with_columns(task, form, chosen))


def view(home: Home, lang: str, data_id: str, reading: str, search: str, number: float, test_size: float, validation_size: float) -> tuple:
    """All that depends on the reading: (task, form, a picker for each role, what `view_again` gives, split as far as it is known
    at once)."""
    dataset = _open(home, data_id)
    if dataset is None:
        return (*([gr.skip()] * (2 + readings.MOST_ROLES)), gr.skip(), "", gr.skip(), "", "", "")
    now = readings.read(reading)
    return (
        now.task,
        *readings.controls(now, dataset.table().column_names, lang),
        *view_again(home, lang, data_id, reading, search, number),
        pieces.split_bar(quick_sizes(dataset.path, reading, test_size, validation_size), lang),
    )


def view_rows(
    home: Home, lang: str, data_id: str, reading: str, search: str, number: float, plan: str = "", mended: bool = False
) -> tuple:
    """One page of the table: (table, number of pages as an update of the page field). `mended`: the rows as the plan's
    steps leave them, else as they are in the file."""
    dataset = _open(home, data_id)
    if dataset is None:
        return "", gr.skip()
    from ftui.data import inspecting

    now = _mended(dataset.path, reading, plan) if mended else None
    shown = now.table if now else dataset.table()
    here = max(int(number or 1), 1)
    columns, rows, matches = inspecting.rows(shown, (here - 1) * PAGE_ROWS, PAGE_ROWS, search or "")
    pages = max(1, math.ceil(matches / PAGE_ROWS))
    if here > pages:
        here = pages
        columns, rows, matches = inspecting.rows(shown, (here - 1) * PAGE_ROWS, PAGE_ROWS, search or "")
    marks = {name: readings.role_name(role, lang) for role, name in readings.read(reading).named}
    if now:  # its columns are roles, and the number of the row in the file
        place = columns.index("row")
        rows = [[*row[:place], f"{int(row[place]) + 1:,}", *row[place + 1 :]] for row in rows]
        names = {"row": languages.text("row", lang)} | {role: readings.role_name(role, lang) for role in now.columns}
        columns, marks = [names.get(name, name) for name in columns], {}
    heads = [pieces.cell(name, 40) + (f"<mark>{marks[name]}</mark>" if name in marks else "") for name in columns]
    cells = [[pieces.cell(value) for value in row] for row in rows]
    table = pieces.table(heads, cells, none=languages.text("no_match" if search else "no_rows", lang))
    found = languages.text("page_of", lang, pages=pages, n=matches)
    return table, gr.Number(label=found, value=here, visible=True)


def view_again(home: Home, lang: str, data_id: str, reading: str, search: str, number: float) -> tuple:
    """(File or mended rows, seen where the kept plan has steps; table, page, label chart, length chart)."""
    folder = workshop.folder_of(home, data_id)
    plan = workshop.written(workshop.saved(folder)["plan"]) if folder else "{}"
    steps = bool(workshop.read(plan).get("clean"))
    rows = view_rows(home, lang, data_id, reading, search, number, plan, steps)
    return gr.Radio(value=steps, visible=steps), *rows, *view_columns(home, lang, data_id, reading, plan)


def view_columns(home: Home, lang: str, data_id: str, reading: str, plan: str = "") -> tuple:
    """(label chart, length chart) for the chosen columns, of the rows that the plan's steps leave."""
    dataset = _open(home, data_id)
    if dataset is None:
        return "", ""
    now = _mended(dataset.path, reading, plan)
    counts, length = looked_after(now) if now else looked(dataset.path, reading)
    cut = LONGEST_AUTO if length and length["unit"] == "tokens" else None
    shown_lengths = charts.lengths(length, cut, lang) if length else None
    return draw(charts.label_counts(counts, lang)), draw(shown_lengths)


def view_split(home: Home, lang: str, data_id: str, reading: str, test_size: float, validation_size: float, plan: str = "") -> str:
    """How many rows go where, as a bar."""
    dataset = _open(home, data_id)
    if dataset is None:
        return ""
    try:
        sizes = split_sizes(dataset.path, reading, test_size, validation_size, plan)
    except UserError as problem:
        return pieces.error(problem, lang)
    return pieces.split_bar(sizes, lang)


@functools.lru_cache(maxsize=64)
def split_sizes(path: Path, reading: str, test_size: float, validation_size: float, plan: str = "") -> dict[str, int]:
    """Rows of train, validation and test, by the very function that will split them. Of more rows than the report looks
    at they are reckoned from its sample."""
    from ftui.core.recipe import Data
    from ftui.data import intake, preparing

    dataset, content, read = intake.open_dataset(path), workshop.read(plan), readings.read(reading)
    if read.problem("en"):
        return quick_sizes(path, reading, test_size, validation_size)
    now = workshop.sheet(path, reading, plan)
    stratify = tasks.get(read.task).STRATIFY
    labels = now.table[stratify].to_pylist() if stratify else None
    own = {split: Path(content[f"{split}_path"]) for split in ("validation", "test") if content.get(f"{split}_path")}
    sizes = {"test": test_size, "validation": validation_size} | dict.fromkeys(own, 0.0)
    made = preparing.divide(now.table, labels, Data(path=str(path), **content), sizes, dataset.table())
    scale = now.total / max(len(now.raw), 1)
    counts = {name: round(len(made[name]) * scale) for name in ("train", "validation", "test")}
    return counts | {name: intake.open_dataset(folder).card()["rows"] for name, folder in own.items()}


@functools.lru_cache(maxsize=64)
def quick_sizes(path: Path, reading: str, test_size: float, validation_size: float) -> dict[str, int]:
    """The same before anything is known of the rows but their labels."""
    from ftui.data import intake, splitting

    table, now = intake.open_dataset(path).table(), readings.read(reading)
    labels, rows = None, table.num_rows
    column = now.columns.get(tasks.get(now.task).STRATIFY or "")
    if column in table.column_names:
        labels = [name for value in table[column].to_pylist() if (name := splitting.label_text(value)) is not None]
        rows = len(labels)
    split = splitting.split_rows(labels, rows, test_size, validation_size, 42)
    return {name: len(split[name]) for name in ("train", "validation", "test")}


def use(home: Home, lang: str, data_id: str, reading: str) -> object:
    """On to Fine-tune, if it is clear what to learn from what."""
    problem = readings.read(reading).problem(lang)
    if not data_id or problem:
        gr.Warning(escape(problem or languages.text("data_empty_title", lang)))
        return gr.skip()
    return go_to("tune")


def _open(home: Home, data_id: str):
    from ftui.data import intake

    try:
        return intake.open_dataset(home.dataset(data_id)) if data_id else None
    except UserError:
        return None


def _mended(path: Path, reading: str, plan: str) -> Sheet | None:
    """The rows as the steps leave them; None where there are no steps, or the rows cannot be read so (the findings say it)."""
    if not workshop.read(plan).get("clean") or readings.read(reading).problem("en"):
        return None
    try:
        return workshop.sheet(path, reading, plan)
    except UserError:
        return None


def looked_after(now: Sheet) -> tuple[list[tuple[str, int]], dict | None]:
    """What `looked` says, of the rows that the steps have left."""
    import pyarrow as pa

    from ftui.data import inspecting

    scale = now.total / max(len(now.raw), 1)
    counts = [(label, round(n * scale)) for label, n in Counter(now.labels or ()).most_common()]
    return counts, inspecting.lengths(pa.table({"text": now.texts}), "text", now.tokenizer)


@functools.lru_cache(maxsize=64)
def looked(path: Path, reading: str) -> tuple[list[tuple[str, int]], dict | None]:
    """(labels and how often they occur, lengths of what a model will read), as far as the columns are chosen; lengths are
    None where they are not. A data set never changes, so what was counted once stays true."""
    import pyarrow as pa

    from ftui.data import cleaning, forms, inspecting, intake, preparing

    table, now = intake.open_dataset(path).table(), readings.read(reading)
    tokenizer = starter_tokenizer()
    columns = {role: column for role, column in now.columns.items() if set(forms.names(role, column)) <= set(table.column_names)}
    counts = inspecting.label_counts(table, columns["label"]) if "label" in columns else []
    inputs = tasks.inputs(tasks.get(now.task), columns)
    if len(inputs) == 1 and inputs[0] in columns:
        texts = table.select([columns[inputs[0]]])
    elif now.lacking:
        return counts, None
    if not now.lacking and (len(inputs) > 1 or not counts):
        try:
            rows, _ = preparing.filled(inspecting.sample(table, COUNTED)[0], columns, forms.wanted(columns))
        except UserError:  # the findings say it
            return counts, None
        counts = counts or tasks.get(now.task).counts(rows)
        texts = pa.table({"text": cleaning.texts(rows)})
    return counts, inspecting.lengths(texts, texts.column_names[0], tokenizer)


# ---- the page


def build(page: Page) -> tuple[Choice, View]:
    """Lay out the tab and wire it; returns the controls that Fine-tune reads, and what shows a data set."""
    t = page.t
    notice, earlier = sources.build(page)
    nothing = html(pieces.empty("▤", t("data_empty_title"), t("data_empty_text")), elem_id="data-empty")
    with gr.Column(visible=False, elem_id="data-view") as content:
        with gr.Column(elem_classes=["sheet"]):
            facts = html(elem_id="data-facts")
            reading = gr.Textbox("{}", elem_id="data-reading", visible="hidden", container=False, show_label=False)
            with gr.Row():
                known_tasks = [(readings.task_name(name, page.lang), name) for name in tasks.TASKS]
                task = gr.Dropdown(known_tasks, value=known_tasks[0][1], label=t("task"), elem_id="task", min_width=180)
                form = gr.Dropdown([], label=t("form"), visible=False, elem_id="form", min_width=180)
                ids = ("text-column", "label-column", "third-column", "fourth-column", "fifth-column")
                pickers = [gr.Dropdown([], value=None, visible=False, elem_id=name, min_width=180) for name in ids]
            notes = html(elem_id="data-notes")
            remove = gr.Button(t("delete_data"), size="sm", elem_id="delete-data", elem_classes=["quiet"])
        labelling.build(page, reading, notice)
        talk = preview.build()
        mended = workshop.build(page)
        grown = growing.build(page)
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                with gr.Row(elem_classes=["table-tools"]):
                    search = gr.Textbox(
                        placeholder=t("search_rows"),
                        show_label=False,
                        container=False,
                        elem_id="search",
                        scale=3,
                        min_width=160,
                    )
                    mended_rows = gr.Radio(
                        [(t("rows_of_file"), False), (t("rows_to_learn"), True)], value=False, show_label=False, container=False,
                        visible=False, elem_id="rows-mended", elem_classes=["segments"],
                    )
                table = html(elem_id="rows", elem_classes=["tall"])
                number = gr.Number(1, label="", minimum=1, precision=0, elem_id="rows-page", elem_classes=["pager"], visible=False)
            with gr.Column(scale=2, min_width=280):
                counts = chart(t("label_counts"), t("label_counts_note"), t("no_labels"), elem_id="chart-labels")
                named = naming.build(page)
                lengths = chart(t("lengths"), t("lengths_note"), elem_id="chart-lengths")
                with gr.Column(elem_classes=["sheet", "decision", "inset"]):
                    html(pieces.heading(t("split_title"), t("split_note")))
                    glossary.place("splits", page.lang)
                    split = html(elem_id="split")
                    divided_by = dividing.build(page)
                    shares = {"minimum": 0.0, "maximum": dividing.MOST, "step": 0.01, "buttons": []}
                    test_size = gr.Slider(value=0.2, label=t("test_share"), elem_id="test-size", **shares)
                    validation_size = gr.Slider(
                        value=0.1, label=t("validation_share"), elem_id="validation-size", **shares
                    )
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("use_data"), variant="primary", elem_id="use-data")

    earlier.input(choose, [page.data, earlier], [page.data], **QUIET)

    sizes = [test_size, validation_size]
    read = [page.data, reading]
    seen = [mended_rows, table, number, counts, lengths]
    viewed = [task, form, *pickers, *seen, split]
    paged = [*read, search, number]
    chosen = [page.data, task, form, *pickers]
    task.input(page.bind(choose_task), [page.data, task], [reading], **LATEST)
    form.input(page.bind(choose_task), [page.data, task, form], [reading], **LATEST)
    gr.on([picker.input for picker in pickers], page.bind(choose_columns), chosen, [reading], **LATEST)
    reading.change(page.bind(view), [*paged, *sizes], viewed, **LATEST)
    reading.change(page.bind(preview.show), read, [talk], **LATEST)
    gr.on([search.input, number.input, mended_rows.input], page.bind(view_rows), [*paged, mended.plan, mended_rows], [table, number], **LATEST)
    mended.plan.change(page.bind(view_again), paged, seen, **LATEST)
    counted = {"fn": page.bind(view_split), "inputs": [*read, *sizes, mended.plan], "outputs": [split], **LATEST}
    gr.on([test_size.input, validation_size.input], **counted)
    workshop.wire(page, mended, reading, lambda event: event.then(**counted))
    naming.wire(page, named, reading, mended)
    growing.wire(page, grown, mended, reading, sizes)
    dividing.wire(page, divided_by, mended.plan)
    asked = f"(id) => confirm({json.dumps(t('delete_data_sure'))}) ? id : ''"
    remove.click(page.bind(sources.delete), [page.data], [page.data, notice], js=asked, trigger_mode="multiple", **QUIET)
    onward.click(page.bind(use), read, [page.tabs], **QUIET)
    shown = [earlier, nothing, content, facts, notes, reading, mended.plan, search, mended.findings, mended.panel, *divided_by.all]
    return Choice(reading, *sizes, mended.plan, divided_by.all), View(show, [page.data], shown, by_run=False)
