"""What the page shows of a task's answers and scores, one short file for each task.

A module has
    LABELLED                      whether a row's true answer is a label, to be shown beside its text
    answer(said, given, lang, true)          one answer of the model to what was given (input -> text); `true` is the
                                             label that the file has for it, None where it is not known
    short(said)                   (what the model says in few words, how sure it is)
    METRICS                       names of the figures at the head of its evaluation, the main one first
and, unless LABELLED, which is drawn by `classes`,
    CHARTS                        keys of the headings of the charts (one or two), in the order of `figures`
    charts_of(part)                          the same where they are not the same in every report
    mistake(row, lang), MISTAKE_HEADS        one row of the table of errors, and its headings
    TITLE, listed(predictions)    keys of heading and note, and the rows that are shown, where these are not the errors
    figures(part, labels, lang)   {"errors": figure, "classes": figure} of one split of the report
"""

import importlib
from types import ModuleType

VIEWS = {
    "text-classification": "ftui.ui.task_views.labels",
    "token-classification": "ftui.ui.task_views.entities",
    "question-answering": "ftui.ui.task_views.answers",
    "multi-label-classification": "ftui.ui.task_views.several",
    "text-regression": "ftui.ui.task_views.numbers",
    "text-generation": "ftui.ui.task_views.writing",
    "text2text-generation": "ftui.ui.task_views.targets",
    "fill-mask": "ftui.ui.task_views.gaps",
    "preference-tuning": "ftui.ui.task_views.preferences",
}


def get(task: str) -> ModuleType:
    """The module of a task."""
    return importlib.import_module(VIEWS[task])
