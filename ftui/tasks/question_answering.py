"""Extractive question answering: the answer is a piece of the context. Long contexts are read in windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pyarrow as pa

ROLES = ("question", "context", "answers")
INPUTS = ("question", "context")
POSITIONS = True
STRATIFY = None
PIPELINE = "question-answering"
MODEL = "AutoModelForQuestionAnswering"
METRICS = ("f1", "exact_match")
STRIDE = 0.33  # of a window: what two windows of a long context share
BEST = 20  # starts and ends of a window that are looked at
LONGEST = 60  # tokens of an answer
ANSWER, NONE = "answer", "no_answer"


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """At least one question with an answer to learn from."""
    if not any(splits["train"]["answers"].to_pylist()):
        raise UserError("no_answers", column=columns.get("answers", "?"))


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """Whether every question has an answer, or the model has to say that there is none."""
    return [ANSWER, NONE] if any(not row for table in splits.values() for row in table["answers"].to_pylist()) else [ANSWER]


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """There are no labels to count."""
    return []


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None) -> datasets.Dataset:
    """Windows of question and context: input_ids ..., labels ([start, end] tokens of the first answer; [0, 0] where this
    window has none), `row`, and `offsets` (characters of the context; start = end for all else)."""
    import datasets

    if not tokenizer.is_fast:
        raise UserError("tokenizer_not_fast", model=tokenizer.name_or_path)
    questions, context_room = _shortened([" ".join(q.split()) for q in table["question"].to_pylist()], tokenizer, max_length)
    encoded = tokenizer(
        questions, table["context"].to_pylist(), truncation="only_second", max_length=max_length,
        stride=int(STRIDE * context_room), return_overflowing_tokens=True, return_offsets_mapping=True,
    )  # fmt: skip
    rows = encoded.pop("overflow_to_sample_mapping")
    offsets = []
    for number, places in enumerate(encoded.pop("offset_mapping")):
        parts = encoded.sequence_ids(number)
        offsets.append([tuple(place) if part == 1 else (0, 0) for place, part in zip(places, parts, strict=True)])
    columns = {**encoded, "row": rows, "offsets": offsets}
    if labels is not None:
        answers = table["answers"].to_pylist()
        columns["labels"] = [_tokens(answers[row], places) for row, places in zip(rows, offsets, strict=True)]
    return datasets.Dataset.from_dict(columns)


def _shortened(questions: list[str], tokenizer: Any, max_length: int) -> tuple[list[str], int]:
    """(questions of at most half a window, tokens that are left for the context beside the longest)."""
    most = max_length // 2
    encoded = tokenizer(questions, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    cut = [q[: places[most - 1][1]] if len(places) > most else q for q, places in zip(questions, encoded, strict=True)]
    longest = max((min(len(places), most) for places in encoded), default=0)
    return cut, max(1, max_length - longest - tokenizer.num_special_tokens_to_add(pair=True))


def _tokens(answers: list[dict], places: list[tuple[int, int]]) -> list[int]:
    """[first, last] token of the first answer, [0, 0] where it is not wholly among these."""
    if not answers:
        return [0, 0]
    start, end = answers[0]["start"], answers[0]["start"] + len(answers[0]["text"])
    inside = [n for n, (a, b) in enumerate(places) if a < b and b > start and a < end]
    if not inside or places[inside[0]][0] > start or places[inside[-1]][1] < end:
        return [0, 0]
    return [inside[0], inside[-1]]


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The model of this family with a head for the start and the end of an answer."""
    from transformers import AutoModelForQuestionAnswering

    if config is not None:
        config.num_labels = 2
        options["config"] = config
    return AutoModelForQuestionAnswering.from_pretrained(source, ignore_mismatched_sizes=True, **options)


def collator(tokenizer: Any) -> Any:
    """Pads each batch to its own longest row."""
    from transformers import DataCollatorWithPadding

    return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)


def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None, label_smoothing: float = 0.0) -> Any:
    """Cross-entropy of start and end, summed and divided by the number of both in the whole update. (B, T) start_logits
    and end_logits, and (B, 2) labels give a scalar."""
    import torch

    both = torch.stack([outputs["start_logits"], outputs["end_logits"]], 1).float().flatten(0, 1)
    total = torch.nn.functional.cross_entropy(both, labels.flatten(), reduction="sum", label_smoothing=label_smoothing)
    return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


def metrics(logits: tuple[np.ndarray, np.ndarray], references: np.ndarray, labels: list[str]) -> dict[str, float]:
    """METRICS over tokens: two (N, T) arrays of logits, (N, 2) true tokens. Windows without an answer count only where a
    question may have none. Quick, for use during training; `report` scores words of whole contexts."""
    import numpy as np

    if NONE not in labels:
        asked = references[:, 1] > 0
        logits, references = tuple(part[asked] for part in logits[:2]), references[asked]
    if not len(references):
        return dict.fromkeys(METRICS, 0.0)
    said = np.stack([part.argmax(-1) for part in logits[:2]], 1)
    shared = np.minimum(said[:, 1], references[:, 1]) - np.maximum(said[:, 0], references[:, 0]) + 1
    lengths = (said[:, 1] - said[:, 0] + 1).clip(0) + (references[:, 1] - references[:, 0] + 1)
    return {"f1": float((2 * shared.clip(0) / lengths).mean()), "exact_match": float((said == references).all(1).mean())}


def answers(table: pa.Table, windows: datasets.Dataset, outputs: list[np.ndarray], labels: list[str]) -> list[dict]:
    """[{"answer", "start", "end", "score"}], one for each row, from the (2, T) start and end logits of its windows: the
    likeliest piece of any window (Devlin et al., 2019). `score` is its probability among all that were looked at."""
    import numpy as np
    from scipy.special import softmax

    candidates: list[dict[tuple[int, int], float]] = [{} for _ in range(table.num_rows)]  # a piece that two windows share is one
    nothing = [np.inf] * table.num_rows
    for row, offsets, (starts, ends) in zip(windows["row"], windows["offsets"], outputs, strict=True):
        nothing[row] = min(nothing[row], float(starts[0] + ends[0]))
        there = np.array([a < b for a, b in offsets])
        starts, ends = (np.where(there, part[: len(there)], -np.inf) for part in (starts, ends))
        for first in np.argsort(-starts)[:BEST]:
            for last in np.argsort(-ends)[:BEST]:
                if first <= last < first + LONGEST and there[first] and there[last]:
                    place = offsets[first][0], offsets[last][1]
                    candidates[row][place] = max(candidates[row].get(place, -np.inf), float(starts[first] + ends[last]))
    found = []
    for context, mine, none in zip(table["context"].to_pylist(), candidates, nothing, strict=True):
        if NONE in labels or not mine:
            mine[0, 0] = none if np.isfinite(none) else 0.0
        start, end = max(mine, key=mine.__getitem__)
        score = softmax(list(mine.values())).max()
        found.append({"answer": context[start:end], "start": start, "end": end, "score": float(score)})
    return found


def said(answer: dict) -> str:
    """The answer and how sure the model is of it."""
    return f"{answer['answer'] or '-'}\t{answer['score']:.4f}"


def cell(answer: dict) -> tuple[str, float]:
    """The answer's words, empty where there is none, and how sure the model is."""
    return answer["answer"], round(answer["score"], 6)


def report(table: pa.Table, found: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, by length of the answer, questions without one."""
    from ftui.tasks import answer_report

    return answer_report.build(_references(table), [answer["answer"] for answer in found])


def baseline(splits: dict[str, pa.Table], split: str) -> None:
    """There is no simple model worth the name."""
    return None


def predictions(table: pa.Table, found: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet; label has the first true answer."""
    from ftui.tasks.answer_report import scores

    references = _references(table)
    return {
        "row": table["row"].to_pylist(),
        "text": table["question"].to_pylist(),
        "context": table["context"].to_pylist(),
        "label": [row[0] if row else "" for row in references],
        "prediction": [answer["answer"] for answer in found],
        "start": [answer["start"] for answer in found],
        "confidence": [answer["score"] for answer in found],
        "f1": [scores(row, answer["answer"])[1] for row, answer in zip(references, found, strict=True)],
    }


def _references(table: pa.Table) -> list[list[str]]:
    return [[answer["text"] for answer in row] for row in table["answers"].to_pylist()]
