"""The rows of a classifier's evaluation: those it got wrong, those of one cell of the matrix, all; searched, paged, saved."""

from __future__ import annotations

import csv
import functools
import json
import math
from html import escape
from pathlib import Path

import gradio as gr

from ftui.core import languages
from ftui.core.home import Home, Run
from ftui.ui import downloads, pieces
from ftui.ui.page import find_run

PAGE_ROWS = 20
ERRORS, ALL = "errors", "all"


def show(
    home: Home, lang: str, run_id: str, split: str | None, chosen: str, kind: str | None, query: str, number: float
) -> tuple:
    """One page of the rows, the most confident first: (heading, way back, kind, table, page field).

    `chosen` names a cell of the matrix by its label numbers ("true,predicted"), or is empty; `kind` ERRORS or ALL holds
    where no cell is chosen; `query` keeps the rows whose text contains it.
    """
    run = find_run(home, run_id)
    if run is None or not run.predictions.exists() or not split:
        return "", gr.Button(visible=False), gr.skip(), "", gr.skip()
    table, labels = _read(run.predictions, run.report, split, run.predictions.stat().st_mtime_ns)
    kind = kind or ERRORS
    cell = _labels_of(chosen, labels)
    kept = _searched(_chosen(table, cell, kind), query)
    pages = max(1, math.ceil(kept.num_rows / PAGE_ROWS))
    here = min(max(int(number or 1), 1), pages)
    start = (here - 1) * PAGE_ROWS
    rows = kept.slice(start, PAGE_ROWS).to_pylist()
    heads = [languages.text(key, lang) for key in ("text", "true", "predicted", "confidence")]
    none = languages.text("no_rows_found" if query or cell or kind == ALL else "no_errors", lang)
    told = languages.text("rows_from_to", lang, first=start + 1, last=start + len(rows), n=kept.num_rows) if rows else ""
    return (
        _heading(table.num_rows, kept.num_rows, cell, kind, query, split, told, lang),
        gr.Button(visible=cell is not None),
        gr.Radio(value=kind, visible=cell is None),
        pieces.table(heads, [_row(row) for row in rows], numeric=(3,), none=none),
        gr.Number(here, label=languages.text("page_of", lang, pages=pages, n=kept.num_rows), visible=pages > 1),
    )


def _row(row: dict) -> list[str]:
    wrong = "wrong" if row["label"] != row["prediction"] else ""
    shown = (pieces.texts(row), pieces.pill(row["label"]), pieces.pill(row["prediction"], wrong))
    return [*shown, pieces.number(row["confidence"])]


def _heading(
    total: int, kept: int, cell: tuple[str, str] | None, kind: str, query: str, split: str, told: str, lang: str
) -> str:
    if cell is not None:
        key = "rows_of_cell_right" if cell[0] == cell[1] else "rows_of_cell"
        title = languages.text(key, lang, true=cell[0], predicted=cell[1], n=kept)
    elif kind == ALL:
        title = languages.text("rows_all", lang, n=kept)
    else:
        title = languages.text("errors_title", lang, n=kept, all=total)
    title += languages.text("rows_searched", lang, query=query.strip()[:60]) if query.strip() else ""
    note = languages.text("errors_note", lang) if kind == ERRORS and cell is None else ""
    dot = f'<i class="dot-of c-{split}" aria-hidden="true"></i>{escape(languages.text("split_" + split, lang))}'
    parts = " · ".join(filter(None, [dot, escape(told), escape(note)]))
    return f'<div class="ft"><div class="h">{escape(title)}</div><p class="sub">{parts}</p></div>'


def _labels_of(chosen: str, labels: tuple[str, ...]) -> tuple[str, str] | None:
    """(true, predicted) of "i,j"; None where nothing is chosen."""
    numbers = chosen.split(",")
    if len(numbers) != 2 or not all(n.isdecimal() and int(n) < len(labels) for n in numbers):
        return None
    return labels[int(numbers[0])], labels[int(numbers[1])]


def _chosen(table, cell: tuple[str, str] | None, kind: str):
    import pyarrow.compute as pc

    if cell is not None:
        return table.filter(pc.and_(pc.equal(table["label"], cell[0]), pc.equal(table["prediction"], cell[1])))
    return table if kind == ALL else table.filter(pc.not_equal(table["label"], table["prediction"]))


def _searched(table, query: str):
    import pyarrow.compute as pc

    query = query.strip()
    if not query:
        return table
    found = [pc.match_substring(table[name], query, ignore_case=True) for name in ("text", "text_pair") if name in table.column_names]
    return table.filter(functools.reduce(pc.or_, found))


@functools.lru_cache(maxsize=8)
def _read(predictions: Path, report: Path, split: str, version: int):
    """(rows of the split, the most confident first; all labels in the order of the report)"""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = ("split", "text", "text_pair", "label", "prediction", "confidence")
    table = pq.read_table(predictions, columns=[name for name in wanted if name in pq.read_schema(predictions).names])
    table = table.filter(pc.equal(table["split"], split)).sort_by([("confidence", "descending")])
    return table, tuple(json.loads(report.read_text(encoding="utf-8"))["labels"])


def save(home: Home, lang: str, run_id: str) -> str:
    """All predictions as a CSV file, a copy outside the home: split, row, text, label, prediction, confidence, and the
    probability of each label. It begins with a byte order mark, so that Excel reads Chinese rightly."""
    import pyarrow.parquet as pq

    run: Run = home.run(run_id)
    labels = json.loads(run.report.read_text(encoding="utf-8"))["labels"]
    known = pq.read_schema(run.predictions).names
    columns = [name for name in ("split", "row", "text", "text_pair", "label", "prediction", "confidence") if name in known]
    path = downloads.place(f"{run.id}-predictions.csv")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *(f"p({label})" for label in labels)])
        for batch in pq.ParquetFile(run.predictions).iter_batches():
            for row in batch.to_pylist():
                writer.writerow([*(row[c] for c in columns), *(f"{p:.6f}" for p in row["scores"])])
    return str(path)
