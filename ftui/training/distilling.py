"""Learning from a finished run: its answers to the training rows are computed once, kept, and are a part of the loss.

    loss = (1 - weight) * loss of the labels + weight * T^2 * KL(teacher / T || student / T) + hidden_weight * distance

(Hinton et al., 2015). The distance is the mean square between the last hidden states, averaged over the tokens of a row.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ftui.artifacts import runtimes
from ftui.artifacts.predicting import Predictor
from ftui.core.errors import UserError
from ftui.core.events import Writer
from ftui.core.home import Home, Run
from ftui.core.recipe import Distil, Recipe
from ftui.data import annotating, cleaning, preparing, similar, values
from ftui.training.trainer import GroupedTrainer

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from ftui.training.rows import Rows

PLACE = "teacher_row"  # the column that says which of the teacher's answers belongs to a row
NOWHERE = -1e4  # a teacher's logit where there is no token
IGNORED = -100


@dataclass(frozen=True)
class Teaching:
    """The teacher's outputs for N rows. `heads`: for each output of the model all rows beneath each other, those of row i
    from offsets[i] to offsets[i + 1]: one line for a text, one for each token where tokens are judged. `hidden`: (N, H)."""

    heads: list[np.ndarray]
    offsets: np.ndarray
    hidden: np.ndarray | None = None

    def of(self, places: torch.Tensor) -> list[torch.Tensor]:
        """The outputs for these rows, (B, T, ...) with T the longest; NOWHERE beyond a row's end."""
        rows = places.tolist()
        longest = max(int(self.offsets[row + 1] - self.offsets[row]) for row in rows)
        found = []
        for head in self.heads:
            made = np.full((len(rows), longest, *head.shape[1:]), NOWHERE, np.float32)
            for i, row in enumerate(rows):
                part = head[self.offsets[row] : self.offsets[row + 1]]
                made[i, : len(part)] = part
            found.append(torch.from_numpy(made).to(places.device))
        return found


# ---- the teacher


def ask(
    section: Distil,
    home: Home,
    table: pa.Table,
    encoded: datasets.Dataset,
    labels: list[str],
    device: str,
    events: Writer,
) -> Teaching:
    """What the teacher says of each row of `table`, whose windows for the student are `encoded`; from <home>/cache where
    it has been asked before. Raises UserError where the two cannot learn from each other."""
    run = home.run(section.teacher)
    kept = home.cache / "teacher" / f"{_digest(run, table, section.hidden_weight > 0)}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as file:
            heads = [file[name] for name in sorted(file.files) if name.startswith("head")]
            return _fitting(
                Teaching(heads, file["offsets"], file["hidden"] if "hidden" in file.files else None), encoded
            )
    events.log("teacher_asked", teacher=run.id, rows=table.num_rows)
    predictor = Predictor(run.model, device)
    windows, outputs = predictor.outputs(
        table, lambda done: events.progress(phase="teacher", step=done, max_steps=table.num_rows)
    )
    heads = [list(part) for part in zip(*outputs, strict=True)] if isinstance(outputs[0], list) else [outputs]
    of_tokens = len(heads) > 1 or heads[0][0].ndim > 1
    lengths = [len(ids) for ids in windows[:]["input_ids"]]
    if of_tokens:
        if windows[:]["input_ids"] != encoded[:]["input_ids"]:
            raise UserError("distil_tokenizers", teacher=run.id)
        heads = [[rows[:length] for rows, length in zip(head, lengths, strict=True)] for head in heads]
    else:
        heads = [[row[None] for row in head] for head in heads]
    if len(heads) == 1 and heads[0][0].shape[-1] == len(labels):
        order = [predictor.labels.index(label) for label in labels]
        heads = [[row[..., order] for row in heads[0]]]
    hidden = _hidden(run, predictor, windows, device) if section.hidden_weight else None
    offsets = np.cumsum([0, *(len(row) for row in heads[0])])
    made = Teaching([np.concatenate(head).astype(np.float32) for head in heads], offsets, hidden)
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(f".{kept.stem}.{os.getpid()}.npz")
    extra = {} if hidden is None else {"hidden": hidden}
    np.savez(temporary, offsets=offsets, **{f"head_{n}": head for n, head in enumerate(made.heads)}, **extra)
    os.replace(temporary, kept)
    return _fitting(made, encoded)


def _fitting(teaching: Teaching, encoded: datasets.Dataset) -> Teaching:
    """The teaching, if it has as many lines for each row as the student has (one, or one for each token)."""
    lines = np.diff(teaching.offsets)
    same = len(lines) == len(encoded)
    if not same or (lines.max() > 1 and lines.tolist() != [len(ids) for ids in encoded[:]["input_ids"]]):
        raise UserError("distil_tokenizers", teacher="-")
    return teaching


def _digest(run: Run, table: pa.Table, hidden: bool) -> str:
    """Of the teacher's weights and all that it is asked."""
    files = sorted(
        (p.relative_to(run.model).as_posix(), p.stat().st_size, p.stat().st_mtime_ns)
        for p in run.model.rglob("*")
        if p.is_file()
    )
    made = hashlib.sha256(json.dumps([run.id, hidden, files]).encode())
    for name in table.column_names:
        if name not in ("row", "label"):
            made.update(json.dumps(table[name].to_pylist(), ensure_ascii=False, default=str).encode())
    return made.hexdigest()[:32]


def _hidden(run: Run, predictor: Predictor, windows: datasets.Dataset, device: str) -> np.ndarray:
    """(N, H): the teacher's last hidden states, averaged over the tokens of each row."""
    if predictor.card.get("format"):
        raise UserError("distil_hidden", teacher=run.id)
    model = predictor.task.load_model(str(run.model), predictor.labels, dtype=torch.float32).to(device).eval()
    rows = windows.select_columns(
        [n for n in windows.column_names if n in predictor.tokenizer.model_input_names]
    ).to_list()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]))
    found = np.zeros((len(rows), model.config.hidden_size), np.float32)
    collate = predictor.task.collator(predictor.tokenizer)
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            chosen = order[start : start + 32]
            batch = collate([rows[i] for i in chosen]).to(device)
            states = model(**batch, output_hidden_states=True)["hidden_states"][-1]
            found[chosen] = mean_over_tokens(states, batch["attention_mask"]).cpu().numpy()
    return found


def mean_over_tokens(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, T, H) and (B, T) give (B, H)."""
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def with_unlabelled(recipe: Recipe, home: Home, given: Rows, device: str, events: Writer) -> pa.Table:
    """The training rows and below them the texts without labels, cleaned alike, each with the label that the teacher gives it;
    without those that also are validation or test rows."""
    import pyarrow as pa

    section, train = recipe.distil, given.learned
    if section is None or not section.unlabelled_path:
        return train
    dataset = preparing.resolve(section.unlabelled_path, home)
    table = dataset.table()
    predictor = Predictor(home.run(section.teacher).model, device)
    columns = annotating.find_columns(table, predictor.inputs, {}, recipe.data.columns, dataset.card()["name"])
    asked = pa.table(
        {
            role: pa.chunked_array([values.strings(part) for part in table[column].chunks], pa.string())
            for role, column in columns.items()
        }
    )
    asked = cleaning.rewritten(asked, recipe.data.clean)
    asked = asked.filter([all(text and text.strip() for text in row.values()) for row in asked.to_pylist()])
    scored = [key for name, table in given.splits.items() if name != "train" for key in similar.keys(cleaning.texts(table))]
    leaked = preparing.leaked(similar.keys(cleaning.texts(asked)), scored)
    if leaked.any():
        events.log("unlabelled_leaked", level="warning", rows=int(leaked.sum()))
        asked = asked.filter(pa.array(~leaked))
    said = predictor.answers(asked)
    if said and "label" not in said[0]:
        raise UserError("distil_unlabelled_task", task=recipe.task)
    rows = {
        "row": pa.array([-1] * asked.num_rows, pa.int64()),
        **{role: asked[role] for role in asked.column_names},
        "label": [answer["label"] for answer in said],
    }
    events.log("unlabelled", rows=asked.num_rows)
    return pa.concat_tables([train, pa.table(rows).select(train.column_names).cast(train.schema)])


# ---- the student


class SoftLoss:
    """A task's loss, mixed with the distance from the teacher wherever `targets` are set."""

    def __init__(self, hard: Callable[..., torch.Tensor], section: Distil, problem: str | None):
        self.hard, self.section, self.problem = hard, section, problem
        self.targets: list[torch.Tensor] | None = None
        self.hidden: torch.Tensor | None = None
        self.mask: torch.Tensor | None = None

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        total = self.hard(outputs, labels, num_items_in_batch)
        if self.targets is None:
            return total
        items = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        total = (1 - self.section.weight) * total
        total = (
            total
            + self.section.weight
            * distance(runtimes.heads(outputs), self.targets, labels, self.section.temperature, self.problem)
            / items
        )
        if self.hidden is not None and self.mask is not None:
            states = mean_over_tokens(outputs["hidden_states"][-1], self.mask)
            apart = torch.nn.functional.mse_loss(states.float(), self.hidden, reduction="none").mean(-1).sum()
            total = total + self.section.hidden_weight * apart / _rows(items, labels)
        return total


def _rows(items: Any, labels: torch.Tensor) -> Any:
    """The number of rows of an update, from its number of items and this batch's share of both."""
    here = (labels != IGNORED).sum().clamp(min=1)
    return items * len(labels) / here


def distance(
    said: list[torch.Tensor],
    targets: list[torch.Tensor],
    labels: torch.Tensor,
    temperature: float,
    problem: str | None = None,
) -> torch.Tensor:
    """T^2 * KL(teacher || student), summed over the rows: texts (B, L), tokens (B, T, L) that have a label, or the start and
    end of an answer, (B, T) each. Several labels at once: of each label by itself; a number: the square of the difference."""
    import torch.nn.functional as f

    if len(said) > 1:
        padded = [f.pad(t, (0, s.shape[1] - t.shape[1]), value=NOWHERE) for s, t in zip(said, targets, strict=True)]
        return sum(
            (_divergence(s, t, temperature).sum() for s, t in zip(said, padded, strict=True)),
            start=torch.zeros((), device=labels.device),
        )
    student, teacher = said[0].float(), targets[0]
    if student.ndim == 3:
        teacher = f.pad(teacher, (0, 0, 0, student.shape[1] - teacher.shape[1]))
        return _divergence(student, teacher, temperature)[labels != IGNORED].sum()
    teacher = teacher[:, 0]
    if problem == "regression":
        return f.mse_loss(student, teacher, reduction="sum")
    if problem == "multi_label_classification":
        both = [
            torch.stack([f.logsigmoid(x / temperature), f.logsigmoid(-x / temperature)], -1) for x in (student, teacher)
        ]
        return temperature**2 * f.kl_div(*both, reduction="sum", log_target=True)
    return _divergence(student, teacher, temperature).sum()


def _divergence(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """(..., L) logits each give (...)."""
    ours, theirs = (torch.log_softmax(logits.float() / temperature, -1) for logits in (student, teacher))
    return temperature**2 * torch.nn.functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(-1)


class Student(GroupedTrainer):
    """Trains on rows that have the column PLACE with the teacher's answers; `compute_loss_func` is a SoftLoss."""

    def __init__(self, *args: Any, teaching: Teaching, **options: Any):
        super().__init__(*args, **options)
        self.teaching = teaching
        width = getattr(self.model.config, "hidden_size", None)
        if teaching.hidden is not None and teaching.hidden.shape[1] != width:
            raise UserError("distil_width", student=width, teacher=teaching.hidden.shape[1])

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if PLACE not in self._signature_columns:
            self._signature_columns.append(PLACE)

    def compute_loss(self, model: Any, inputs: dict, *args: Any, **options: Any) -> Any:
        """The loss with the teacher's part for rows that have one: training rows, not those of a validation."""
        places = inputs.pop(PLACE, None)
        soft: SoftLoss = self.compute_loss_func
        soft.targets = soft.hidden = None
        if places is not None:
            soft.targets = self.teaching.of(places)
            if self.teaching.hidden is not None:
                soft.hidden = torch.from_numpy(self.teaching.hidden[places.cpu().numpy()]).to(places.device)
                soft.mask = inputs["attention_mask"]
                inputs = {**inputs, "output_hidden_states": True}
        return super().compute_loss(model, inputs, *args, **options)
