"""Domain adaptation of an encoder: words are hidden in plain text and guessed (masked language modelling). The result is a
base model that knows how its field writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.tasks import text_generation

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from ftui.core.recipe import Language

ROLES = ("text",)
INPUTS = ("text",)
POSITIONS = False
STRATIFY = None
PIPELINE = "fill-mask"
MODEL = "AutoModelForMaskedLM"
METRICS = ("perplexity",)
SETTINGS = ("mlm_probability",)
SHIFTED = False
STRIDE = 0.0
IGNORED = -100
TOP = 10  # guesses for each gap
AROUND = 80  # characters on either side of a gap that an example shows
GAP = re.compile(r"\[MASK\]|<mask>|_{3,}|□", re.IGNORECASE)  # how people write one


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """Whatever has been read can be learned from."""


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """There are no labels to count."""
    return []


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """There is nothing to tell apart."""
    return []


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None, settings: Language) -> datasets.Dataset:
    """input_ids with a share of the tokens hidden, attention_mask, labels: the hidden tokens, else IGNORED; of each window
    its `row`. A long text has several windows. The same rows always have the same gaps; the collator for learning draws
    others each time."""
    import datasets
    import numpy as np

    if tokenizer.mask_token_id is None:
        raise UserError("no_mask_token", model=tokenizer.name_or_path)
    texts = table["text"].to_pylist()
    encoded = tokenizer(texts, truncation=True, max_length=max_length, return_overflowing_tokens=True, return_special_tokens_mask=True, verbose=False)
    rows, columns = encoded["overflow_to_sample_mapping"], {"input_ids": [], "attention_mask": [], "labels": [], "row": []}
    for number, (ids, special) in enumerate(zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)):
        places = np.flatnonzero(np.array(special) == 0)
        if not len(places):
            continue
        dice = np.random.default_rng([len(ids), number])
        hidden = dice.choice(places, max(1, round(settings.mlm_probability * len(places))), replace=False)
        wanted = np.full(len(ids), IGNORED)
        wanted[hidden] = np.array(ids)[hidden]
        columns["input_ids"].append(np.where(wanted == IGNORED, ids, tokenizer.mask_token_id).tolist())
        columns["attention_mask"].append([1] * len(ids))
        columns["labels"].append(wanted.tolist())
        columns["row"].append(rows[number])
    if not columns["row"]:
        raise UserError("nothing_to_predict", tokens=max_length)
    return datasets.Dataset.from_dict(columns)


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The encoder with its head for hidden words."""
    from transformers import AutoModelForMaskedLM

    if config is not None:
        options["config"] = config
    return AutoModelForMaskedLM.from_pretrained(source, **options)


collator = text_generation.collator


def learning_collator(tokenizer: Any, settings: Language) -> Any:
    """Hides other tokens each time that a row is learned from: of those that are chosen eight in ten are hidden, one is
    replaced by another, one stays (Devlin et al., 2019)."""
    from transformers import DataCollatorForLanguageModeling

    draw = DataCollatorForLanguageModeling(tokenizer, mlm_probability=settings.mlm_probability, pad_to_multiple_of=8)

    def collate(rows: list[dict]) -> Any:
        whole = [[i if label == IGNORED else label for i, label in zip(row["input_ids"], row["labels"], strict=True)] for row in rows]
        return draw([{"input_ids": ids, "attention_mask": row["attention_mask"]} for ids, row in zip(whole, rows, strict=True)])

    return collate


loss = text_generation.loss


def scored(table: pa.Table, writer: Any, progress: Callable[[int], None] | None = None) -> list[dict]:
    """For each row the loss on its hidden tokens and their number, and as an example a part of its text with one gap and
    what stood there."""
    windows = encode(table, writer.tokenizer, writer.max_length, [], writer.settings)
    losses = writer.losses(windows, SHIFTED, progress)
    found: list[dict] = [{"loss": 0.0, "tokens": 0, "characters": 0, "asked": text, "reference": "", "text": None} for text in table["text"].to_pylist()]
    for row, ids, wanted, lost in zip(windows["row"], windows["input_ids"], windows["labels"], losses, strict=True):
        answer = found[row]
        answer["loss"] += float(lost.sum())
        answer["tokens"] += len(lost)
        if not answer["reference"]:
            answer["asked"], answer["reference"] = _example(writer.tokenizer, ids, wanted)
    return found


def _example(tokenizer: Any, ids: list[int], wanted: list[int]) -> tuple[str, str]:
    """(a text with one gap, what stood there): the gap of the longest word, a whole one where there is one, rather
    than punctuation."""
    places = [place for place, label in enumerate(wanted) if label != IGNORED]
    words = {place: tokenizer.decode([wanted[place]]).strip() for place in places}
    gap = max(places, key=lambda place: (words[place].isalnum(), not words[place].startswith("##"), len(words[place])))
    special = set(tokenizer.all_special_ids) - {tokenizer.mask_token_id}
    whole = [i if label == IGNORED or place == gap else label for place, (i, label) in enumerate(zip(ids, wanted, strict=True)) if i not in special]
    before, _, after = tokenizer.decode(whole).partition(tokenizer.mask_token)
    text = f"{before[-AROUND:]}{tokenizer.mask_token}{after[:AROUND]}"
    return _joined(text) if _spaced(text) else text, words[gap]


def _spaced(text: str) -> bool:
    """Whether a tokenizer has put spaces between hanzi."""
    return bool(re.search(r"[\u3400-\u9fff] [\u3400-\u9fff]", text))


def _joined(text: str) -> str:
    return re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef]) | (?=[\u3000-\u9fff\uff00-\uffef])", "", text)


def asked(inputs: list[dict], writer: Any) -> list[dict]:
    """[{"candidates": [{"token", "score"}]}]: the likeliest words for the gap, the first the likeliest; of several gaps a
    list of such lists, of none an empty one."""
    import torch

    tokenizer, answers = writer.tokenizer, []
    for given in inputs:
        text = GAP.sub(tokenizer.mask_token, given["text"])
        encoded = tokenizer(text, truncation=True, max_length=writer.max_length, return_tensors="pt").to(writer.device)
        hidden = encoded["input_ids"][0] == tokenizer.mask_token_id
        with torch.inference_mode():
            likely = writer.model(**encoded).logits[0, hidden].float().softmax(-1).topk(TOP)
        found = [
            [{"token": tokenizer.decode([token]).strip(), "score": score} for token, score in zip(tokens, scores, strict=True)]
            for tokens, scores in zip(likely.indices.tolist(), likely.values.tolist(), strict=True)
        ]
        answers.append({"candidates": found[0] if len(found) == 1 else found})
    return answers


def questions(table: pa.Table) -> list[dict]:
    """What could be asked of these rows: each text with a gap at its end."""
    return [{"text": text[:AROUND] + "[MASK]"} for text in table["text"].to_pylist()]


def said(answer: dict) -> str:
    """The likeliest word of each gap."""
    return " / ".join(guesses[0]["token"] for guesses in gaps(answer)) or "-"


def gaps(answer: dict) -> list[list[dict]]:
    """The guesses of each gap."""
    found = answer["candidates"]
    return [found] if found and isinstance(found[0], dict) else found


def cell(answer: dict) -> tuple[str, float | None]:
    """The likeliest word of each gap, and how sure the model is of the first."""
    return said(answer), gaps(answer)[0][0]["score"] if answer["candidates"] else None


def report(table: pa.Table, found: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: perplexity with its interval, and how it spreads over the rows."""
    from ftui.tasks import writing_report

    return {**writing_report.build(found), "losses": writing_report.spread(found)}


baseline = text_generation.baseline
predictions = text_generation.predictions
