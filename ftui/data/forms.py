"""The forms that a task's rows come in, and the roles that they all become.

Entities stand in files as tokens with tags or as a text with spans; what a training reads is always a text with spans.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from ftui.core.errors import UserError
from ftui.data import answers, conversations, roles, several, spans, targets, values

OPTIONAL = frozenset({"text_pair", "input", "system", "history"})  # roles that a file need not have
SAMPLE = 200
LEAST_FLAGS = 2  # columns of 0 and 1 that together are labels
SHARE = 0.9  # of a sample's rows: so many must look the part

Read = Callable[[pa.Table, dict[str, str]], tuple[dict[str, pa.Array], dict[str, int]]]


def _tagged(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    tokens, tags = table.column(columns["tokens"]), table.column(columns["ner_tags"])
    texts, entities, mended = spans.from_tags(tokens, tags, columns["ner_tags"])
    return {"text": texts, "spans": entities}, mended


def _marked(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    texts = values.strings(table.column(columns["text"]).combine_chunks())
    entities, mended = spans.from_cells(texts.to_pylist(), table.column(columns["spans"]), columns["spans"])
    return {"text": texts, "spans": entities}, mended


def _asked(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    questions, contexts = (values.strings(table.column(columns[role]).combine_chunks()) for role in ("question", "context"))
    found, mended = answers.from_cells(contexts.to_pylist(), table.column(columns["answers"]), columns["answers"])
    return {"question": questions, "context": contexts, "answers": found}, mended


def _several(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    return {"text": _strings(table, columns), "labels": several.labels(table.column(columns["labels"]))}, {}


def _flagged(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    found = several.flags({name: table.column(name) for name in names("flags", columns["flags"])})
    return {"text": _strings(table, columns), "labels": found}, {}


def _measured(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    return {"text": _strings(table, columns), "number": several.numbers(table.column(columns["number"]), columns["number"])}, {}


def _rewritten(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    return {role: targets.strings(table.column(columns[role]), first=role == "target") for role in ("source", "target")}, {}


def _strings(table: pa.Table, columns: dict[str, str]) -> pa.Array:
    return values.strings(table.column(columns["text"]).combine_chunks())


def _talked(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    found, mended = conversations.from_cells(table.column(columns["messages"]), columns["messages"])
    return {"messages": found}, mended


def _instructed(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    def part(*names: str) -> list:
        column = next((columns[name] for name in names if name in columns), None)
        return [None] * len(table) if column is None else values.strings(table.column(column).combine_chunks()).to_pylist()

    history = table.column(columns["history"]).to_pylist() if "history" in columns else [None] * len(table)
    found, mended = conversations.from_parts(
        part("instruction", "prompt"), part("input"), part("output", "completion"), part("system"), history
    )
    return {"messages": found}, mended


def _preferred(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    def part(*names: str) -> list:
        column = next((columns[name] for name in names if name in columns), None)
        return [None] * len(table) if column is None else table.column(column).to_pylist()

    better, worse = part("chosen"), part("rejected")
    if "ranked" in columns:
        listed = [[text for text in cell or [] if text and str(text).strip()] for cell in part("ranked")]
        better, worse = ([texts[place] if len(texts) > 1 else None for texts in listed] for place in (0, -1))
    texts, other, mended = conversations.from_pairs(part("instruction", "prompt"), part("input"), better, worse, part("system"), part("history"))
    if "ranked" in columns:  # one answer alone is no pair rather than an empty one
        mended["no_pair"] = mended.get("no_pair", 0) + mended.pop("answers_empty", 0)
    return {"messages": texts, "rejected": other}, mended


def _plain(table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    return {"messages": conversations.from_texts(values.strings(table.column(columns["text"]).combine_chunks()).to_pylist())}, {}


# Roles that a training reads -> the columns that a file may have for them -> how they are read.
FORMS: dict[tuple[str, ...], dict[tuple[str, ...], Read]] = {
    ("text", "spans"): {("text", "spans"): _marked, ("tokens", "ner_tags"): _tagged},
    ("question", "context", "answers"): {("question", "context", "answers"): _asked},
    ("text", "labels", "text_pair"): {("text", "labels", "text_pair"): _several, ("text", "flags", "text_pair"): _flagged},
    ("text", "number", "text_pair"): {("text", "number", "text_pair"): _measured},
    ("messages", "rejected"): {
        ("prompt", "chosen", "rejected", "system"): _preferred,
        ("chosen", "rejected", "system"): _preferred,
        ("instruction", "ranked", "input", "system", "history"): _preferred,
    },
    ("messages",): {
        ("messages",): _talked,
        ("instruction", "output", "input", "system", "history"): _instructed,
        ("prompt", "completion", "system"): _instructed,
        ("text",): _plain,
    },
    ("source", "target"): {("source", "target"): _rewritten},
}
ANYTHING = (("text",),)  # forms that any table with a text would fit: never recognised, only chosen
TASKS = {  # whose roles they are
    ("text", "spans"): "token-classification",
    ("question", "context", "answers"): "question-answering",
    ("text", "labels", "text_pair"): "multi-label-classification",
    ("text", "number", "text_pair"): "text-regression",
    ("messages", "rejected"): "preference-tuning",
    ("messages",): "text-generation",
    ("source", "target"): "text2text-generation",
}
PLAIN = "fill-mask"  # the task of texts alone
YIELDING = {"multi-label-classification", "text-regression", "text2text-generation"}  # where a file has labels as well, they are what it is for


def of(wanted: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The forms in which a file may have these roles: at least the roles themselves.

    >>> of(("text", "spans")), of(("text", "label"))
    ([('text', 'spans'), ('tokens', 'ner_tags')], [('text', 'label')])
    """
    return list(FORMS.get(wanted, (wanted,)))


def wanted(columns: Iterable[str]) -> tuple[str, ...]:
    """The roles that a training reads of rows that have these columns (by their roles, or parts of a form).

    >>> wanted(["tokens", "ner_tags"]), wanted(["text", "label"])
    (('text', 'spans'), ('text', 'label'))
    """
    named = tuple(columns)
    return next((roles for roles, forms in FORMS.items() if any(complete(form, named) for form in forms if form not in ANYTHING)), named)


def names(role: str, column: str) -> list[str]:
    """The columns that a role's entry means: of flags several, with commas between.

    >>> names("flags", "toxic, rude"), names("text", "a, b")
    (['toxic', 'rude'], ['a, b'])
    """
    return [name.strip() for name in column.split(",") if name.strip()] if role == "flags" else [column]


def complete(form: tuple[str, ...], named: Container[str]) -> bool:
    """Whether every role of the form that is not optional has a column."""
    return all(role in named or role in OPTIONAL for role in form)


def choose(wanted: tuple[str, ...], table: pa.Table, named: dict[str, str]) -> tuple[str, ...]:
    """Which of its forms the rows are in: the one that the named columns belong to, else the one that is recognised.
    `wanted` itself where these roles have no other form."""
    forms = FORMS.get(wanted)
    if not forms:
        return wanted
    fitting = [form for form in forms if set(named) <= set(form)]
    if not fitting:
        known = " / ".join(", ".join(form) for form in forms)
        raise UserError("role_unknown", role=next(iter(set(named) - set().union(*forms))), roles=known)
    sample = table.slice(0, SAMPLE)
    return next((form for form in fitting if _find(form, sample, named)), fitting[0])


def shared(wanted: tuple[str, ...], learned: dict[str, str], table: pa.Table) -> dict[str, str]:
    """Which of the columns that a training has learned from can be named for another file: those that it has too, but
    none where they are parts of a form and not all are there, for the file may be in another form."""
    there = {role: column for role, column in learned.items() if set(names(role, column)) <= set(table.column_names)}
    return there if len(there) == len(learned) or wanted not in FORMS else {}


def recognise(table: pa.Table) -> dict | None:
    """{"task", "columns"} of a table whose columns are plainly those of a task with forms; None for any other."""
    sample = table.slice(0, SAMPLE)
    for wanted, forms in FORMS.items():
        for form in forms:
            columns = _find(form, sample, {}) if form not in ANYTHING else None
            if columns:
                return {"task": TASKS[wanted], "columns": columns}
    return None


def suggest(form: tuple[str, ...], table: pa.Table) -> dict[str, str]:
    """The columns that fit into a form, role by role; roles for which none does are left out."""
    return _fitting(form, table.slice(0, SAMPLE), {}, meant=True)


def guess(form: tuple[str, ...], table: pa.Table) -> dict[str, str]:
    """The columns of a form that fit; none of them if not all, or where these roles are no form."""
    known = any(form in forms for forms in FORMS.values())
    found = suggest(form, table) if known else {}
    return found if complete(form, found) else {}


def read(wanted: tuple[str, ...], table: pa.Table, columns: dict[str, str]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    """(an array for each wanted role, what had to be mended) of a table in the form whose columns are given."""
    form = next(form for form in FORMS[wanted] if complete(form, columns) and set(columns) <= set(form))
    return FORMS[wanted][form](table, columns)


# ---- recognising


def called(table: pa.Table, role: str) -> str | None:
    """The column whose name says that it has this role of a form; None where none does."""
    strength, column = max(((roles.strength(name, _NAMES.get(role, [])), name) for name in table.column_names), default=(0, None))
    return column if strength else None


_TOKENS = [{"token", "word", "词", "字"}]
_NAMES = {
    "question": [{"question", "query", "问题", "提问"}],
    "context": [{"context", "passage", "paragraph", "document", "article", "文章", "段落", "原文", "上下文", "材料"}],
    "answers": [{"answer", "答案", "回答"}],
    "instruction": [{"instruction", "指令"}],
    "input": [{"input", "输入"}],
    "history": [{"history", "历史"}],
    "system": [{"system", "system_prompt", "系统提示"}],
    "chosen": [{"chosen", "preferred", "better", "优选", "更好", "较好"}],
    "rejected": [{"rejected", "dispreferred", "worse", "劣选", "更差", "较差"}],
    "prompt": [{"prompt", "question", "query", "提示", "问题", "提问"}],
    "source": [set().union(*names) for names, _ in targets.SOURCES_TARGETS],
}
_TALK = [{"message", "conversation", "dialog", "dialogue", "chat", "对话", "消息"}]
_SAID = [{"output", "completion", "response", "answer", "reply", "输出", "回答", "回复", "答案"}]
_TAGS = [{"ner_tag", "tag", "label", "ner", "bio", "iob", "标签", "标注"}]


def _find(form: tuple[str, ...], sample: pa.Table, named: dict[str, str]) -> dict[str, str] | None:
    """A column for each role of the form, those that are named kept; None where there are none that fit."""
    found = _fitting(form, sample, named)
    return found if complete(form, found) else None


def _fitting(form: tuple[str, ...], sample: pa.Table, named: dict[str, str], meant: bool = False) -> dict[str, str]:
    """A column for each role of the form for which one fits, those that are named kept. Where the form is `meant`, labels
    and numbers need not prove that they are such."""
    looks = {"tokens": _is_tokens, "ner_tags": _is_tags, "spans": _is_spans, "text": _is_text}
    looks |= {"labels": functools.partial(_is_labels, meant), "number": functools.partial(_is_number, meant), "text_pair": lambda *_: False}
    looks |= {role: functools.partial(_is_called, names) for role, names in _NAMES.items()}
    looks |= {"messages": _is_talk, "output": _is_said, "completion": _is_said, "ranked": _is_ranked}
    looks |= dict.fromkeys(("source", "target"), lambda *_: False)  # found together
    found = dict(named)
    pair = roles.pair(sample.column_names) if "text_pair" in form and "text" not in found else None
    if pair and all(pa.types.is_string(sample.schema.field(name).type) for name in pair):
        found = dict(zip(("text", "text_pair"), pair, strict=True)) | found
    if "target" in form and not {"source", "target"} & set(found):
        found |= targets.find(sample, meant)
    if "flags" in form and "flags" not in found:
        marked = [name for name in sample.column_names if _is_flag(name, sample.column(name))]
        found |= {"flags": ", ".join(marked)} if len(marked) >= LEAST_FLAGS else {}
        looks["flags"] = lambda *_: False
    for role in sorted(form, key=lambda r: r == "text"):  # text can be anything: it comes last
        if role in found:
            continue
        free = [name for name in sample.column_names if name not in found.values()]
        fits = [name for name in free if looks[role](name, sample.column(name))]
        if not fits:
            continue
        hints = {"text": roles.TEXT, "number": roles.NUMBER, "labels": roles.LABEL}.get(role, [])
        found[role] = max(fits, key=lambda name: roles.strength(name, hints))
    return {role: found[role] for role in form if role in found}


def _is_labels(meant: bool, name: str, column: pa.ChunkedArray) -> bool:
    """Several labels in a cell, of which the same come again and again."""
    if not roles.strength(name, roles.LABEL) or pa.types.is_list(column.type) and pa.types.is_nested(column.type.value_type):
        return False
    if not (_is_list(column) or pa.types.is_string(column.type)):
        return False
    if meant:
        return True
    rows = several.labels(column).to_pylist()
    found = [label for row in rows for label in row]
    return sum(len(row) > 1 for row in rows) >= 0.1 * len(rows) and len(set(found)) <= max(len(found) / 3, 2)


def _is_flag(name: str, column: pa.ChunkedArray) -> bool:
    if pa.types.is_nested(column.type) or roles.is_neither(name) or "," in name:
        return False
    found = {str(value).strip().lower() for value in column.to_pylist() if value is not None} - {""}
    return bool(found) and any(found <= kinds for kinds in ({"0", "1"}, {"0.0", "1.0"}, {"true", "false"}))


def _is_number(meant: bool, name: str, column: pa.ChunkedArray) -> bool:
    """A score: numbers, some of which are not whole."""
    if pa.types.is_nested(column.type) or roles.is_neither(name) or not (meant or roles.strength(name, roles.NUMBER)):
        return False
    cells = [value for value in column.to_pylist() if value is not None and str(value).strip()]
    found = [value for value in map(several.number, cells) if value is not None]
    return 0 < len(found) >= SHARE * len(cells) and (meant or len(set(found)) > 5 and any(value % 1 for value in found))


def _is_list(column: pa.ChunkedArray) -> bool:
    return pa.types.is_list(column.type) or pa.types.is_large_list(column.type)


def _is_called(names: list[set[str]], name: str, column: pa.ChunkedArray) -> bool:
    return roles.strength(name, names) >= 2 and column.null_count < len(column)


def _is_said(name: str, column: pa.ChunkedArray) -> bool:
    """A column of answers in free words, not of a few that come again and again."""
    if roles.strength(name, _SAID) < 2 or not pa.types.is_string(column.type):
        return False
    said = [text for text in column.to_pylist() if text]
    return len(set(said)) > len(said) / 2


def _is_ranked(name: str, column: pa.ChunkedArray) -> bool:
    """A column of several answers in a cell, the best first."""
    if roles.strength(name, _SAID) < 2 or not _is_list(column) or not pa.types.is_string(column.type.value_type):
        return False
    cells = [cell for cell in column.to_pylist() if cell]
    return bool(cells) and sum(len(cell) > 1 for cell in cells) >= SHARE * len(cells)


def _is_talk(name: str, column: pa.ChunkedArray) -> bool:
    if not (_is_list(column) or pa.types.is_string(column.type)):
        return False
    rows = [conversations.parsed(row) for row in column.to_pylist() if row]
    named = roles.strength(name, _TALK)
    known = [turns for turns in rows if turns and (named or any(who in conversations.SPEAKERS for who, _ in turns))]
    return bool(rows) and len(known) >= SHARE * len(rows)


def _is_tokens(name: str, column: pa.ChunkedArray) -> bool:
    return roles.strength(name, _TOKENS) >= 2 and (_is_list(column) or pa.types.is_string(column.type))


def _is_tags(name: str, column: pa.ChunkedArray) -> bool:
    if not (_is_list(column) or pa.types.is_string(column.type)):
        return False
    rows = [spans.listed(row) for row in column.to_pylist() if row]
    plain = [tags for tags in rows if tags and all(spans.split_tag(t)[0] for t in tags)]
    if rows and len(plain) >= SHARE * len(rows) and any(spans.split_tag(t)[0] != "O" for tags in plain for t in tags):
        return True
    return _is_list(column) and bool(roles.strength(name, _TAGS)) and not pa.types.is_nested(column.type.value_type)


def _is_spans(name: str, column: pa.ChunkedArray) -> bool:
    if pa.types.is_null(column.type) or not (_is_list(column) or pa.types.is_struct(column.type) or pa.types.is_string(column.type)):
        return False
    rows = [spans.entities(row) for row in column.to_pylist() if row not in (None, "")]
    return bool(rows) and sum(bool(row) for row in rows) > 0 and sum(row is not None for row in rows) >= SHARE * len(rows)


def _is_text(name: str, column: pa.ChunkedArray) -> bool:
    return pa.types.is_string(column.type) and not roles.is_neither(name) and column.null_count < len(column) and (
        pc.mean(pc.utf8_length(column)).as_py() or 0
    ) > 2
