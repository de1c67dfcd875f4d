"""Text to text: a summary, a title, a translation. Models with an encoder, which reads the source, and a decoder, which
writes the target (T5, mT5, BART, Marian)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.tasks import text_generation

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from ftui.core.recipe import Language

ROLES = ("source", "target")
INPUTS = ("source",)
POSITIONS = False
STRATIFY = None
PIPELINE = "text2text-generation"
MODEL = "AutoModelForSeq2SeqLM"
METRICS = ("rougeL", "chrf", "bleu", "rouge1", "perplexity")
TEXTS = ("input_ids", "labels")
STARTER = "starter-seq2seq"
SETTINGS = ("prefix", "samples", "max_new_tokens", "num_beams")
SHIFTED = False  # the decoder is given the target one token late
SAMPLES = 100  # targets are short: more of them are written out for the report


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """Raise UserError where every row has the same target."""
    targets = splits["train"]["target"].unique()
    if len(targets) < 2:
        raise UserError("one_target", column=columns.get("target", "?"), target=str(targets[0])[:80])


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """There are no labels to count."""
    return []


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """There is nothing to tell apart."""
    return []


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None, settings: Language) -> datasets.Dataset:
    """input_ids and attention_mask of the source with its prefix, labels: the tokens of the target; both cut at `max_length`.
    And of each row `row`, and `characters` of its target."""
    import datasets

    texts = table["target"].to_pylist()
    columns = dict(tokenizer(sources(table["source"].to_pylist(), settings), truncation=True, max_length=max_length, verbose=False))
    wanted = tokenizer(text_target=texts, truncation=True, max_length=max_length, verbose=False)["input_ids"]
    shown = [len(text) if len(ids) < max_length else len(tokenizer.decode(ids, skip_special_tokens=True)) for text, ids in zip(texts, wanted, strict=True)]
    columns = {name: values for name, values in columns.items() if name != "token_type_ids"}
    return datasets.Dataset.from_dict({**columns, "labels": wanted, "characters": shown, "row": list(range(len(texts)))})


def sources(texts: list[str], settings: Language) -> list[str]:
    """The texts as the model reads them: the prefix before each, a space between."""
    prefix = (settings.prefix or "").strip()
    return [f"{prefix} {text}" for text in texts] if prefix else texts


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The model with its own head."""
    from transformers import AutoModelForSeq2SeqLM

    if config is not None:
        options["config"] = config
    return AutoModelForSeq2SeqLM.from_pretrained(source, **options)


def collator(tokenizer: Any) -> Any:
    """Pads sources and targets of each batch to their own longest."""
    from transformers import DataCollatorForSeq2Seq

    return DataCollatorForSeq2Seq(tokenizer, pad_to_multiple_of=8)


loss = text_generation.loss


def scored(table: pa.Table, writer: Any, progress: Callable[[int], None] | None = None) -> list[dict]:
    """For each row its loss, tokens and characters of the target, source and reference, and for some rows the text that the
    model writes itself (elsewhere None)."""
    windows = encode(table, writer.tokenizer, writer.max_length, [], writer.settings)
    losses = writer.losses(windows, SHIFTED, progress)
    rows = zip(table["source"].to_pylist(), table["target"].to_pylist(), windows["characters"], losses, strict=True)
    found: list[dict] = [
        {"loss": float(lost.sum()), "tokens": len(lost), "characters": characters, "asked": source, "reference": target, "text": None}
        for source, target, characters, lost in rows
    ]
    chosen = writer.sample(len(found), SAMPLES)
    for row, answer in zip(chosen, asked([{"source": found[row]["asked"]} for row in chosen], writer), strict=True):
        found[row]["text"] = answer["text"]
    return found


def asked(inputs: list[dict], writer: Any) -> list[dict]:
    """[{"text"}]: what the model makes of each source."""
    return [{"text": text.strip()} for text in writer.write([begin(given["source"], writer) for given in inputs])]


def begin(text: str, writer: Any) -> list[int]:
    """The tokens of a source, with its prefix."""
    return writer.source(sources([text], writer.settings)[0])


def questions(table: pa.Table) -> list[dict]:
    """What could be asked of these rows."""
    return table.select(list(INPUTS)).to_pylist()


said = text_generation.said
cell = text_generation.cell


def report(table: pa.Table, found: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, scores in all and by length."""
    import numpy as np

    from ftui.tasks import metrics, writing_report

    each = [metrics.rouge(row["reference"], row["text"])["rougeL"] for row in found if row["text"] is not None]
    counts, edges = np.histogram(each, bins=10, range=(0, 1))
    return {**writing_report.build(found), "scores": {"edges": edges.round(1).tolist(), "counts": counts.tolist()}}


baseline = text_generation.baseline
predictions = text_generation.predictions
