"""Named entities: spans of a text, each with a label. Every token is classified; rows are text and spans of characters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pyarrow as pa

ROLES = ("text", "spans")
INPUTS = ("text",)
POSITIONS = True
STRATIFY = None
PIPELINE = "token-classification"
MODEL = "AutoModelForTokenClassification"
METRICS = ("f1", "precision", "recall")
IGNORED = -100  # the label of tokens that stand for no text
STRIDE = 0.25  # of a window: what two windows of a long text share
MOST_LABELS = 500


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """At least one entity to learn from, and not more kinds of them than can be kinds."""
    kinds = {span["label"] for row in splits["train"]["spans"].to_pylist() for span in row}
    where = columns.get("spans") or columns.get("ner_tags") or "?"
    if not kinds:
        raise UserError("no_entities", column=where)
    if len(kinds) > MOST_LABELS:
        raise UserError("too_many_entity_labels", column=where, labels=len(kinds), most=MOST_LABELS)


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """O, then B- and I- of each kind of entity, sorted."""
    kinds = {span["label"] for table in splits.values() for row in table["spans"].to_pylist() for span in row}
    return ["O", *(f"{place}-{kind}" for kind in sorted(kinds) for place in "BI")]


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """Kinds of entities and how many there are, the most frequent first."""
    return Counter(span["label"] for row in table["spans"].to_pylist() for span in row).most_common()


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None) -> datasets.Dataset:
    """input_ids, attention_mask ..., labels (one for each token), and of each window `row` (of the table) and `offsets`
    (characters that each token stands for; start = end for special tokens). A long text becomes several windows."""
    import datasets

    from ftui.data import spans

    if not tokenizer.is_fast:
        raise UserError("tokenizer_not_fast", model=tokenizer.name_or_path)
    texts = table["text"].to_pylist()
    stride = int(STRIDE * max_length) if max_length > 16 else 0
    encoded = tokenizer(
        texts, truncation=True, max_length=max_length, stride=stride,
        return_overflowing_tokens=True, return_offsets_mapping=True, return_special_tokens_mask=True,
    )  # fmt: skip
    rows, special = encoded.pop("overflow_to_sample_mapping"), encoded.pop("special_tokens_mask")
    offsets = [
        [(0, 0) if s else tuple(place) for place, s in zip(places, hidden, strict=True)]
        for places, hidden in zip(encoded.pop("offset_mapping"), special, strict=True)
    ]
    columns = {**encoded, "row": rows, "offsets": offsets}
    if labels is not None:
        index = {label: number for number, label in enumerate(labels)}
        entities = table["spans"].to_pylist()
        columns["labels"] = [
            [
                index[tag] if end > start else IGNORED
                for tag, (start, end) in zip(spans.tags(entities[row], places), places, strict=True)
            ]
            for row, places in zip(rows, offsets, strict=True)
        ]
    return datasets.Dataset.from_dict(columns)


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The model of this family with a head for these tags; a head that was trained for others is replaced."""
    from transformers import AutoModelForTokenClassification

    from ftui.tasks import heads

    config = heads.labelled(source, labels, config)
    return AutoModelForTokenClassification.from_pretrained(
        source, config=config, ignore_mismatched_sizes=True, **options
    )


def collator(tokenizer: Any) -> Any:
    """Pads each batch to its own longest row, labels as well."""
    from transformers import DataCollatorForTokenClassification

    return DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=8)


def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None, label_smoothing: float = 0.0) -> Any:
    """Cross-entropy summed over the tokens that have a label, divided by their number in the whole update.
    (B, T, L) logits and (B, T) labels give a scalar."""
    import torch

    total = torch.nn.functional.cross_entropy(
        outputs["logits"].float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum",
        label_smoothing=label_smoothing,
    )  # fmt: skip
    return total / ((labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)


def metrics(logits: np.ndarray, references: np.ndarray, labels: list[str]) -> dict[str, float]:
    """METRICS over the tokens of all windows: (N, T, L) logits, (N, T) tag numbers with IGNORED where there is none.
    Quick, for use during training; `report` scores characters of whole texts."""
    from ftui.tasks.metrics import Entities

    guessed = logits.argmax(-1)
    keep = references != IGNORED
    true = [[labels[n] for n in row[k]] for row, k in zip(references, keep, strict=True)]
    said = [[labels[n] for n in row[k]] for row, k in zip(guessed, keep, strict=True)]
    return Entities().compute(predictions=said, references=true)


def answers(table: pa.Table, windows: datasets.Dataset, outputs: list[np.ndarray], labels: list[str]) -> list[dict]:
    """[{"entities": [{"label", "start", "end", "text", "score"}]}], one for each row: the (T, L) logits of its windows
    brought together, each token taken from the window in which it stands furthest from an edge."""
    from scipy.special import softmax

    tokens: list[dict] = [{} for _ in range(table.num_rows)]
    for row, offsets, logits in zip(windows["row"], windows["offsets"], outputs, strict=True):
        scores = softmax(logits[: len(offsets)].astype("float64"), axis=-1)
        for place, (start, end) in enumerate(offsets):
            if end <= start:
                continue
            inside = min(place + 1, len(offsets) - place)
            if inside > tokens[row].get((start, end), (0,))[0]:
                best = int(scores[place].argmax())
                tokens[row][start, end] = (inside, labels[best], float(scores[place, best]))
    texts = table["text"].to_pylist()
    return [{"entities": _entities(text, found)} for text, found in zip(texts, tokens, strict=True)]


def _entities(text: str, tokens: dict[tuple[int, int], tuple[int, str, float]]) -> list[dict]:
    """Tags of tokens to entities, from edge to edge of words (where words have blanks between them)."""
    from ftui.data import spans

    places = sorted(tokens)
    found, _ = spans.of_tags([tokens[place][1] for place in places])
    entities: list[dict] = []
    for first, after, label in found:
        start, end = _whole_words(text, places[first][0], places[after - 1][1])
        if entities and start < entities[-1]["end"]:
            if label == entities[-1]["label"]:  # one word, tagged twice
                entities[-1].update(end=max(end, entities[-1]["end"]))
                entities[-1]["text"] = text[entities[-1]["start"] : entities[-1]["end"]]
                continue
            rest = text[entities[-1]["end"] : end]
            start = end - len(rest.lstrip())
        if start < end:
            score = sum(tokens[place][2] for place in places[first:after]) / (after - first)
            entities.append({"label": label, "start": start, "end": end, "text": text[start:end], "score": score})
    return entities


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without blanks at its ends, widened to whole words of letters that are written with blanks between."""

    def letter(place: int) -> bool:
        return 0 <= place < len(text) and text[place].isalnum() and ord(text[place]) < 0x2E80

    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while letter(start) and letter(start - 1):
        start -= 1
    while letter(end - 1) and letter(end):
        end += 1
    return start, end


def said(answer: dict) -> str:
    """Each entity with its label."""
    return "; ".join(f"{e['label']}: {e['text']}" for e in answer["entities"]) or "-"


def cell(answer: dict) -> tuple[str, float | None]:
    """The entities as JSON, and how sure the model is of the least sure one."""
    import json

    found = [{k: e[k] for k in ("label", "start", "end", "text")} for e in answer["entities"]]
    return json.dumps(found, ensure_ascii=False), min((round(e["score"], 6) for e in answer["entities"]), default=None)


def report(table: pa.Table, found: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, each kind of entity, errors by what is wrong."""
    from ftui.tasks import entity_report

    return entity_report.build(table["spans"].to_pylist(), [answer["entities"] for answer in found])


def baseline(splits: dict[str, pa.Table], split: str) -> dict:
    """What a list of the training entities finds, scored on one split: what fine-tuning has to beat."""
    from ftui.tasks import gazetteer

    return gazetteer.score(splits["train"], splits[split])


def predictions(table: pa.Table, found: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet; label and prediction are JSON lists of spans."""
    import json

    def cell(spans: list[dict]) -> str:
        return json.dumps([[s["start"], s["end"], s["label"]] for s in spans], ensure_ascii=False)

    return {
        "row": table["row"].to_pylist(),
        "text": table["text"].to_pylist(),
        "label": [cell(spans) for spans in table["spans"].to_pylist()],
        "prediction": [cell(answer["entities"]) for answer in found],
        "confidence": [min((e["score"] for e in answer["entities"]), default=1.0) for answer in found],
    }
