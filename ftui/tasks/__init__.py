"""What can be learned. One short file per task, all with the same names in them; nothing elsewhere asks which task it is.

A task module has
    ROLES        names of the columns that it reads, the first ones of the forms in ftui.data.forms; those in forms.OPTIONAL a
                 file need not have
    INPUTS       those of them that a person gives when asking, in the order of the fields on a page
    POSITIONS    whether answers name places in a text: it is then read as it came, else as cleaned rows were
    STRATIFY     the role whose values every split should hold in equal shares, or None
    PIPELINE     the Hub's name for what such models do
    MODEL        transformers' Auto class that loads them
    METRICS      names of its metrics, the main one first
    check(splits, columns)                         raise UserError where these rows cannot be learned from
    counts(table)                                  [(label, number)] for the chart of labels, the most frequent first
    labels(splits)                                 what the model tells apart, in order
    encode(table, tokenizer, max_length, labels)   a datasets.Dataset of windows: mostly one for each row, several for a
                                                   long text where the task needs all of it
    load_model(source, labels, **options)          the transformers model with its head
    collator(tokenizer)
    loss(outputs, labels, num_items_in_batch, label_smoothing)     a scalar; the sum over rows / num_items_in_batch
                                                   with `weights` where the task has
    class_weights(train, labels)                   a number for each label, by its rows; only of tasks with one label a row
    metrics(logits, references, labels)            {name: number} of a validation during training
    answers(table, windows, outputs, labels)       what /predict says, one dictionary for each row of the table;
                                                   `outputs` has the model's output for each window
    said(answer)                                   the same as one line for a terminal
    cell(answer)                                   the same for a table: (prediction, confidence), a text and a number,
                                                   None where there is none
    report(table, answers, labels)                 plain data for the evaluation tab, with "metrics"
    predictions(table, answers, labels)            columns of predictions.parquet: row, text (the first of INPUTS), the other
                                                   INPUTS by their names, label, prediction, confidence ...
    baseline(splits, split)                        name, rows and metrics of a simple model to compare with; None if none

A task of a language model, whose logits are about a vocabulary, is asked through a ftui.artifacts.writing.Writer. It has
neither `metrics` nor `answers`, and besides
    SETTINGS                                       the fields of `recipe.language` that it has
    SHIFTED                                        whether the logits of a token are about the next one
    encode(..., settings)                          with `recipe.language` as its last argument
    loss(logits, labels, ...)                      of the tokens alone that have a label
    scored(table, writer, progress)                what `report` and `predictions` need to know of each labelled row
    asked(inputs, writer)                          what /predict says to each input
    questions(table)                               inputs that could be asked of labelled rows

What only some of them have:
    STARTER                                        the starter model to begin with, where it is not the encoder
    begin(text, writer)                            where it writes: the tokens from which it starts
    talk(messages, writer)                         where one can talk to it: the same for a conversation
    PLAIN                                          the role of texts that nobody says to anybody: who has learned from them goes
                                                   on with a text and is not talked to
    scale(labels)                                  where an answer is a number: (mean, deviation) of the scale that outputs are on
    begin_head(model, train, labels)               what a head that has learned nothing may know before it does
    decide(table, answers, labels)                 what of the decision is chosen on the validation rows: further arguments of
                                                   `answers`, kept in the model's card as "decision"
    decided(answer, **decision)                    an answer as another decision would have it: {"threshold"} from 0 to 1
    TEXTS                                          columns of encoded rows that are texts, where it is not input_ids alone
    WATCHED                                        metrics that are known during training, where these are others
    STRIDE                                         where a long text is read in several windows: the share of one that the
                                                   next has as well (where it is PLAIN, if the task tells plain texts apart)
    PAIRS                                          rows hold two answers each; `loss` is then of margins, and `scored` compares
                                                   with writer.reference where there is one
    learning_collator(tokenizer, settings)         where rows are learned from in another way than they are measured
    probe(train, test, learned, asked, labels)     metrics on the rows of `test` of a simple model from (N, F) and (M, F) features
    SAMPLES                                        rows that are written out for the report, where the recipe does not say
"""

import importlib
from collections.abc import Container
from types import ModuleType

from ftui.data import forms

TASKS = {
    "text-classification": "ftui.tasks.text_classification",
    "token-classification": "ftui.tasks.token_classification",
    "question-answering": "ftui.tasks.question_answering",
    "multi-label-classification": "ftui.tasks.multi_label",
    "text-regression": "ftui.tasks.regression",
    "text-generation": "ftui.tasks.text_generation",
    "text2text-generation": "ftui.tasks.text2text",
    "fill-mask": "ftui.tasks.fill_mask",
    "preference-tuning": "ftui.tasks.preference",
}


LOWER = ("loss", "perplexity", "perplexity_character", "rmse", "mae")  # metrics of which less is better
WRITTEN = ("rouge1", "rouge2", "rougeL", "bleu", "chrf")  # metrics of what a model writes, on the rows that are written out


def get(name: str) -> ModuleType:
    """The module of a task."""
    return importlib.import_module(TASKS[name])


def inputs(task: ModuleType, columns: Container[str]) -> tuple[str, ...]:
    """The roles that a person gives when asking a model that has learned from these `columns` (role -> column)."""
    return tuple(role for role in task.INPUTS if role not in forms.OPTIONAL or role in columns)


def speaks(task: ModuleType) -> bool:
    """Whether it is a task of a language model."""
    return hasattr(task, "scored")


def talks(task: ModuleType, columns: Container[str]) -> bool:
    """Whether one can talk to a model that has learned from these `columns` (role -> column)."""
    return hasattr(task, "talk") and task.PLAIN not in columns


def token_columns(task: ModuleType) -> tuple[str, ...]:
    """The columns of encoded rows whose tokens a model reads or writes."""
    return getattr(task, "TEXTS", ("input_ids",))


def starter(name: str) -> str:
    """The starter model to begin with for a task."""
    return getattr(get(name), "STARTER", "starter-encoder")


def watched(task: ModuleType) -> tuple[str, ...]:
    """The metrics that are known during training, by which the best checkpoint may be chosen."""
    return getattr(task, "WATCHED", ("loss", "perplexity") if speaks(task) else ("loss", *task.METRICS))


def searched(task: ModuleType, wanted: str | None) -> str:
    """The metric of the validation rows by which settings are compared: the `wanted` one, else the first of the task's that
    is known during training."""
    if wanted:
        return wanted.removeprefix("validation_")
    return next((name for name in task.METRICS if name in watched(task)), "loss")
