"""Step 1: bring a file, see what is in it, say which columns matter, see how it is split."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path

import gradio as gr

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home, starter_models
from ftui.ui import charts, dividing, glossary, growing, pieces, sources, workshop
from ftui.ui.page import LATEST, QUIET, Choice, Page, View, chart, draw, go_to, html

PAGE_ROWS = 20
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


def show(home: Home, lang: str, data_id: str, test_size: float, validation_size: float) -> tuple:
    """A data set was chosen: (earlier, empty state, group, facts, notes, text column, label column, plan, search, table,
    page, label chart, length chart, split, findings, shown rows, four controls of the split, which data set is shown)."""
    dataset = _open(home, data_id)
    if dataset is None:
        return (gr.skip(), gr.HTML(visible=True), gr.Column(visible=False), *([gr.skip()] * 18))
    from ftui.data import inspecting, intake

    card = dataset.card()
    names = [column["name"] for column in card["columns"]]
    recognised = inspecting.guess(dataset.table())
    guessed = recognised["columns"]
    kept = workshop.saved(dataset.path)
    text, label = (kept["columns"].get(role, guessed.get(role)) for role in ("text", "label"))
    plan = workshop.written(kept["plan"])
    workshop.save(dataset.path, {"text": text, "label": label}, workshop.read(plan))
    facts = [card["encoding"] and card["encoding"].upper().replace("_", "-")]
    facts += [languages.text("n_rows", lang, n=card["rows"]), languages.text("n_columns", lang, n=len(names))]
    return (
        known(home, lang, data_id),
        gr.HTML(visible=False),
        gr.Column(visible=True),
        pieces.facts(card["name"], [*facts, pieces.size(card["bytes"])]),
        "".join(pieces.notice(note, kind="warn") for note in intake.notes(card, lang)) + other_task(recognised, lang),
        gr.Dropdown(choices=names, value=text),
        gr.Dropdown(choices=names, value=label),
        plan,
        "",
        *view(home, lang, data_id, text, label, "", 1, test_size, validation_size),
        pieces.notice(languages.text("checking", lang)),
        "",
        *dividing.show(kept["plan"], names),
        data_id,
    )


def other_task(recognised: dict, lang: str) -> str:
    """A data set that is plainly made for a task which this tab does not set up: how it is trained all the same."""
    task = recognised["task"]
    if task == "text-classification":
        return ""
    name, columns = languages.text("task_" + task.replace("-", "_"), lang), ", ".join(recognised["columns"].values())
    return pieces.notice(languages.text("other_task", lang, name=name, columns=columns, task=task), kind="info")


def view(
    home: Home,
    lang: str,
    data_id: str,
    text: str | None,
    label: str | None,
    search: str,
    number: float,
    test_size: float,
    validation_size: float,
) -> tuple:
    """All that depends on the chosen columns: (table, page, label chart, length chart, split as far as it is known at once)."""
    return (
        *view_rows(home, lang, data_id, text, label, search, number),
        *view_columns(home, lang, data_id, text, label),
        pieces.split_bar(quick_sizes(home.dataset(data_id), label, test_size, validation_size), lang) if _open(home, data_id) else "",
    )


def view_rows(
    home: Home, lang: str, data_id: str, text: str | None, label: str | None, search: str, number: float
) -> tuple:
    """One page of the table: (table, number of pages as an update of the page field)."""
    dataset = _open(home, data_id)
    if dataset is None:
        return "", gr.skip()
    from ftui.data import inspecting

    here = max(int(number or 1), 1)
    columns, rows, matches = inspecting.rows(dataset.table(), (here - 1) * PAGE_ROWS, PAGE_ROWS, search or "")
    pages = max(1, math.ceil(matches / PAGE_ROWS))
    if here > pages:
        here = pages
        columns, rows, matches = inspecting.rows(dataset.table(), (here - 1) * PAGE_ROWS, PAGE_ROWS, search or "")
    marks = {text: languages.text("role_text", lang), label: languages.text("role_label", lang)}
    heads = [pieces.cell(name, 40) + (f"<mark>{marks[name]}</mark>" if name in marks else "") for name in columns]
    cells = [[pieces.cell(value) for value in row] for row in rows]
    table = pieces.table(heads, cells, none=languages.text("no_match" if search else "no_rows", lang))
    found = languages.text("page_of", lang, pages=pages, n=matches)
    return table, gr.Number(label=found, maximum=pages, value=here)


def view_columns(home: Home, lang: str, data_id: str, text: str | None, label: str | None) -> tuple:
    """(label chart, length chart) for the chosen columns."""
    dataset = _open(home, data_id)
    if dataset is None:
        return "", ""
    columns = {column["name"] for column in dataset.card()["columns"]}
    text, label = (name if name in columns else None for name in (text, label))
    counts = _counts(dataset.path, label) if label else []
    length = _lengths(dataset.path, text) if text else None
    cut = LONGEST_AUTO if length and length["unit"] == "tokens" else None
    shown_lengths = charts.lengths(length, cut, lang) if length else None
    return draw(charts.label_counts(counts, lang)), draw(shown_lengths)


def view_split(
    home: Home, lang: str, data_id: str, text: str | None, label: str | None, test_size: float, validation_size: float, plan: str = ""
) -> str:
    """How many rows go where, as a bar."""
    dataset = _open(home, data_id)
    if dataset is None:
        return ""
    try:
        sizes = split_sizes(dataset.path, text, label, test_size, validation_size, plan)
    except UserError as problem:
        return pieces.error(problem, lang)
    return pieces.split_bar(sizes, lang)


@functools.lru_cache(maxsize=64)
def split_sizes(
    path: Path, text: str | None, label: str | None, test_size: float, validation_size: float, plan: str = ""
) -> dict[str, int]:
    """Rows of train, validation and test, by the very function that will split them. Of more rows than the report looks
    at they are reckoned from its sample."""
    from ftui.core.recipe import Data
    from ftui.data import intake, preparing

    dataset, content = intake.open_dataset(path), workshop.read(plan)
    names = dataset.table().column_names
    if text not in names or label not in names or text == label:
        return quick_sizes(path, label, test_size, validation_size)
    now = workshop.sheet(path, text, label, plan)
    own = {split: Path(content[f"{split}_path"]) for split in ("validation", "test") if content.get(f"{split}_path")}
    sizes = {"test": test_size, "validation": validation_size} | dict.fromkeys(own, 0.0)
    made = preparing.divide(now.table, now.labels, Data(path=str(path), **content), sizes, dataset.table())
    scale = now.total / max(len(now.raw), 1)
    counts = {name: round(len(made[name]) * scale) for name in ("train", "validation", "test")}
    return counts | {name: intake.open_dataset(folder).card()["rows"] for name, folder in own.items()}


@functools.lru_cache(maxsize=64)
def quick_sizes(path: Path, label: str | None, test_size: float, validation_size: float) -> dict[str, int]:
    """The same before anything is known of the rows but their labels."""
    from ftui.data import intake, splitting

    table = intake.open_dataset(path).table()
    labels, rows = None, table.num_rows
    if label and label in table.column_names:
        labels = [name for value in table[label].to_pylist() if (name := splitting.label_text(value)) is not None]
        rows = len(labels)
    split = splitting.split_rows(labels, rows, test_size, validation_size, 42)
    return {name: len(split[name]) for name in ("train", "validation", "test")}


def use(home: Home, lang: str, data_id: str, text: str | None, label: str | None) -> object:
    """On to Fine-tune, if it is clear what to learn from what."""
    if not data_id or not text or not label or text == label:
        gr.Warning(languages.text("choose_columns", lang))
        return gr.skip()
    return go_to("tune")


def _open(home: Home, data_id: str):
    from ftui.data import intake

    try:
        return intake.open_dataset(home.dataset(data_id)) if data_id else None
    except UserError:
        return None


@functools.lru_cache(maxsize=64)
def _counts(path: Path, column: str) -> list[tuple[str, int]]:
    """A data set never changes, so what was counted once stays true."""
    from ftui.data import inspecting, intake

    return inspecting.label_counts(intake.open_dataset(path).table(), column)


@functools.lru_cache(maxsize=64)
def _lengths(path: Path, column: str) -> dict:
    from ftui.data import inspecting, intake

    tokenizer = starter_models() / "starter-encoder" / "tokenizer.json"
    return inspecting.lengths(intake.open_dataset(path).table(), column, tokenizer if tokenizer.exists() else None)


# ---- the page


def build(page: Page) -> tuple[Choice, View]:
    """Lay out the tab and wire it; returns the controls that Fine-tune reads, and what shows a data set."""
    t = page.t
    notice, earlier = sources.build(page)
    nothing = html(pieces.empty("▤", t("data_empty_title"), t("data_empty_text")), elem_id="data-empty")
    with gr.Column(visible=False, elem_id="data-view") as content:
        with gr.Column(elem_classes=["sheet"]):
            facts = html(elem_id="data-facts")
            with gr.Row():
                task = [(t("task_text_classification"), "text-classification")]
                gr.Dropdown(task, value="text-classification", label=t("task"), elem_id="task", min_width=180)
                text = gr.Dropdown(label=t("text_column"), choices=[], value=None, elem_id="text-column", min_width=180)
                label = gr.Dropdown(
                    label=t("label_column"), choices=[], value=None, elem_id="label-column", min_width=180
                )
            notes = html(elem_id="data-notes")
            remove = gr.Button(t("delete_data"), size="sm", elem_id="delete-data", elem_classes=["quiet"])
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
                table = html(elem_id="rows", elem_classes=["tall"])
                number = gr.Number(1, label="", minimum=1, precision=0, elem_id="rows-page", elem_classes=["pager"])
            with gr.Column(scale=2, min_width=280):
                counts = chart(t("label_counts"), t("label_counts_note"), elem_id="chart-labels")
                lengths = chart(t("lengths"), t("lengths_note"), elem_id="chart-lengths")
                with gr.Column(elem_classes=["sheet", "decision", "inset"]):
                    html(pieces.heading(t("split_title"), t("split_note")))
                    glossary.place("splits", page.lang)
                    split = html(elem_id="split")
                    divided_by = dividing.build(page)
                    shares = {"minimum": 0.05, "maximum": 0.5, "step": 0.05, "buttons": []}
                    test_size = gr.Slider(value=0.2, label=t("test_share"), elem_id="test-size", **shares)
                    validation_size = gr.Slider(
                        value=0.1, label=t("validation_share"), elem_id="validation-size", **shares
                    )
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("use_data"), variant="primary", elem_id="use-data")

    earlier.input(choose, [page.data, earlier], [page.data], **QUIET)

    sizes = [test_size, validation_size]
    columns = [page.data, text, label]
    paged = [*columns, search, number]
    viewed = [table, number, counts, lengths, split]
    gr.on([text.input, label.input], page.bind(view), [*paged, *sizes], viewed, **LATEST)
    gr.on([search.input, number.input], page.bind(view_rows), paged, [table, number], **LATEST)
    counted = {"fn": page.bind(view_split), "inputs": [*columns, *sizes, mended.plan], "outputs": [split], **LATEST}
    gr.on([test_size.input, validation_size.input], **counted)
    workshop.wire(page, mended, text, label, lambda event: event.then(**counted))
    growing.wire(page, grown, mended, [text, label], sizes, lambda event: event.then(**counted))
    dividing.wire(page, divided_by, mended.plan, lambda event: event.then(**counted))
    asked = f"(id) => confirm({json.dumps(t('delete_data_sure'))}) ? id : ''"
    remove.click(page.bind(sources.delete), [page.data], [page.data, notice], js=asked, trigger_mode="multiple", **QUIET)
    onward.click(page.bind(use), columns, [page.tabs], **QUIET)
    shown = [earlier, nothing, content, facts, notes, text, label, mended.plan, search, *viewed, mended.findings, mended.panel, *divided_by.all, mended.ready]
    return Choice(text, label, *sizes), View(show, [page.data, *sizes], shown, by_run=False)
