"""What the page shows of a task's answers and scores, one short file for each task but text classification.

A module has
    METRICS                       names of the figures at the head, the main one first
    answer(said, given, lang)     one answer of the model to what was given
    mistake(row, lang), MISTAKE_HEADS        one row of the table of errors, and its headings
    figures(part, labels, lang)   {"errors": figure, "classes": figure} of one split of the report
"""

import importlib
from types import ModuleType

VIEWS = {
    "token-classification": "ftui.ui.task_views.entities",
    "question-answering": "ftui.ui.task_views.answers",
}


def get(task: str) -> ModuleType | None:
    """The module of a task; None for text classification, which the tabs themselves draw."""
    return importlib.import_module(VIEWS[task]) if task in VIEWS else None


def of_answer(said: dict) -> ModuleType | None:
    """The module for an answer of the server, by what it has; None for a label with its scores."""
    return get({"entities": "token-classification", "answer": "question-answering"}.get(next(iter(said), ""), ""))
