"""What can be learned. One short file per task, all with the same names in them; nothing elsewhere asks which task it is.

A task module has
    ROLES        names of the columns that it reads
    STRATIFY     the role whose values every split should hold in equal shares, or None
    METRICS      names of its metrics, the main one first
    check(splits, columns)                         raise UserError where these rows cannot be learned from
    labels(splits)                                 what the model tells apart, in order
    encode(table, tokenizer, max_length, labels)   a datasets.Dataset of windows: mostly one for each row, several for a
                                                   long text where the task needs all of it
    load_model(source, labels, **options)          the transformers model with its head
    collator(tokenizer)
    loss(outputs, labels, num_items_in_batch, label_smoothing)     a scalar; the sum over rows / num_items_in_batch
    metrics(logits, references, labels)            {name: number} of a validation during training
    answers(table, windows, outputs, labels)       what /predict says, one dictionary for each row of the table;
                                                   `outputs` has the model's output for each window
    said(answer)                                   the same as one line for a terminal
    report(table, answers, labels)                 plain data for the evaluation tab, with "metrics"
    predictions(table, answers, labels)            columns of predictions.parquet
    baseline(splits, split)                        name, rows and metrics of a simple model to compare with; None if none
"""

import importlib
from types import ModuleType

TASKS = {
    "text-classification": "ftui.tasks.text_classification",
    "token-classification": "ftui.tasks.token_classification",
    "question-answering": "ftui.tasks.question_answering",
}


def get(name: str) -> ModuleType:
    """The module of a task."""
    return importlib.import_module(TASKS[name])
