"""Preference tuning: of two answers to the same question one is better. The decoder learns to find it likelier than the other,
against what it found before (direct preference optimisation; Rafailov et al., 2023)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.tasks import text_generation

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from ftui.core.recipe import Language

ROLES = ("messages", "rejected")  # a conversation that ends with the better answer, and the worse one
INPUTS = ("text",)
POSITIONS = False
STRATIFY = None
PIPELINE = "text-generation"
MODEL = "AutoModelForCausalLM"
METRICS = ("reward_accuracy", "reward_margin", "preference_accuracy", "perplexity")
WATCHED = ("loss", "reward_accuracy", "reward_margin")
TEXTS = ("input_ids", "rejected_input_ids")
STARTER = "starter-lm"
SHIFTED = True
PAIRS = True
PLAIN = "text"
SETTINGS = ("beta", "chat_template", "system", "samples", "max_new_tokens", "num_beams")
SIDES = ("", "rejected_")  # before the names of columns: the better answer, the worse one
IGNORED = text_generation.IGNORED
BINS = 12

check = text_generation.check
counts = text_generation.counts
labels = text_generation.labels
load_model = text_generation.load_model
prompt = text_generation.prompt
asked = text_generation.asked
talk = text_generation.talk
begin = text_generation.begin
questions = text_generation.questions
said = text_generation.said
cell = text_generation.cell
baseline = text_generation.baseline


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None, settings: Language) -> datasets.Dataset:
    """For each row input_ids, attention_mask and labels (the tokens of the last answer, else IGNORED) of the conversation with
    the better answer, and the same, called rejected_..., of that with the worse one; `characters` of the better, and `row`.
    Where a conversation is too long its beginning is left out, for both alike, and half the window is the answer's."""
    import datasets

    from ftui.tasks import templates

    if not tokenizer.is_fast:
        raise UserError("tokenizer_not_fast", model=tokenizer.name_or_path)
    tokenizer.padding_side = "right"
    templates.adopt(tokenizer, settings.chat_template)
    better = [templates.told(messages, settings.system) for messages in table["messages"].to_pylist()]
    worse = [[*messages[:-1], {**messages[-1], "content": said}] for messages, said in zip(better, table["rejected"].to_pylist(), strict=True)]
    columns: dict[str, list] = {"characters": [len(messages[-1]["content"]) for messages in better], "row": list(range(len(better)))}
    for side, conversations in zip(SIDES, (better, worse), strict=True):
        parts = [_window(tokenizer, templates.render(tokenizer, messages), max_length) for messages in conversations]
        columns[side + "input_ids"] = [ids for ids, _ in parts]
        columns[side + "attention_mask"] = [[1] * len(ids) for ids, _ in parts]
        columns[side + "labels"] = [wanted for _, wanted in parts]
    return datasets.Dataset.from_dict(columns)


def _window(tokenizer: Any, rendered: Any, max_length: int) -> tuple[list[int], list[int]]:
    """(tokens, labels) around the last answer; the first token has no label, for nothing comes before it."""
    encoded = tokenizer(rendered.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ids, begins = encoded["input_ids"], rendered.answers[-1][0]
    ends = rendered.answers[-1][1]
    inside = [start < ends and end > begins for start, end in encoded["offset_mapping"]]
    first = inside.index(True)
    start = max(0, first - max_length // 2) if len(ids) > max_length else 0
    part = slice(start, start + max_length)
    wanted = [token if learned else IGNORED for token, learned in zip(ids[part], inside[part], strict=True)]
    return ids[part], [IGNORED, *wanted[1:]]


def side(rows: datasets.Dataset, name: str) -> datasets.Dataset:
    """input_ids, attention_mask and labels of one of SIDES."""
    wanted = ("input_ids", "attention_mask", "labels")
    return rows.select_columns([name + column for column in wanted]).rename_columns({name + column: column for column in wanted if name})


def likelihoods(rows: datasets.Dataset, writer: Any, progress: Callable[[int], None] | None = None) -> list[list[Any]]:
    """For each of SIDES and each row the logarithms of the probabilities of its tokens."""
    return [[-lost for lost in writer.losses(side(rows, name), SHIFTED, progress)] for name in SIDES]


def collator(tokenizer: Any) -> Any:
    """Pads both sides of a batch, each to its own longest row; (B, 2) `reference` where the rows have it."""
    import torch

    pad = text_generation.collator(tokenizer)

    def collate(rows: list[dict]) -> dict:
        batch = {}
        for name in SIDES:
            part = pad([{column: row[name + column] for column in ("input_ids", "attention_mask", "labels")} for row in rows])
            batch |= {name + column: values for column, values in part.items()}
        if "reference" in rows[0]:
            batch["reference"] = torch.tensor([row["reference"] for row in rows])
        return batch

    return collate


def loss(margins: Any, labels: Any = None, num_items_in_batch: Any = None, label_smoothing: float = 0.0) -> Any:
    """Of (B,) margins, by how much the better answer's reward is higher: -log sigmoid, summed over the pairs, divided by
    their number in the whole update. With label smoothing some of the pairs may be the wrong way round."""
    from torch.nn.functional import logsigmoid

    total = -((1 - label_smoothing) * logsigmoid(margins) + label_smoothing * logsigmoid(-margins)).sum()
    return total / (len(margins) if num_items_in_batch is None else num_items_in_batch)


def scored(table: pa.Table, writer: Any, progress: Callable[[int], None] | None = None) -> list[dict]:
    """For each row the loss, tokens and characters of the better answer, both answers, `means` (log-likelihood of a token of
    each), `rewards` (beta times how much likelier each has become; None where there is no model to compare with), and for
    some rows the text that the model writes itself (elsewhere None)."""
    rows = encode(table, writer.tokenizer, writer.max_length, [], writer.settings)
    now = likelihoods(rows, writer, progress)
    before = likelihoods(rows, writer.reference) if writer.reference else None
    found = []
    for number, (messages, rejected) in enumerate(zip(table["messages"].to_pylist(), table["rejected"].to_pylist(), strict=True)):
        given, better = prompt(messages)
        sums = [float(answers[number].sum()) for answers in now]
        row = {"loss": -sums[0], "tokens": len(now[0][number]), "characters": rows["characters"][number]}
        row |= {"given": given, "asked": given[-1]["content"], "reference": better, "rejected": rejected, "text": None}
        row["means"] = [float(answers[number].mean()) for answers in now]
        row["rewards"] = before and [writer.settings.beta * (total - float(answers[number].sum())) for total, answers in zip(sums, before, strict=True)]
        found.append(row)
    chosen = writer.sample(len(found), text_generation.SAMPLES)
    for place, text in zip(chosen, writer.write([writer.prompt(found[place]["given"]) for place in chosen]), strict=True):
        found[place]["text"] = text.strip()
    return found


def report(table: pa.Table, found: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, how the margins spread."""
    import numpy as np

    from ftui.tasks import resampling, writing_report

    made = writing_report.build(found)
    means = np.array([row["means"] for row in found])
    kept = {name: made["metrics"][name] for name in ("loss", "perplexity")}
    kept["preference_accuracy"] = float((means[:, 0] > means[:, 1]).mean())
    made |= {"metrics": kept, "by_turn": [], "by_length": []}
    if found[0]["rewards"]:
        margins = np.array([better - worse for better, worse in (row["rewards"] for row in found)])
        kept |= {"reward_accuracy": float((margins > 0).mean()), "reward_margin": float(margins.mean())}
        right, gained = resampling.drawn(np.stack([margins > 0, margins], axis=1)).T / len(margins)
        made["interval"] |= {"reward_accuracy": resampling.ends(right), "reward_margin": resampling.ends(gained)}
        counts, edges = np.histogram(margins, bins=BINS)
        made["margins"] = {"edges": edges.tolist(), "counts": counts.tolist()}
    return made


def predictions(table: pa.Table, found: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet: those of text generation, the worse answer, and by how much the better one's reward is higher."""
    from ftui.tasks import writing_report

    margins = [row["rewards"][0] - row["rewards"][1] if row["rewards"] else None for row in found]
    return {**writing_report.predictions(table, found), "rejected": [row["rejected"] for row in found], "margin": margins}
