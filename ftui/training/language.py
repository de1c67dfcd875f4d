"""The trainer of language models: logits only where there is a label, and an evaluation that keeps none of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_utils import EvalLoopOutput

from ftui.artifacts import writing
from ftui.core.events import Writer
from ftui.core.home import write_json
from ftui.core.recipe import Language
from ftui.tasks import writing_report
from ftui.training import labelled
from ftui.training.trainer import GroupedTrainer

SHOWN = 80  # characters of a question in the log
LONGEST_SAMPLE = 48  # tokens that are written for the log


class LanguageTrainer(GroupedTrainer):
    """A GroupedTrainer whose `compute_loss_func` is given the logits of labelled tokens alone. `shifted`: see labelled.py."""

    def __init__(self, *args: Any, shifted: bool, **options: Any):
        super().__init__(*args, **options)
        self.shifted = shifted

    def compute_loss(self, model: Any, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        logits, labels = labelled.forward(model, self._head(model), inputs, self.shifted)
        loss = self.compute_loss_func(logits, labels, num_items_in_batch=num_items_in_batch)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, {"logits": logits}) if return_outputs else loss

    def evaluation_loop(self, dataloader: Any, description: str, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> EvalLoopOutput:
        """Loss and perplexity per token, each token of all rows counting the same."""
        import torch

        model = self.model.to(self.args.device).eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        for batch in dataloader:
            inputs = self._prepare_inputs(batch)
            with torch.no_grad(), self.accelerator.autocast():
                logits, labels = labelled.forward(model, self._head(model), inputs, self.shifted)
            lost = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum")
            sums += torch.stack([lost.double(), labels.new_tensor(labels.numel()).double()])
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        total, count = self.accelerator.gather(sums[None]).sum(0).tolist()
        loss = total / max(count, 1)
        metrics = {f"{metric_key_prefix}_loss": loss, f"{metric_key_prefix}_perplexity": writing_report.exponential(loss)}
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=len(dataloader.dataset))

    def _head(self, model: Any) -> Any:
        return self.accelerator.unwrap_model(model).get_output_embeddings()


def before(
    trainer: LanguageTrainer, task: ModuleType, splits: dict, settings: Language, max_length: int, checkpoints: Path, events: Writer, alive: Callable[[], None]
) -> dict | None:  # fmt: skip
    """What the base model makes of the rows that the report is about: {"name", "split", "rows", "metrics"}; None where
    there are none. A run that is resumed finds it as it was measured at its start. `alive` may raise."""
    split = next((name for name in ("test", "validation") if name in splits), None)
    kept = checkpoints / "before.json"
    if split is None:
        return None
    if not kept.exists():
        model = trainer.accelerator.unwrap_model(trainer.model).to(trainer.args.device).eval()
        asked = writing.Writer(model, trainer.processing_class, settings, max_length, threading.Lock())
        found = task.scored(splits[split], asked, lambda _: alive())
        metrics = task.report(splits[split], found, [])["metrics"]
        checkpoints.mkdir(parents=True, exist_ok=True)
        write_json(kept, {"name": "before_tuning", "split": split, "rows": splits[split].num_rows, "metrics": metrics})
    measured: dict = json.loads(kept.read_text(encoding="utf-8"))
    events.log("before_tuning", perplexity=f"{measured['metrics']['perplexity']:.2f}", rows=measured["rows"])
    return measured


class Samples(TrainerCallback):
    """Before anything is learned and after every validation the model answers one of the validation's conversations in the log,
    always the same one, so that one sees it learn. `conversations`: rows of {"role", "content"}; of them one of few turns with a short answer is taken."""

    def __init__(self, task: ModuleType, conversations: list[list[dict]], tokenizer: Any, settings: Language, max_length: int, events: Writer):
        self.given = task.prompt(min(conversations, key=lambda messages: (len(messages), len(messages[-1]["content"]))))[0]
        self.tokenizer, self.max_length, self.events = tokenizer, max_length, events
        self.settings = settings.model_copy(update={"max_new_tokens": min(settings.max_new_tokens, LONGEST_SAMPLE)})

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if not state.global_step:
            self.on_evaluate(args, state, control, **given)

    def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if not state.is_world_process_zero or model is None:
            return
        asked = writing.Writer(getattr(model, "module", model).eval(), self.tokenizer, self.settings, self.max_length, threading.Lock())
        (said,) = asked.write([asked.prompt(self.given)])
        question = " ".join(self.given[-1]["content"].split())
        question = question if len(question) <= SHOWN else question[:SHOWN] + "…"
        self.events.log("sample_written", epoch=round(state.epoch or 0, 1), asked=question, said=" ".join(said.split()) or "–")
