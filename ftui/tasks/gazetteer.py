"""What a list of the training entities finds: the simplest way of naming entities. A fine-tuned model should beat it."""

from __future__ import annotations

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
    lengths: dict[str, set[int]] = {}  # of the names that begin with a character
    for name in known:
        lengths.setdefault(name[0], set()).add(len(name))
    longest = {first: sorted(those, reverse=True) for first, those in lengths.items()}
    found = [_found(text, known, longest) for text in test["text"].to_pylist()]
    metrics = entity_report.build(test["spans"].to_pylist(), found)["metrics"]
    return {"name": "gazetteer", "rows": train.num_rows, "metrics": metrics}


def _found(text: str, known: dict[str, str], lengths: dict[str, list[int]]) -> list[dict]:
    """The names in a text from left to right, of those that begin at a place the longest."""
    found, at = [], 0
    while at < len(text):
        ends = (at + length for length in lengths.get(text[at], ()) if at + length <= len(text))
        end = next((end for end in ends if text[at:end] in known and _whole(text, at, end)), None)
        if end:
            found.append({"start": at, "end": end, "label": known[text[at:end]]})
        at = end or at + 1
    return found


def _whole(text: str, start: int, end: int) -> bool:
    """Words of letters that are written with blanks between are found as whole words only."""

    def letters(place: int) -> bool:
        return text[place : place + 1].isascii() and text[place : place + 1].isalnum()

    return not (start and letters(start - 1) and letters(start)) and not (letters(end - 1) and letters(end))
