"""What a trained run thinks of rows that are labelled by hand: asked of its own server, kept in the home's cache."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.core.home import Home, Run, write_json
from ftui.data.label_rows import Subject
from ftui.ui import asking

BATCH = 64
MOST_ASKED = 1000  # rows: of more, so many drawn at random
Answers = dict[int, dict]  # row -> what /predict says


def runs(home: Home, task: str) -> list[Run]:
    """Finished runs that have learned this task, newest first."""
    found = []
    for run in home.all_runs():
        try:
            if run.model.exists() and recipe.load(run.recipe).task == task:
                found.append(run)
        except UserError:  # spoilt
            continue
    return found


def known(home: Home, folder: Path, run_id: str, what: Subject, which: str) -> Answers:
    """What the run has said before of these columns."""
    try:
        return {int(row): said for row, said in json.loads(_place(home, folder, run_id, what, which).read_text(encoding="utf-8")).items()}
    except (OSError, ValueError):
        return {}


def _place(home: Home, folder: Path, run_id: str, what: Subject, which: str) -> Path:
    columns = zlib.crc32("\n".join(what.inputs).encode())
    return home.cache / "suggestions" / f"{folder.name}-{columns:08x}-{run_id}-{which}.json"


def ask(home: Home, folder: Path, run: Run, what: Subject, which: str, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ask about these rows, or MOST_ASKED of them; yields (rows answered, all) as it goes on, and (0, 0) about once a second
    while the model loads. Raises UserError."""
    import numpy as np

    wanted = sorted(np.random.default_rng(0).choice(np.array(rows), min(len(rows), MOST_ASKED), replace=False).tolist())
    url = ""
    for address, _ in asking.server(run):
        url = address or ""
        yield 0, 0
    roles, answers = asking.inputs(run), {}
    for start in range(0, len(wanted), BATCH):
        some = wanted[start : start + BATCH]
        given = [asking.body(dict(zip(roles, what.texts(row), strict=False))) for row in some]
        answers |= dict(zip(some, asking.predict(url, {"inputs": given})["results"], strict=True))
        yield len(answers), len(wanted)
    place = _place(home, folder, run.id, what, which)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_json(place, {str(row): said for row, said in answers.items()})


def sureness(said: dict, given: object) -> float:
    """How sure the model is, from 0 to 1: of the label that the row has; of a row without, by how much the likeliest label is
    ahead; of several labels and of entities, how sure it is of the one that it is least sure of."""
    scores = said.get("scores")
    if scores and "labels" in said:
        apply = given if isinstance(given, list) else said["labels"]
        return min(p if name in apply else 1 - p for name, p in scores.items())
    if scores:
        if isinstance(given, str):
            return scores.get(given, 0.0)
        ranked = sorted(scores.values(), reverse=True)
        return ranked[0] - (ranked[1] if len(ranked) > 1 else 0.0)
    return min((entity["score"] for entity in said.get("entities", [])), default=1.0)


def order(rows: Sequence[int], answers: Answers, what: Subject, doubted: bool) -> list[int]:
    """The rows, those first of which the model is least sure; rows that it was not asked about come last. `doubted`: the
    labels that rows have are what it may be unsure of."""
    sure = {row: sureness(answers[row], what.given(row) if doubted else None) for row in rows if row in answers}
    return sorted(rows, key=lambda row: (sure.get(row, 2.0), row))
