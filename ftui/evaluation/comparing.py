"""Is one model better than another, or is it chance? Works on predictions.parquet alone, without torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ftui.tasks.resampling import RESAMPLES, drawn, ends, f1_and_accuracy


def compare(first: Path, second: Path, split: str = "test", task: str = "text-classification") -> dict:
    """Two predictions.parquet on the rows that both have in this split: what `paired` says of them (`summed` where a row has
    not one label, `apart` where it has none), and `tested`, how many rows each has there. {"tested", "shared"} alone where
    fewer than half of the rows are shared: such a comparison would say more of the rows than of the models."""
    import pyarrow.parquet as pq

    counted = all("characters" in pq.read_schema(path).names for path in (first, second))
    one, two = (_rows(path, split, counted) for path in (first, second))
    shared = sorted(set(one) & set(two))
    tested = [len(one), len(two)]
    if 2 * len(shared) < min(tested) or not shared:
        return {"tested": tested, "shared": len(shared)}
    if task in SUMS or task in ERRORS:
        name, sums, *finish = ERRORS[task] if task in ERRORS else SUMS[task]
        here = [np.array([sums(k[2], *of[k]) for k in shared], float) for of in (one, two)]
        return {"tested": tested, **(apart if finish else summed)(name, *here, *finish)}
    return {"tested": tested, **paired([k[2] for k in shared], [one[k][0] for k in shared], [two[k][0] for k in shared])}


def _sets(true: str, said: str, f1: float) -> tuple[float, float, bool]:
    """Of a row whose answer is a list (entities, labels): parts of its F1, and whether it is wholly right."""
    wanted, found = ({json.dumps(one) for one in json.loads(cell)} for cell in (true, said))
    return 2 * len(wanted & found), len(wanted) + len(found), wanted == found


def _answer(true: str, said: str, f1: float) -> tuple[float, float, bool]:
    """The same of a question: the mean of F1 over questions is reported."""
    return f1, 1, f1 >= 1


def _pair(true: str, rejected: str, margin: float) -> tuple[float, float, bool]:
    """The same of a pair of answers, of which one is the better."""
    return float(margin > 0), 1, margin > 0


SUMS: dict[str, tuple[str, Callable]] = {
    "preference-tuning": ("reward_accuracy", _pair),
    "token-classification": ("f1", _sets),
    "multi-label-classification": ("f1_micro", _sets),
    "question-answering": ("f1", _answer),
}



def _distance(true: float, said: float, _: float) -> tuple[float, float]:
    """Of a number: parts of the mean square error."""
    return (said - true) ** 2, 1


def _nats(reference: str, said: str | None, told: tuple[float, int]) -> tuple[float, float]:
    """Of a text: parts of the loss per character, which does not depend on how a tokenizer cuts."""
    nats, characters = told
    return nats, max(characters, 1e-9)


ERRORS: dict[str, tuple[str, Callable, Callable]] = {
    "text-regression": ("rmse", _distance, np.sqrt),
    "text-generation": ("perplexity_character", _nats, np.exp),
    "text2text-generation": ("perplexity_character", _nats, np.exp),
}

TASKS = {"text-classification", *SUMS, *ERRORS}  # whose runs can be compared


def apart(name: str, first: np.ndarray, second: np.ndarray, finish: Callable) -> dict:
    """What `paired` says, from (N, 2) each: parts a and b of an error, called `name`, that is finish(sum(a) / sum(b)); the less,
    the better. `only_first` and `only_second` are the rows on which one is nearer than the other."""
    rows = len(first)
    here, again = ([finish(sums[:, i] / sums[:, i + 1]) for i in (0, 2)] for sums in _added(np.hstack([first, second])))
    each = [of[:, 0] / of[:, 1] for of in (first, second)]
    return {
        "rows": rows,
        "metrics": {name: [float(of[0]) for of in here]},
        "intervals": {name: [ends(of) for of in again]},
        "lower": True,
        **_verdict(here[1][0] - here[0][0], again[1] - again[0], int((each[0] < each[1]).sum()), int((each[1] < each[0]).sum())),
    }


def _added(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the rows of (N, K) parts: (1, K) of all rows, (RESAMPLES, K) of rows drawn with replacement."""
    return parts.sum(0, keepdims=True), drawn(parts)


def summed(name: str, first: np.ndarray, second: np.ndarray) -> dict:
    """What `paired` says, from (N, 3) each: parts a and b of a metric that is sum(a) / sum(b), and whether the row is wholly
    right. `metrics` are that metric, called `name`, and, where it is not the same, `right`, the share of rows that are wholly right."""
    rows = len(first)
    one_figure = all((of[:, 1] == 1).all() and np.array_equal(of[:, 0], of[:, 2]) for of in (first, second))

    def measured(sums: np.ndarray) -> dict[str, list[np.ndarray]]:
        ratios = [sums[:, i] / np.maximum(sums[:, i + 1], 1e-9) for i in (0, 3)]
        return {name: ratios} | ({} if one_figure else {"right": [sums[:, i] / rows for i in (2, 5)]})

    here, again = map(measured, _added(np.hstack([first, second])))
    right, others_right = first[:, 2], second[:, 2]
    return {
        "rows": rows,
        "metrics": {metric: [float(of[0]) for of in values] for metric, values in here.items()},
        "intervals": {metric: [ends(of) for of in values] for metric, values in again.items()},
        "lower": False,
        **_verdict(
            here[name][1][0] - here[name][0][0],
            again[name][1] - again[name][0],
            int((right > others_right).sum()),
            int((others_right > right).sum()),
        ),
    }


def paired(true: list[str], first: list[str], second: list[str]) -> dict:
    """Two lists of predicted labels against the true ones, row by row (at least one row).

    `metrics`: {name: [first, second]}, `intervals`: {name: [[low, high], [low, high]]}; `difference` (second - first)
    of macro F1 with its paired bootstrap `interval`; `lower` whether less is better; `only_first` and `only_second` are right where the other is wrong,
    and `p_value` is McNemar's exact test on them; `chance` says that the interval holds 0.
    """
    labels, numbers = np.unique(np.array([true, first, second], dtype=object).astype(str), return_inverse=True)
    rows = numbers.reshape(3, -1)
    kinds, counts = np.unique(rows, axis=1, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    again = [f1_and_accuracy(drawn, kinds[0], kinds[i], len(labels)) for i in (1, 2)]
    here = [f1_and_accuracy(counts[None], kinds[0], kinds[i], len(labels)) for i in (1, 2)]
    only_first = int(((rows[1] == rows[0]) & (rows[2] != rows[0])).sum())
    only_second = int(((rows[1] != rows[0]) & (rows[2] == rows[0])).sum())
    names = ("f1_macro", "accuracy")
    return {
        "rows": len(true),
        "metrics": {name: [float(of[i][0]) for of in here] for i, name in enumerate(names)},
        "intervals": {name: [ends(of[i]) for of in again] for i, name in enumerate(names)},
        "lower": False,
        **_verdict(here[1][0][0] - here[0][0][0], again[1][0] - again[0][0], only_first, only_second),
    }


def _verdict(difference: float, again: np.ndarray, only_first: int, only_second: int) -> dict:
    """What both kinds of comparison end with; `again` are differences of drawn rows."""
    between = ends(again)
    return {
        "difference": float(difference),
        "interval": between,
        "only_first": only_first,
        "only_second": only_second,
        "p_value": mcnemar(only_first, only_second),
        "chance": bool(between[0] <= 0 <= between[1]),
    }


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that both are right equally often (McNemar, 1947).

    >>> round(mcnemar(3, 12), 4), mcnemar(0, 0)
    (0.0352, 1.0)
    """
    from scipy.stats import binomtest

    n = only_first + only_second
    return float(binomtest(only_first, n, 0.5).pvalue) if n else 1.0


def _rows(path: Path, split: str, counted: bool) -> dict[tuple[int, str, str], tuple[Any, Any]]:
    """{(number, text, true label): (prediction, F1 or margin of the row, or its nats and for how many characters they are, where
    it has them)} of one split. Where these are not `counted` (files of older versions) the reference's stand for them."""
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    more = next((name for name in ("f1", "margin", "nats") if name in names), None)
    columns = ["split", "row", "text", "label", "prediction", *([more] if more else []), *(["characters"] if counted else [])]

    def besides(row: dict) -> Any:
        return (row["nats"], row["characters"] if counted else len(row["label"])) if more == "nats" else row[more] if more else 0.0

    table = pq.read_table(path, columns=columns).to_pylist()
    return {(r["row"], r["text"], r["label"]): (r["prediction"], besides(r)) for r in table if r["split"] == split}
