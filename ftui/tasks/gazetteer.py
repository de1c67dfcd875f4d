"""What a list of the training entities finds: the simplest way of naming entities. A fine-tuned model should beat it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 20_000  # entities on the list, the most frequent


def score(train: pa.Table, test: pa.Table) -> dict:
    """{"name", "rows", "metrics": {"f1", "precision", "recall"}}: every text of `test` (columns text, spans) is searched
    for what was an entity in `train`, the longest first, with the label that it had most often."""
    from ftui.tasks import entity_report

    seen: Counter[tuple[str, str]] = Counter()
    for text, spans in zip(train["text"].to_pylist(), train["spans"].to_pylist(), strict=True):
        seen.update((text[s["start"] : s["end"]], s["label"]) for s in spans)
    known: dict[str, str] = {}
    for (name, label), _ in seen.most_common(MOST):
        known.setdefault(name, label)
    names = sorted(known, key=len, reverse=True)
    pattern = re.compile("|".join(map(_whole, names)) or r"(?!)")
    found = [
        [{"start": m.start(), "end": m.end(), "label": known[m.group()]} for m in pattern.finditer(text)]
        for text in test["text"].to_pylist()
    ]
    metrics = entity_report.build(test["spans"].to_pylist(), found)["metrics"]
    return {"name": "gazetteer", "rows": train.num_rows, "metrics": metrics}


def _whole(name: str) -> str:
    """Words of letters that are written with blanks between are found as whole words only."""
    before = r"(?<![A-Za-z0-9])" if name[0].isascii() and name[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if name[-1].isascii() and name[-1].isalnum() else ""
    return before + re.escape(name) + after
