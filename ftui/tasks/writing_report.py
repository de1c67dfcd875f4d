"""From losses and written texts to the plain data that the evaluation tab draws."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ftui.tasks.resampling import drawn, ends

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TURNS = 12  # later ones count as the last
LENGTHS = (16, 32, 64, 128, 256)  # characters of a reference: upper ends of the groups
LARGEST = 700.0  # whose exponential is still a number


def build(found: list[dict]) -> dict:
    """Of rows with loss (a sum), tokens, characters, turns, reference and text (None where none was written): metrics,
    loss by turn, and how the written ones do by length of the reference."""
    lost, tokens, characters = (np.array([row[key] for row in found], float) for key in ("loss", "tokens", "characters"))
    written = [row for row in found if row["text"] is not None]
    metrics = {"loss": _mean(lost, tokens), "perplexity": exponential(_mean(lost, tokens))}
    if characters.sum():
        metrics["perplexity_character"] = exponential(_mean(lost, characters))
    if written:
        from ftui.tasks.metrics import Written

        metrics |= Written().compute(predictions=[r["text"] for r in written], references=[r["reference"] for r in written])
    return {
        "rows": len(found),
        "written": len(written),
        "tokens": int(tokens.sum()),
        "metrics": metrics,
        "interval": _interval(lost, tokens),
        "by_turn": _by_turn(found),
        "by_length": by_length(written),
    }


def spread(found: list[dict]) -> dict[str, list]:
    """{"edges", "counts"}: how many rows have which mean loss per token."""
    counts, edges = np.histogram([row["loss"] / row["tokens"] for row in found if row["tokens"]], bins=12)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _mean(total: np.ndarray, count: np.ndarray) -> float:
    return float(total.sum() / max(count.sum(), 1))


def exponential(loss: float) -> float:
    """Perplexity of a mean loss."""
    return math.exp(min(loss, LARGEST))


def _interval(lost: np.ndarray, tokens: np.ndarray) -> dict[str, list[float]]:
    """Bootstrap interval of the perplexity: rows drawn with replacement."""
    if len(lost) < 2:
        return {}
    losses, counts = drawn(np.stack([lost, tokens], axis=1)).T
    return {"perplexity": ends(np.array([exponential(loss) for loss in losses / np.maximum(counts, 1)]))}


def _by_turn(found: list[dict]) -> list[dict]:
    """[{"turn", "answers", "tokens", "loss" (a mean)}]"""
    sums: defaultdict[int, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for row in found:
        for turn, (tokens, loss) in row.get("turns", {}).items():
            one = sums[min(turn, MOST_TURNS)]
            one[0], one[1], one[2] = one[0] + 1, one[1] + tokens, one[2] + loss
    return [{"turn": turn, "answers": int(a), "tokens": int(n), "loss": loss / max(n, 1)} for turn, (a, n, loss) in sorted(sums.items())]


def by_length(written: list[dict]) -> list[dict]:
    """[{"name", "rows", "rougeL"}] of written rows by the length of their reference."""
    from ftui.tasks.metrics import rouge

    groups = []
    for low, high in zip((0, *LENGTHS), (*LENGTHS, 10**9), strict=True):
        inside = [row for row in written if low < len(row["reference"]) <= high]
        if inside:
            name = f"{low + 1}–{high}" if high < 10**9 else f"> {low}"
            score = float(np.mean([rouge(row["reference"], row["text"])["rougeL"] for row in inside]))
            groups.append({"name": name, "rows": len(inside), "rougeL": score})
    return groups


def predictions(table: pa.Table, found: list[dict]) -> dict[str, list]:
    """Columns of predictions.parquet: prediction and rougeL are null where nothing was written; confidence is that of
    the reference's tokens (the geometric mean), nats the loss of all that was to be predicted, characters how long that is,
    loss that of a token."""
    from ftui.tasks.metrics import rouge

    scores = [None if row["text"] is None else rouge(row["reference"], row["text"])["rougeL"] for row in found]
    losses = [row["loss"] / max(row["tokens"], 1) for row in found]
    return {
        "row": table["row"].to_pylist(),
        "text": [row["asked"] for row in found],
        "label": [row["reference"] for row in found],
        "prediction": [row["text"] for row in found],
        "confidence": [math.exp(-loss) for loss in losses],
        "loss": losses,
        "nats": [row["loss"] for row in found],
        "characters": [row["characters"] for row in found],
        "rougeL": scores,
    }
