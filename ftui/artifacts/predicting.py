"""One finished model and its answers, whatever its form. Evaluation, server and batch prediction all ask through this."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui import tasks
from ftui.artifacts import exporting
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.steps import build_steps
from ftui.data import cleaning

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from ftui.artifacts.writing import Writer

TOKENS = 8192  # of a batch, padding included
TOKENS_ON_CPU = 512  # what its caches hold: 1.5 to 3 times as fast as 4096


def talks(card: dict) -> bool:
    """Whether one can talk to the model with this card."""
    return bool(card.get("talks", hasattr(tasks.get(card["task"]), "talk")))


class Predictor:
    """An artefact ready to be asked, with its tokenizer and its card (ftui.json). Threads may share it.

    `folder` is a run's model/ or one of its exports. Raises UserError where it is neither.
    """

    def __init__(self, folder: Path, device: str = "cpu"):
        from transformers import AutoTokenizer

        try:
            self.card = json.loads((folder / "ftui.json").read_text(encoding="utf-8"))
            load = exporting.LOADERS[self.card.get("format", "safetensors")]
        except (OSError, ValueError, KeyError) as error:
            raise UserError("not_a_model_of_ours", path=folder) from error
        self.task = tasks.get(self.card["task"])
        self.labels: list[str] = self.card["labels"]
        self.inputs = tuple(self.card.get("asked") or tasks.inputs(self.task, ()))  # what it has to be given
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self.clean = build_steps(self.card.get("clean", []))  # texts are asked about as they were trained on
        self.device = device
        self.home = Home(next((p.parent for p in folder.absolute().parents if p.name == "runs"), folder))  # a bundle has none
        self._run = load(folder, self.card, self.task, device)
        self._collate = self.task.collator(self.tokenizer)
        self._lock = threading.Lock()  # tokenizers and models are not promised to be thread-safe
        self._base: Writer | None = None
        self.talks = talks(self.card)
        self.writer = self._writer(self._run.model) if tasks.speaks(self.task) else None

    def answers(self, table: pa.Table, progress: Callable[[int], None] | None = None) -> list[dict]:
        """What the task says of each row of the table, in order; texts are read as they are."""
        if self.writer:
            self.writer.reference = self.base() if hasattr(self.task, "PAIRS") else None
            with self._lock:
                return self.task.scored(table, self.writer, progress)
        return self.task.answers(table, *self.outputs(table, progress), self.labels, **self.card.get("decision", {}))

    def outputs(self, table: pa.Table, progress: Callable[[int], None] | None = None) -> tuple[datasets.Dataset, list[Any]]:
        """(windows of the table's rows as they are, the model's output for each: an array, or a list of them where it has
        several). Computed longest first, in batches of so many tokens."""
        with self._lock:
            windows = self.task.encode(table, self.tokenizer, self.card["max_length"], None)
            columns = {n: values for n, values in windows[:].items() if n in self.tokenizer.model_input_names}
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            rows = [row if row["input_ids"] else self._nothing(row) for row in rows]
            order = sorted(range(len(rows)), key=lambda i: -len(rows[i]["input_ids"]))
            outputs: list[Any] = [None] * len(rows)
            most = TOKENS_ON_CPU if self.device == "cpu" else TOKENS
            done = 0
            while done < len(order):
                size = max(1, most // max(8, len(rows[order[done]]["input_ids"])))
                chosen = order[done : done + size]
                parts = self._run(self._collate([rows[i] for i in chosen]))
                for i, *output in zip(chosen, *parts, strict=True):
                    outputs[i] = output[0] if len(output) == 1 else output
                done += len(chosen)
                if progress:
                    progress(done)
        return windows, outputs

    def _nothing(self, row: dict) -> dict:
        """An empty text as a decoder reads it, whose tokenizer puts nothing around a text: the mark that begins or ends one."""
        start = self.tokenizer.eos_token_id if self.tokenizer.bos_token_id is None else self.tokenizer.bos_token_id
        return {name: [start if name == "input_ids" else int(name == "attention_mask")] for name in row}

    def predict(self, inputs: list[dict]) -> list[dict]:
        """One answer for each input, in order; an input has a text for each of `inputs`, which is cleaned first as those of
        the training were."""
        import pyarrow as pa

        if not inputs:
            return []
        table = pa.table({role: [str(x.get(role) or "") for x in inputs] for role in self.inputs})
        table = cleaning.rewritten(table, self.clean)
        if self.writer:
            with self._lock:
                return self.task.asked(table.to_pylist(), self.writer)
        return self.answers(table)

    def base(self) -> Writer:
        """The model before it was tuned, where it speaks; loaded when it is first asked for. Raises UserError."""
        from ftui.training import models

        with self._lock:
            if self._base is None:
                model = self.task.load_model(models.source(self.home.base(self.card["base"])), self.labels, dtype="float32")
                self._base = self._writer(model.to(self.device).eval())
            return self._base

    def _writer(self, model: Any) -> Writer:
        from ftui.artifacts.writing import Writer
        from ftui.core.recipe import Language

        writer = Writer(model, self.tokenizer, Language(**self.card["language"]), self.card["max_length"], self._lock)
        writer.talks = self.talks
        return writer
