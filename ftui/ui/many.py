"""Many texts at once: a file in, a table out, through the run's server in batches."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr

from ftui import tasks
from ftui.core import languages, recipe
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.data import annotating, intake
from ftui.ui import asking, downloads, pieces
from ftui.ui.page import QUIET, Page, View, find_run, html
from ftui.ui.turns import Turns, hold, release

MOST_INPUTS = 2  # fields of one question on a page
WRITTEN = 4  # rows that a model which writes is asked about at a time: each may take a minute
PREVIEW = 50
SHOWN = 5  # rows before anything is asked
LEAST, MOST = 0.01, 0.99  # thresholds that can be chosen

# ---- handlers


def show(home: Home, lang: str, run_id: str, turns: Turns) -> tuple:
    """(part of the page, threshold, facts, choice of a column for each input, start, result, output): nothing is left of another run."""
    turns.begin()
    run = find_run(home, run_id)
    possible = run is not None and run.model.exists()
    own = _threshold(run) if run and possible else None
    threshold = gr.Slider(value=own or 0.5, visible=own is not None)
    return gr.Accordion(visible=possible), threshold, "", *[gr.Dropdown(visible=False)] * MOST_INPUTS, gr.Button(visible=False), "", gr.Row(visible=False)


def _threshold(run: Run) -> float | None:
    """The one by which the run's model decides, as the page shows it; None where it has none."""
    if not hasattr(tasks.get(asking.task_of(run)), "decided"):
        return None
    decision = json.loads((run.model / "ftui.json").read_text(encoding="utf-8")).get("decision", {})
    return min(max(round(decision["threshold"], 2), LEAST), MOST) if "threshold" in decision else None


def look(home: Home, lang: str, run_id: str, path: str | None, way: Access = LOCAL) -> tuple:
    """A file was chosen: (facts, choice of a column for each input, start, result, output)."""
    hidden = (*[gr.Dropdown(visible=False)] * MOST_INPUTS, gr.Button(visible=False), "", gr.Row(visible=False))
    if not path:
        return "", *hidden
    try:
        with annotating.opened(Path(path), progress=way.check_import_rows) as (table, card):
            names = table.column_names
            run = home.run(run_id)
            inputs = asking.inputs(run)
            try:
                columns = annotating.find_columns(table, inputs, {}, recipe.load(run.recipe).data.columns, card["name"])
            except UserError:
                columns = dict.fromkeys(inputs, names[0])
            rows = languages.text("n_rows", lang, n=table.num_rows)
            facts = pieces.facts(card["name"], [(card["encoding"] or "").upper(), rows])
            notes = "".join(pieces.notice(note, kind="warn") for note in intake.notes(card, lang))
            shown = _table(table.slice(0, SHOWN), lang)
    except UserError as problem:
        return pieces.error(problem, lang), *hidden
    start = gr.Button(languages.text("predict_rows", lang, n=table.num_rows), visible=True)
    choices: list[dict] = [
        gr.Dropdown(choices=names, value=column, visible=True, label=languages.text("column_of", lang, role=languages.text("input_" + role, lang)))
        for role, column in columns.items()
    ]
    choices += [gr.Dropdown(visible=False)] * (MOST_INPUTS - len(choices))
    return facts + notes, *choices, start, shown, gr.Row(visible=False)


def run_file(home: Home, lang: str, run_id: str, path: str | None, threshold: float | None, turns: Turns, *columns: str | None, way: Access = LOCAL) -> Iterator[tuple]:
    """`threshold` holds where the model decides by one; `columns` are those of the inputs, in order. Ask about every row; yields (progress or preview, table, cancel, output, format)."""
    working = (gr.Button(visible=True), gr.Row(visible=False), gr.skip())
    done_with = gr.Button(visible=False)
    silent = (gr.skip(), gr.skip(), done_with, gr.skip(), gr.skip())  # another run is looked at
    turn, cancelled = turns.begin(), (pieces.notice(languages.text("many_cancelled", lang)), None, done_with, gr.Row(visible=False), gr.skip())
    try:
        if not path:
            raise UserError("file_gone")
        run = home.run(run_id)
        chosen = {role: column for role, column in zip(asking.inputs(run), columns, strict=False) if column}
        task = tasks.get(asking.task_of(run))
        own = _threshold(run)
        decision = {} if own is None or threshold == own else {"threshold": threshold}
        at_once, patience = (WRITTEN, None) if tasks.speaks(task) else (annotating.BATCH, 120.0)
        for url, waited in asking.server(run):
            if turn.over:
                yield cancelled if turn is turns.now else silent
                return
            if url is None:
                yield asking.loading(waited, lang), None, *working
        with annotating.opened(Path(path), progress=way.check_import_rows) as (table, card):
            yield _progress(0, table.num_rows, lang), None, *working
            made = None
            for done, made in annotating.annotate(table, chosen, functools.partial(_ask, url, decision, patience), task.cell, at_once):
                if turn.over:
                    yield cancelled if turn is turns.now else silent
                    return
                if made is None:
                    yield _progress(done, table.num_rows, lang), None, *working
            assert made is not None
            made = made.take(list(range(made.num_rows)))  # in memory: the file behind the table goes away
    except UserError as problem:
        yield pieces.error(problem, lang), None, done_with, gr.Row(visible=False), gr.skip()
        return
    empty = made.column(made.num_columns - 2).null_count
    told = languages.text("predicted_rows", lang, n=made.num_rows, shown=min(PREVIEW, made.num_rows))
    told += (" " + languages.text("predicted_empty", lang, n=empty)) if empty else ""
    preview = f'<div class="ft"><p class="sub" id="many-done">✓ {escape(told)}</p></div><div class="tall">{_table(made.slice(0, PREVIEW), lang)}</div>'
    format = card["format"] if card["format"] in annotating.FORMATS else "csv"
    yield preview, (card["name"], made), done_with, gr.Row(visible=True), format


def _ask(url: str, decision: dict, patience: float | None, rows: list[dict]) -> list[dict]:
    """An answer for each row, in as many requests as their length asks for."""
    from ftui.serve import door

    given = {"inputs": [asking.body(row) for row in rows], **decision}
    if len(rows) > 1 and len(json.dumps(given, ensure_ascii=False).encode()) > door.LARGEST_BODY:
        half = len(rows) // 2
        return [answer for part in (rows[:half], rows[half:]) for answer in _ask(url, decision, patience, part)]
    return asking.predict(url, given, patience)["results"]


def stopped(home: Home, lang: str, turns: Turns) -> tuple:
    """Break off the work, after the rows that are being asked about: (result, cancel)."""
    turns.end()
    return pieces.notice(languages.text("many_cancelled", lang)), gr.Button(visible=False)


def save(home: Home, lang: str, made: tuple | None, format: str) -> str:
    """The table as a file, a copy outside the home."""
    if made is None:
        raise UserError("file_gone")
    name, table = made
    stem = Path(name.removesuffix(".gz")).stem or "data"
    path = downloads.place(f"{stem}-predictions.{format}")
    annotating.write(table, path, format)
    return str(path)


def _table(table, lang: str) -> str:
    rows = [[pieces.cell(value if not isinstance(value, float) else f"{value:.4g}") for value in row.values()] for row in table.to_pylist()]
    return pieces.table([escape(name) for name in table.column_names], rows)


def _progress(done: int, total: int, lang: str) -> str:
    words = languages.text("many_progress", lang, done=done, total=total)
    share = done / total if total else 1
    return (
        f'<div class="ft card" aria-live="polite"><div class="muted">{escape(words)}</div>'
        f'<div class="progress running"><i style="width:{share * 100:.1f}%"></i></div></div>'
    )


# ---- the page


def build(page: Page) -> View:
    """Lay out the part and wire it."""
    t = page.t
    with gr.Accordion(t("many_title"), open=False, elem_id="many", elem_classes=["sheet"]) as part:
        html(f'<div class="ft"><p class="sub">{escape(t("many_note"))}</p></div>')
        zone = gr.File(
            show_label=False, file_count="single", elem_id="many-file", height=110,
            file_types=[".csv", ".tsv", ".txt", ".xlsx", ".jsonl", ".json", ".parquet", ".gz"],
        )  # fmt: skip
        facts = html(elem_id="many-facts")
        with gr.Row(elem_classes=["row-bottom"]):
            columns = [gr.Dropdown([], visible=False, elem_id=f"many-column-{i}", min_width=160) for i in range(MOST_INPUTS)]
            threshold = gr.Slider(LEAST, MOST, 0.5, step=0.01, label=t("threshold"), visible=False, buttons=[], elem_id="many-threshold", min_width=160)
            go = gr.Button("", variant="primary", visible=False, elem_id="many-go", elem_classes=["fit"])
            cancel = gr.Button(t("cancel"), visible=False, elem_id="many-cancel", elem_classes=["fit"])
        result = html(elem_id="many-result")
        with gr.Row(visible=False, elem_classes=["row-bottom"]) as output:
            format = gr.Dropdown(list(annotating.FORMATS), value="csv", label=t("many_format"), elem_id="many-format", min_width=120)
            button = gr.Button(t("many_download"), variant="primary", elem_id="many-download", elem_classes=["fit"])
    made, turns = gr.State(None, time_to_live=3600), gr.State(Turns())

    looked = [facts, *columns, go, result, output]
    zone.change(page.bind(functools.partial(look, way=page.way)), [page.run, zone], looked, **QUIET)
    hold(go, cancel, go.click)
    working = go.click(page.bind(functools.partial(run_file, way=page.way)), [page.run, zone, threshold, turns, *columns], [result, made, cancel, output, format], **QUIET)
    release(go, cancel, working)
    working.failure(lambda: gr.Button(visible=False), [], [cancel], **QUIET)
    cancel.click(page.bind(stopped), [turns], [result, cancel], **QUIET)
    page.offer(button, save, [made, format])
    return View(show, [page.run, turns], [part, threshold, *looked])
