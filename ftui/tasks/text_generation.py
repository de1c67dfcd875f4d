"""Text generation: answers in conversations, or plain text that goes on. Decoders; every token predicts the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from ftui.core.recipe import Language

ROLES = ("messages",)
INPUTS = ("text",)
POSITIONS = False
STRATIFY = None
PIPELINE = "text-generation"
MODEL = "AutoModelForCausalLM"
METRICS = ("perplexity", "perplexity_character", "rouge1", "rougeL")
IGNORED = -100
STARTER = "starter-lm"
SHIFTED = True  # the logits of a token are about the next one
PLAIN = "text"
STRIDE = 0.0
SETTINGS = ("loss_on", "chat_template", "system", "samples", "max_new_tokens", "num_beams")
SAMPLES = 16
PART = 60  # characters of a plain text that the model is given to go on with, for the report


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """Whatever has been read can be learned from."""


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """Nothing is told apart."""
    return []


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """There is nothing to tell apart."""
    return []


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None, settings: Language) -> datasets.Dataset:
    """input_ids, attention_mask, labels (tokens to be predicted, else IGNORED; the first never is one), and of each window
    `row`, `turns` (for each token the number of the answer that it belongs to, 0 for none) and `characters` (of text that
    is to be predicted). A conversation is one window, its end cut off where it is too long; a plain text is several."""
    import datasets

    from ftui.tasks import templates

    if not tokenizer.is_fast:
        raise UserError("tokenizer_not_fast", model=tokenizer.name_or_path)
    marks = set(tokenizer.all_special_ids)
    columns: dict[str, list] = {name: [] for name in ("input_ids", "attention_mask", "labels", "turns", "characters", "row")}
    conversations = [templates.told(messages, settings.system) for messages in table.column("messages").to_pylist()]
    tokenizer.padding_side = "right"
    if any(messages[0]["role"] != templates.TEXT for messages in conversations):
        templates.adopt(tokenizer, settings.chat_template)
    rendered = [templates.render(tokenizer, messages) for messages in conversations]
    encoded = tokenizer([r.text for r in rendered], add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    for row, (messages, text, ids, offsets) in enumerate(
        zip(conversations, rendered, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ):
        plain = messages[0]["role"] == templates.TEXT
        turns = _turns(offsets, text.answers)
        learned = [bool(turn) or settings.loss_on == "all" for turn in turns]
        for start in _starts(learned, max_length, plain):
            part = slice(start, start + max_length)
            wanted = [False, *learned[part][1:]]
            if not any(wanted):
                continue
            columns["input_ids"].append(ids[part])
            columns["attention_mask"].append([1] * len(ids[part]))
            columns["labels"].append([token if want else IGNORED for token, want in zip(ids[part], wanted, strict=True)])
            columns["turns"].append(turns[part])
            counted = [want and token not in marks for want, token in zip(wanted, ids[part], strict=True)]
            columns["characters"].append(_characters(counted, offsets[part]))
            columns["row"].append(row)
    if not columns["row"]:
        raise UserError("nothing_to_predict", tokens=max_length)
    return datasets.Dataset.from_dict(columns)


def _turns(offsets: list[tuple[int, int]], answers: list[tuple[int, int]]) -> list[int]:
    """For each token the number of the answer that it stands in, from 1; 0 for none."""
    turns, number = [], 0
    for start, end in offsets:
        while number < len(answers) and answers[number][1] <= start:
            number += 1
        inside = number < len(answers) and answers[number][0] <= start and end > start
        turns.append(number + 1 if inside else 0)
    return turns


def _starts(learned: list[bool], max_length: int, plain: bool) -> list[int]:
    """Where the windows of a row begin: a conversation has one, which holds a part of an answer at least."""
    if plain:
        return list(range(0, max(1, len(learned) - 1), max_length))
    if any(learned[1:max_length]) or not any(learned):
        return [0]
    return [learned.index(True) - max_length // 2]


def _characters(counted: list[bool], offsets: list[tuple[int, int]]) -> int:
    """Characters that stand in these tokens; several tokens may share one."""
    count, reached = 0, 0
    for count_it, (start, end) in zip(counted, offsets, strict=True):
        if count_it:
            count += max(0, end - max(start, reached))
        reached = max(reached, end)
    return count


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The decoder with its own language-model head."""
    from transformers import AutoModelForCausalLM

    if config is not None:
        options["config"] = config
    return AutoModelForCausalLM.from_pretrained(source, **options)


def collator(tokenizer: Any) -> Any:
    """Pads each batch to its own longest row, labels as well."""
    from transformers import DataCollatorForTokenClassification

    return DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=8)


def loss(logits: Any, labels: Any, num_items_in_batch: Any = None, label_smoothing: float = 0.0) -> Any:
    """Cross-entropy summed over the tokens that have a label, divided by their number in the whole update.
    (N, V) logits and (N,) labels, of these tokens alone, give a scalar."""
    import torch

    total = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum", label_smoothing=label_smoothing)
    return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


def prompt(messages: list[dict]) -> tuple[list[dict], str]:
    """(what the model is given of a row, what it should say): all before the last answer and that answer, or the
    beginning of a plain text and how it goes on."""
    if len(messages) > 1:
        return messages[:-1], messages[-1]["content"]
    text = messages[0]["content"]
    cut = min(PART, len(text) // 2)
    return [{**messages[0], "content": text[:cut]}], text[cut:]


def scored(table: pa.Table, writer: Any, progress: Callable[[int], None] | None = None) -> list[dict]:
    """For each row its loss, tokens, characters and answers ([turn, tokens, loss]), the reference, and for some rows
    the text that the model writes itself (elsewhere None)."""
    import numpy as np

    conversations = table.column("messages").to_pylist()
    windows = encode(table, writer.tokenizer, writer.max_length, [], writer.settings)
    found: list[dict] = []
    for messages in conversations:
        given, reference = prompt(messages)
        row = {"loss": 0.0, "tokens": 0, "characters": 0, "turns": {}, "asked": given[-1]["content"], "reference": reference, "text": None}
        found.append(row | {"given": given})
    losses = writer.losses(windows, SHIFTED, progress)
    for row, targets, turns, characters, lost in zip(
        windows["row"], windows["labels"], windows["turns"], windows["characters"], losses, strict=True
    ):
        answer = found[row]
        answer["loss"] += float(lost.sum())
        answer["tokens"] += len(lost)
        answer["characters"] += characters
        numbers = np.array([turn for turn, target in zip(turns, targets, strict=True) if target != IGNORED])
        for turn in set(numbers.tolist()) - {0}:
            tokens, total = answer["turns"].get(turn, (0, 0.0))
            chosen = lost[numbers == turn]
            answer["turns"][turn] = (tokens + len(chosen), total + float(chosen.sum()))
    chosen_rows = writer.sample(len(found), SAMPLES)
    written = writer.write([writer.prompt(found[row]["given"]) for row in chosen_rows])
    for row, text in zip(chosen_rows, written, strict=True):
        found[row]["text"] = text.strip()
    return found


def asked(inputs: list[dict], writer: Any) -> list[dict]:
    """[{"text"}]: what the model says to each text, or how it goes on with it; always the likeliest token."""
    if not writer.talks:
        return [{"text": text.rstrip()} for text in writer.write([begin(given["text"], writer) for given in inputs])]
    prompts = [talk([{"role": "user", "content": given["text"]}], writer) for given in inputs]
    return [{"text": text.strip()} for text in writer.write(prompts)]


def talk(messages: list[dict], writer: Any) -> list[int]:
    """The tokens of a conversation, after which the assistant speaks."""
    return writer.prompt(messages)


def begin(text: str, writer: Any) -> list[int]:
    """The tokens of a text that is to go on."""
    return writer.prompt([{"role": "text", "content": text}])


def questions(table: pa.Table) -> list[dict]:
    """What could be asked of these rows."""
    return [{"text": prompt(messages)[0][-1]["content"]} for messages in table.column("messages").to_pylist()]


def said(answer: dict) -> str:
    """The answer."""
    return answer["text"]


def cell(answer: dict) -> tuple[str, float | None]:
    """The answer; nothing says how sure the model is of it."""
    return answer["text"], None


def report(table: pa.Table, found: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, loss by turn. Of plain texts nobody can say how they ought
    to go on: they have no score for what is written, and show how the loss spreads over them."""
    from ftui.tasks import templates, writing_report

    made = writing_report.build(found)
    if all(messages[0]["role"] == templates.TEXT for messages in table.column("messages").to_pylist()):
        kept = {name: value for name, value in made["metrics"].items() if "perplexity" in name or name == "loss"}
        made |= {"metrics": kept, "by_turn": [], "by_length": [], "losses": writing_report.spread(found)}
    return made


def baseline(splits: dict[str, pa.Table], split: str) -> None:
    """The model before tuning is what to compare with; the training measures it."""
    return None


def predictions(table: pa.Table, found: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet; prediction is null for rows that were not written out."""
    from ftui.tasks import writing_report

    return writing_report.predictions(table, found)
