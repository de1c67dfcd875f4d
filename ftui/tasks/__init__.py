"""What can be learned. One short file per task, all with the same names in them; nothing elsewhere asks which task it is.

A task module has
    ROLES        names of the columns that it reads
    STRATIFY     the role whose values every split should hold in equal shares, or None
    METRICS      names of its metrics, the main one first
    check(splits, columns)                         raise UserError where these rows cannot be learned from
    labels(splits)                              what the model tells apart, in order
    encode(table, tokenizer, max_length, labels)    a datasets.Dataset ready for the collator
    load_model(source, labels, **options)       the transformers model with its head
    collator(tokenizer)
    loss(outputs, labels, num_items_in_batch, label_smoothing)     a scalar; the sum over rows / num_items_in_batch
    metrics(logits, references)                 {name: number}
    report(logits, references, labels)          plain data for the evaluation tab
    baseline(splits, split)                     name, rows and metrics of a simple model to compare with
    predictions(table, logits, labels)          columns of predictions.parquet
    answers(logits, labels)                     what /predict says, one dictionary a text
"""

import importlib
from types import ModuleType

TASKS = {
    "text-classification": "ftui.tasks.text_classification",
}


def get(name: str) -> ModuleType:
    """The module of a task."""
    return importlib.import_module(TASKS[name])
