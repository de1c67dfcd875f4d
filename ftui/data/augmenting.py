"""The steps of `data.augment` on training rows: new rows made from them, labels and spans with them.

A new row bears the number of the row that it was made from. Rows that came out unchanged, that say what a training row says
already, or that say nearly what a validation or test row says are left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftui.core.augmentation import WITH_A_MODEL
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.part import Part
from ftui.core.recipe import Data
from ftui.data import cleaning, preparing, similar, spans, wording
from ftui.data.rewriting import Edit, Span, edited, moved_by

MOST_ROUNDS = 5  # over the training rows, where some come out unchanged
BATCH = 64

# Texts and what of each must stay -> the edits of each.
Batch = Callable[[list[str], list[list[Span]], np.random.Generator], list[list[Edit]]]


def check(steps: Sequence[Part], names: Sequence[str]) -> None:
    """Raise UserError for a step that rows with these columns cannot go through."""
    for step in steps:
        if "answers" in names:
            raise UserError("augment_answers", step=step.name)
        if "spans" in names and step.name == "back_translation":
            raise UserError("augment_spans", step=step.name)
        if "spans" not in names and "label" not in names:
            raise UserError("augment_task", step=step.name)


def quick(step: Part) -> Batch:
    """What a step without a model does. Raises UserError for synonyms that are not there."""
    if step.name == "synonyms":
        maker = wording.synonyms(step.rate, Path(step.path) if step.path else None)
    else:
        maker = {"random_delete": wording.delete, "random_swap": wording.swap, "character_noise": wording.noise}[step.name](step.rate)
    return lambda texts, blocked, rng: [maker(text, places, rng) for text, places in zip(texts, blocked, strict=True)]


def new_rows(
    train: pa.Table, step: Part, others: Sequence[pa.Table], seed: int, with_model: Callable[[Part], Batch],
    tell: Callable[[int, int], None] = lambda *_: None,
) -> pa.Table:
    """As many new rows as the step wants, or as many as can be had. `others`: validation and test rows; `with_model` makes
    the function of a step that needs one; `tell(rows so far, wanted)` after each batch may raise to stop it all."""
    known = set(similar.keys(cleaning.texts(train)))
    held = [key for table in others for key in similar.keys(cleaning.texts(table))]
    rng = np.random.default_rng(seed)
    batch = with_model(step) if step.name in WITH_A_MODEL else quick(step)
    wanted, made = round(step.share * len(train)), train.slice(0, 0)
    for _ in range(MOST_ROUNDS):
        missing = wanted - len(made)
        if missing <= 0:
            break
        turns = [rng.permutation(len(train)) for _ in range(-(-missing // len(train)))]
        origins = train.take(pa.array(np.concatenate(turns)[:missing]))
        had = len(made)
        fresh = _new(origins, batch, rng, known, held, lambda done, had=had: tell(had + done, wanted))
        made = pa.concat_tables([made, fresh])
        if not len(fresh):
            break
    return made


def _new(origins: pa.Table, batch: Batch, rng: np.random.Generator, known: set[str], held: list[str], tell: Callable[[int], None]) -> pa.Table:
    made = origins
    if not len(origins):
        return made
    changed = np.zeros(len(origins), bool)
    for role in cleaning.text_roles(origins):
        texts, marked = [], []
        before = origins.column(role).to_pylist()
        there = origins.column("spans").to_pylist() if "spans" in origins.column_names else [[]] * len(before)
        for start in range(0, len(before), BATCH):
            some, of = before[start : start + BATCH], there[start : start + BATCH]
            places = [[(span["start"], span["end"]) for span in row] for row in of]
            for text, row, edits in zip(some, of, batch(some, places, rng), strict=True):
                texts.append(edited(text, edits).strip() if not row else edited(text, edits))
                marked.append(_moved(row, edits))
            tell(len(texts))
        changed |= np.fromiter((a != b for a, b in zip(before, texts, strict=True)), bool, len(texts))
        made = _put(made, role, pa.array(texts, pa.string()))
        if "spans" in made.column_names:
            made = _put(made, "spans", pa.array(marked, spans.TYPE))
    keys = similar.keys(cleaning.texts(made))
    good = changed & np.fromiter(map(bool, keys), bool, len(keys))
    if held:
        good &= ~preparing.leaked(keys, held)
    for i in np.flatnonzero(good):
        good[i] = keys[i] not in known
        known.add(keys[i])
    return made.filter(pa.array(good))


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.chunked_array([values]))


def _moved(row: list[dict], edits: list[Edit]) -> list[dict]:
    moved = ((span, moved_by((span["start"], span["end"]), edits)) for span in row)
    return [{**span, "start": to[0], "end": to[1]} for span, to in moved if to]


def with_files_kept(data: Data, home: Home, beside: Path) -> Data:
    """The same with the user's files of synonyms copied into the home and named as seen from the folder `beside`, so that a
    run can be repeated. Raises UserError."""

    def kept(step: Part) -> Part:
        path = getattr(step, "path", None)
        return step.model_copy(update={"path": os.path.relpath(keep_file(Path(path), home), beside)}) if path else step

    return data.model_copy(update={"augment": [kept(step) for step in data.augment]})


def keep_file(path: Path, home: Home) -> Path:
    """A file of synonyms under the name of its content in <home>/synonyms; read once, so that a bad one is told here."""
    wording.read_synonyms(path)
    if path.resolve().is_relative_to(home.synonyms.resolve()):
        return path
    home.synonyms.mkdir(parents=True, exist_ok=True)
    kept = home.synonyms / f"{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.txt"
    if not kept.exists():
        temporary = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.copyfile(path, temporary)
        os.replace(temporary, kept)
    return kept
