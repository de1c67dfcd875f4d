"""The steps of `data.clean` on a table of rows, one after the other. The file that was uploaded stays as it is.

A table here is what `preparing.usable` gives: `row` (the row's number in its data set) and a string column for each role.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ftui.core.errors import UserError
from ftui.core.part import Part
from ftui.data import conversations, rewriting, similar, spans

LABEL = "label"
TALK = "messages"


@dataclass(frozen=True)
class Outcome:
    """What one step did: the table after it, and the `row` numbers of what it changed and what it dropped."""

    step: Part
    table: pa.Table
    changed: np.ndarray
    dropped: np.ndarray


OF_LABELS = ("contradictions", "merge_labels", "drop_rare_labels")


def run(table: pa.Table, steps: Iterable[Part]) -> list[Outcome]:
    """The outcomes of all steps, in order. Raises UserError where a pattern of the user's takes too long."""
    outcomes: list[Outcome] = []
    for step in steps:
        outcomes.append(apply(outcomes[-1].table if outcomes else table, step))
    return outcomes


def for_others(steps: Iterable[Part]) -> list[Part]:
    """Of these steps those that rows of another file (own test rows, say) go through too: nothing is dropped there."""
    return [step for step in steps if step.name in rewriting.NAMES or step.name == "merge_labels"]


def rewritten(table: pa.Table, steps: Iterable[Part]) -> pa.Table:
    """All rows, their texts as these steps leave them; without a `row` column as well, and empty texts stay."""
    steps = [step for step in steps if step.name in rewriting.NAMES]
    for role in text_roles(table) if steps else ():
        column = pa.chunked_array([pa.array([rewriting.rewrite(text, steps) for text in table.column(role).to_pylist()], pa.string())])
        table = table.set_column(table.column_names.index(role), role, column)
    return table


def apply(table: pa.Table, step: Part) -> Outcome:
    """One step. Rows whose text becomes empty are dropped with it."""
    if step.name in rewriting.NAMES:
        return _rewritten(table, step)
    if step.name in OF_LABELS and LABEL not in table.column_names:
        raise UserError("step_needs_labels", step=step.name)
    after = WHOLE[step.name](table, step)
    if isinstance(after, np.ndarray):
        return _kept(table, step, after)
    changed = _different(table.column(LABEL), after)
    made = table.set_column(table.column_names.index(LABEL), LABEL, after)
    return Outcome(step, made, _rows(table, changed), np.zeros(0, np.int64))


def _rows(table: pa.Table, mask: np.ndarray) -> np.ndarray:
    return table.column("row").to_numpy()[mask]


def _different(before: pa.ChunkedArray, after: pa.ChunkedArray) -> np.ndarray:
    pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
    return np.fromiter((a != b for a, b in pairs), bool, len(before))


def _kept(table: pa.Table, step: Part, kept: np.ndarray) -> Outcome:
    return Outcome(step, table.filter(pa.array(kept)), np.zeros(0, np.int64), _rows(table, ~kept))


def _rewritten(table: pa.Table, step: Part) -> Outcome:
    if "answers" in table.column_names or ("spans" in table.column_names and step.name == "replace"):
        raise UserError("step_moves_answers", step=step.name)
    if "spans" in table.column_names:
        return _followed(table, step)
    function = rewriting.rewriter(step)
    if TALK in table.column_names:
        return _each_message(table, step, function)
    changed, filled = np.zeros(len(table), bool), np.ones(len(table), bool)
    made = table
    for role in text_roles(table):
        before = table.column(role).to_pylist()
        known: dict[str, str] = {}
        after = [known[text] if text in known else known.setdefault(text, function(text)) for text in before]
        changed |= np.fromiter((a != b for a, b in zip(before, after, strict=True)), bool, len(before))
        filled &= np.fromiter((bool(text.strip()) for text in after), bool, len(after))
        column = pa.chunked_array([pa.array(after, pa.string())])
        made = made.set_column(made.column_names.index(role), role, column)
    dropped = _rows(table, ~filled)
    return Outcome(step, made.filter(pa.array(filled)), _rows(table, changed & filled), dropped)


def _followed(table: pa.Table, step: Part) -> Outcome:
    """Texts rewritten, and the spans in them moved to where their words are then; what is gone with its word is left out."""
    before, made = table.to_pylist(), []
    for row in before:
        text, moved = rewriting.follow(row["text"], step, [(span["start"], span["end"]) for span in row["spans"]])
        pairs = zip(row["spans"], moved, strict=True)
        made.append((text, [{**span, "start": to[0], "end": to[1]} for span, to in pairs if to]))
    changed = np.fromiter((row["text"] != text for row, (text, _) in zip(before, made, strict=True)), bool, len(made))
    filled = np.fromiter((bool(text.strip()) for text, _ in made), bool, len(made))
    columns = {"text": pa.array([text for text, _ in made], pa.string()), "spans": pa.array([found for _, found in made], spans.TYPE)}
    after = table
    for name, column in columns.items():
        after = after.set_column(after.column_names.index(name), name, pa.chunked_array([column]))
    return Outcome(step, after.filter(pa.array(filled)), _rows(table, changed & filled), _rows(table, ~filled))


def _each_message(table: pa.Table, step: Part, function: Callable[[str], str]) -> Outcome:
    columns = {TALK: conversations.rewritten(table.column(TALK), function)}
    for role in text_roles(table):  # the worse answer
        texts = [function(text) for text in table.column(role).to_pylist()]
        columns[role] = pa.chunked_array([pa.array([text if text.strip() else None for text in texts], pa.string())])
    filled, changed, made = np.ones(len(table), bool), np.zeros(len(table), bool), table
    for role, after in columns.items():
        filled &= np.fromiter((row is not None for row in after.to_pylist()), bool, len(after))
        changed |= _different(table.column(role), after)
        made = made.set_column(made.column_names.index(role), role, after)
    return Outcome(step, made.filter(pa.array(filled)), _rows(table, changed & filled), _rows(table, ~filled))


def text_roles(table: pa.Table) -> list[str]:
    """The columns that hold texts."""
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    return [name for name in strings if name not in ("row", LABEL)]


def texts(table: pa.Table) -> list[str]:
    """One text for each row; where there are several columns of them, all in one."""
    if TALK in table.column_names:
        return conversations.texts(table.column(TALK))
    return list(map(" ".join, zip(*(table.column(role).to_pylist() for role in text_roles(table)), strict=True)))


# ---- steps on the whole table: the rows that are kept, or the labels as they are then


def _drop_duplicates(table: pa.Table, step: Part) -> np.ndarray:
    return ~duplicates(texts(table), answers(table))


def duplicates(texts: list[str], labels: list[str]) -> np.ndarray:
    """(N,) whether a row has text and label (or other answer) of an earlier one; spaces at the ends do not count."""
    seen: set[tuple[str, str]] = set()
    return np.fromiter(
        ((pair in seen) or bool(seen.add(pair)) for pair in zip(map(str.strip, texts), labels, strict=True)),
        bool,
        len(texts),
    )


def _drop_near_duplicates(table: pa.Table, step: Part) -> np.ndarray:
    keys = similar.keys(texts(table))
    return ~near_duplicates(similar.groups(keys, step.threshold), answers(table, near=True))


def near_duplicates(group: np.ndarray, labels: list[str]) -> np.ndarray:
    """(N,) whether a row says nearly what an earlier one of the same label says (`group`: of `similar.groups`)."""
    seen: set[tuple[int, str]] = set()
    return np.fromiter(
        ((pair in seen) or bool(seen.add(pair)) for pair in zip(group.tolist(), labels, strict=True)), bool, len(group)
    )


def _contradictions(table: pa.Table, step: Part) -> np.ndarray:
    keys = similar.keys(texts(table))
    labels = _labels(table)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for key, label in zip(keys, labels, strict=True):
        votes[key][label] += 1
    keep = {key: _winner(counts) if step.keep == "majority" or len(counts) == 1 else None for key, counts in votes.items()}
    return np.fromiter((keep[key] == label for key, label in zip(keys, labels, strict=True)), bool, len(keys))


def _winner(votes: Counter[str]) -> str | None:
    """The label that most rows give; None where two have as many."""
    (best, most), *others = votes.most_common(2)
    return None if others and others[0][1] == most else best


def contradicted(keys: list[str], labels: list[str]) -> np.ndarray:
    """(N,) whether another row says the same (by its key) with another label."""
    first: dict[str, str] = {}
    both = {key for key, label in zip(keys, labels, strict=True) if first.setdefault(key, label) != label}
    return np.fromiter((key in both for key in keys), bool, len(keys))


def _merge_labels(table: pa.Table, step: Part) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([step.labels.get(label, label) for label in _labels(table)], pa.string())])


def _drop_length(table: pa.Table, step: Part) -> np.ndarray:
    lengths = np.fromiter(map(len, texts(table)), np.int64, len(table))
    return (lengths >= step.min) & (lengths <= (step.max or lengths.max(initial=0)))


def _drop_rare_labels(table: pa.Table, step: Part) -> np.ndarray:
    labels = _labels(table)
    counts = Counter(labels)
    return np.fromiter((counts[label] >= step.min_rows for label in labels), bool, len(labels))


def _labels(table: pa.Table) -> list[str]:
    return table.column(LABEL).to_pylist()


def answers(table: pa.Table, near: bool = False) -> list[str]:
    """What each row says besides the text: its label, labels, number, spans, answers, worse answer. `near`: only what a row
    that says nearly the same can share, so no places in the text."""
    asked = {"row", TALK} if TALK in table.column_names else {"row", *text_roles(table)}
    names = [name for name in table.column_names if name not in asked and (not near or name in (LABEL, "labels", "number"))]
    if names == [LABEL]:
        return _labels(table)
    columns = [map(_alike, table.column(name).to_pylist()) for name in names]
    return [repr(row) for row in zip(*columns, strict=True)] if columns else [""] * len(table)


def _alike(said: object) -> object:
    """Several labels are the same in any order."""
    return sorted(said) if isinstance(said, list) and all(isinstance(part, str) for part in said) else said


WHOLE: dict[str, Callable[[pa.Table, Part], np.ndarray | pa.ChunkedArray]] = {
    "drop_duplicates": _drop_duplicates,
    "drop_near_duplicates": _drop_near_duplicates,
    "contradictions": _contradictions,
    "merge_labels": _merge_labels,
    "drop_length": _drop_length,
    "drop_rare_labels": _drop_rare_labels,
}
