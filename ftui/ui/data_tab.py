"""Step 1: bring a file, see what is in it, say which columns matter, see how it is split."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import gradio as gr

from ftui.core import languages
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Home, starter_models
from ftui.ui import charts, demo, pieces
from ftui.ui.page import LATEST, QUIET, SHOWN, Choice, Page, View, chart, draw, go_to, html, pickable

SAMPLES = {"zh_reviews.csv": "sample_zh", "en_reviews.csv": "sample_en"}
PAGE_ROWS = 20
LONGEST_AUTO = 512  # tokens: where `max_length: auto` cuts


def samples_folder() -> Path:
    """The folder of the files that come with ftui."""
    return Path(__file__).parents[2] / "assets" / "samples"


# ---- handlers: plain arguments in, updates out


def add_file(home: Home, lang: str, path: str | None, way: Access = LOCAL) -> tuple:
    """Import what was dropped; (data id, notice, empty drop zone)."""
    if not path:
        return gr.skip(), gr.skip(), gr.skip()
    return (*_import(home, lang, Path(path), way), None)


def add_sample(home: Home, lang: str, name: str) -> tuple:
    """Import one of SAMPLES; (data id, notice)."""
    return _import(home, lang, samples_folder() / name, LOCAL) if name in SAMPLES else (gr.skip(), gr.skip())


def _import(home: Home, lang: str, source: Path, way: Access) -> tuple:
    from ftui.data import intake

    try:
        way.check_import(home, source.stat().st_size)
        dataset = intake.import_file(source, home, name=source.name, progress=way.check_import_rows)
    except UserError as problem:
        return gr.skip(), pieces.error(problem, lang)
    return dataset.id, ""


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
    """A data set was chosen: (earlier, empty state, group, facts, notes, text column, label column, search, table, page,
    label chart, length chart, findings, split)."""
    dataset = _open(home, data_id)
    if dataset is None:
        return (gr.skip(), gr.HTML(visible=True), gr.Column(visible=False), *([gr.skip()] * 11))
    from ftui.data import inspecting, intake

    card = dataset.card()
    names = [column["name"] for column in card["columns"]]
    guessed = inspecting.guess(dataset.table())["columns"]
    text, label = guessed.get("text"), guessed.get("label")
    facts = [card["encoding"] and card["encoding"].upper().replace("_", "-")]
    facts += [languages.text("n_rows", lang, n=card["rows"]), languages.text("n_columns", lang, n=len(names))]
    return (
        known(home, lang, data_id),
        gr.HTML(visible=False),
        gr.Column(visible=True),
        pieces.facts(card["name"], [*facts, pieces.size(card["bytes"])]),
        "".join(pieces.notice(note, kind="warn") for note in intake.notes(card, lang)),
        gr.Dropdown(choices=names, value=text),
        gr.Dropdown(choices=names, value=label),
        "",
        *view(home, lang, data_id, text, label, "", 1, test_size, validation_size),
    )


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
    """All that depends on the chosen columns: (table, page, label chart, length chart, findings, split)."""
    return (
        *view_rows(home, lang, data_id, text, label, search, number),
        *view_columns(home, lang, data_id, text, label),
        view_split(home, lang, data_id, label, test_size, validation_size),
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
    """(label chart, length chart, notice) for the chosen columns."""
    dataset = _open(home, data_id)
    if dataset is None:
        return "", "", ""
    columns = {column["name"] for column in dataset.card()["columns"]}
    text, label = (name if name in columns else None for name in (text, label))
    counts = _counts(dataset.path, label) if label else []
    length = _lengths(dataset.path, text) if text else None
    cut = LONGEST_AUTO if length and length["unit"] == "tokens" else None
    problem = _findings(dataset, text, label, counts, lang)
    shown_lengths = charts.lengths(length, cut, lang) if length else None
    return draw(charts.label_counts(counts, lang)), draw(shown_lengths), problem


def _findings(dataset, text: str | None, label: str | None, counts: list, lang: str) -> str:
    """What stands in the way of training on these columns, or is worth knowing."""
    from ftui.data import inspecting

    if text is None or label is None:
        return pieces.notice(languages.text("choose_columns", lang), kind="warn")
    if text == label:
        return pieces.notice(languages.text("same_column", lang), kind="bad")
    rows = dataset.card()["rows"]
    if len(counts) < 2:
        return pieces.notice(languages.text("one_label_only", lang), kind="bad")
    if rows >= 20 and len(counts) > rows / 2:
        return pieces.notice(languages.text("labels_like_text", lang, n=len(counts), rows=rows), kind="warn")
    lacking = {name: inspecting.missing(dataset.table(), name) for name in (text, label)}
    lines = [languages.text("missing_values", lang, n=n, column=name) for name, n in lacking.items() if n]
    small = [name for name, n in counts if n < 10]
    if small:
        lines.append(languages.text("small_labels", lang, n=len(small), names=", ".join(small[:5])))
    return "".join(pieces.notice(line, kind="warn") for line in lines)


def view_split(home: Home, lang: str, data_id: str, label: str | None, test_size: float, validation_size: float) -> str:
    """How many rows go where, as a bar."""
    dataset = _open(home, data_id)
    if dataset is None:
        return ""
    sizes = split_sizes(dataset.path, label, test_size, validation_size)
    return pieces.split_bar(sizes, lang)


@functools.lru_cache(maxsize=64)
def split_sizes(path: Path, label: str | None, test_size: float, validation_size: float) -> dict[str, int]:
    """Rows of train, validation and test, by the very function that will split them."""
    from ftui.data import intake, splitting

    table = intake.open_dataset(path).table()
    labels = None
    rows = table.num_rows
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
    with gr.Row(elem_classes=["sheet"]):
        with gr.Column(scale=3, min_width=280):
            drop = gr.File(label=t("drop"), height=128, elem_id="drop", container=False)
            html(f'<div class="ft sub">{t("drop_formats")}</div>')
        with gr.Column(scale=2, min_width=260):
            html(pieces.heading(t("no_file_title"), t("no_file_text")))
            buttons = "".join(
                f'<button data-pick="{name}" id="sample-{name[:2]}">{t(key)}</button>' for name, key in SAMPLES.items()
            )
            samples = pickable(f'<div class="ft quotes">{buttons}</div>', elem_id="samples")
            html(f'<div class="ft sub">{t("demo_note")}</div>')
            demo.button(page, "demo-data")
            earlier = gr.Dropdown(
                label=t("earlier_data"), choices=[], value=None, visible=False, elem_id="earlier-data"
            )
    notice = html(elem_id="data-notice")
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
            findings = html(elem_id="data-findings")
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
                with gr.Column(elem_classes=["sheet"]):
                    html(pieces.heading(t("split_title"), t("split_note")))
                    split = html(elem_id="split")
                    shares = {"minimum": 0.05, "maximum": 0.5, "step": 0.05, "buttons": []}
                    test_size = gr.Slider(value=0.2, label=t("test_share"), elem_id="test-size", **shares)
                    validation_size = gr.Slider(
                        value=0.1, label=t("validation_share"), elem_id="validation-size", **shares
                    )
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("use_data"), variant="primary", elem_id="use-data")

    def add(home: Home, lang: str, path: str | None) -> tuple:
        return add_file(home, lang, path, page.way)

    drop.upload(page.bind(add), [drop], [page.data, notice, drop], **SHOWN)
    samples.click(page.bind(add_sample, event=True), [], [page.data, notice], **SHOWN)
    earlier.input(choose, [page.data, earlier], [page.data], **QUIET)

    sizes = [test_size, validation_size]
    columns = [page.data, text, label]
    paged = [*columns, search, number]
    viewed = [table, number, counts, lengths, findings, split]
    gr.on([text.input, label.input], page.bind(view), [*paged, *sizes], viewed, **LATEST)
    gr.on([search.input, number.input], page.bind(view_rows), paged, [table, number], **LATEST)
    moved = [test_size.input, validation_size.input]
    gr.on(moved, page.bind(view_split), [page.data, label, *sizes], [split], **LATEST)
    onward.click(page.bind(use), columns, [page.tabs], **QUIET)
    shown = [earlier, nothing, content, facts, notes, text, label, search, *viewed]
    return Choice(text, label, *sizes), View(show, [page.data, *sizes], shown, by_run=False)
