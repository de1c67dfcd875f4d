"""Conversations, in whichever way files write them, as lists of {"role", "content"}: system, user and assistant in turns.

Plain text that nobody says to anybody is one message of the role "text".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from ftui.core.errors import UserError

TYPE = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SYSTEM, USER, ASSISTANT, TEXT = "system", "user", "assistant", "text"

# Who speaks, by the names that OpenAI's, ShareGPT's and other files give them.
SPEAKERS = {
    "system": SYSTEM, "developer": SYSTEM, "系统": SYSTEM,
    "user": USER, "human": USER, "prompter": USER, "customer": USER, "用户": USER, "人类": USER,
    "assistant": ASSISTANT, "gpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT, "chatgpt": ASSISTANT, "ai": ASSISTANT,
    "助手": ASSISTANT, "助理": ASSISTANT,
}  # fmt: skip
_KEYS = (("role", "content"), ("from", "value"), ("role", "text"), ("speaker", "text"))

Mended = dict[str, int]
DROPPED = ("one_sided", "answers_empty", "no_pair")  # for which a whole conversation is left out


def parsed(cell: object) -> list[tuple[str, str]] | None:
    """[(who, what)] of a cell, as it stands there; None where it is no conversation.

    >>> parsed([{"from": "human", "value": "Hi"}]), parsed('[{"role": "user", "content": "Hi"}]'), parsed("Hi")
    ([('human', 'Hi')], [('user', 'Hi')], None)
    """
    if isinstance(cell, str) and cell.strip()[:1] in ("[", "{"):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if isinstance(cell, dict):
        cell = cell.get("messages") or cell.get("conversations")
    if not isinstance(cell, list) or not cell:
        return None
    turns = []
    for message in cell:
        if not isinstance(message, dict):
            return None
        keys = next((pair for pair in _KEYS if message.get(pair[0]) is not None and pair[1] in message), None)
        if keys is None:
            return None
        turns.append((str(message[keys[0]]).strip().lower(), _words(message[keys[1]])))
    return turns


def _words(content: object) -> str:
    """OpenAI's messages may have a list of parts."""
    if isinstance(content, list):
        return "\n".join(_words(part.get("text")) for part in content if isinstance(part, dict) and part.get("text"))
    return "" if content is None else str(content)


def from_cells(column: pa.ChunkedArray, name: str) -> tuple[pa.Array, Mended]:
    """(conversations, what had to be mended) of a column of them. Raises UserError for a cell that is something else."""
    found: list[list[tuple[str, str]]] = []
    for row, cell in enumerate(column.to_pylist(), 1):
        turns = parsed(cell) if cell not in (None, "") else []
        if turns is None:
            raise UserError("conversation_unreadable", column=name, row=row, got=str(cell)[:80])
        found.append(turns)
    return _mended(found)


def from_parts(
    asked: Sequence[str | None], more: Sequence[str | None], answered: Sequence[str | None], system: Sequence[str | None], history: Sequence[object]
) -> tuple[pa.Array, Mended]:
    """The same of one cell for each part: what is asked (and an input that belongs to it), the answer, a system prompt,
    and earlier [question, answer] pairs."""
    found = []
    for question, extra, answer, told, before in zip(asked, more, answered, system, history, strict=True):
        turns = [("system", told)] if told and told.strip() else []
        for pair in _pairs(before):
            turns += [("user", pair[0]), ("assistant", pair[1])]
        whole = "\n".join(part for part in (question, extra) if part and part.strip())
        found.append([*turns, ("user", whole), ("assistant", answer or "")] if whole or answer else [])
    return _mended(found)


def from_pairs(
    asked: Sequence[object], more: Sequence[str | None], better: Sequence[object], worse: Sequence[object], system: Sequence[str | None], history: Sequence[object]
) -> tuple[pa.Array, pa.Array, Mended]:
    """(conversations that end with the better answer, the worse answers, what had to be mended). What is asked, and either
    answer, may be a text or a conversation. Rows without two different answers are None."""
    counts: Counter[str] = Counter()
    talks, others = [], []
    for question, extra, good, bad, told, before in zip(asked, more, better, worse, system, history, strict=True):
        turns = [("system", told)] if told and told.strip() else []
        for pair in _pairs(before):
            turns += [("user", pair[0]), ("assistant", pair[1])]
        whole = [("user", "\n".join(part for part in (_words(question), extra) if part and part.strip()))]
        ending = parsed(good) or [("assistant", _words(good))]
        turns += [] if len(ending) > 1 and any(SPEAKERS.get(who) == USER for who, _ in ending) else parsed(question) or whole
        made = _alternating(turns + ending, counts)
        refused = (parsed(bad) or [("", _words(bad))])[-1][1].strip()
        if made and (not refused or refused == made[-1]["content"]):
            counts["no_pair"] += 1
            made = None
        talks.append(made)
        others.append(refused if made else None)
    return pa.array(talks, TYPE), pa.array(others, pa.string()), dict(counts)


def _pairs(cell: object) -> list[tuple[str, str]]:
    if isinstance(cell, str) and cell.strip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return []
    return [(str(p[0]), str(p[1])) for p in cell if isinstance(p, list) and len(p) == 2] if isinstance(cell, list) else []


def from_texts(texts: Iterable[str | None]) -> pa.Array:
    """Plain texts as conversations of one message."""
    return pa.array([[{"role": TEXT, "content": text}] if text and text.strip() else None for text in texts], TYPE)


def _mended(found: list[list[tuple[str, str]]]) -> tuple[pa.Array, Mended]:
    """Turns of both sides, one after the other; None for a conversation without an answer to learn from."""
    counts: Counter[str] = Counter()
    kept = [_alternating(turns, counts) for turns in found]
    return pa.array(kept, TYPE), dict(counts)


def _alternating(turns: list[tuple[str, str]], counts: Counter[str]) -> list[dict] | None:
    if not turns:
        return None
    made: list[dict] = []
    for who, what in turns:
        role = SPEAKERS.get(who)
        if role is None:
            counts["turns_of_others"] += 1
        elif role == ASSISTANT and not any(m["role"] == USER for m in made):
            counts["turns_before_question"] += 1
        elif made and made[-1]["role"] == role:
            made[-1]["content"] += "\n" + what.strip()
        elif role == SYSTEM and made:
            counts["turns_of_others"] += 1
        elif what.strip() or role == ASSISTANT:
            made.append({"role": role, "content": what.strip()})
    while made and made[-1]["role"] != ASSISTANT:
        made.pop()
    answers = [m["content"] for m in made if m["role"] == ASSISTANT]
    if not answers:
        counts["one_sided"] += 1
        return None
    if not all(answers):
        counts["answers_empty"] += 1
        return None
    return made


# ---- what the workshop sees of a conversation


def texts(column: pa.ChunkedArray) -> list[str]:
    """Each conversation as one text."""
    return [" ".join(message["content"] for message in row) for row in column.to_pylist()]


def rewritten(column: pa.ChunkedArray, function: Callable[[str], str]) -> pa.ChunkedArray:
    """Each message rewritten; a conversation in which one becomes empty is None."""
    made = []
    for row in column.to_pylist():
        after = [{**message, "content": function(message["content"])} for message in row]
        made.append(after if all(message["content"].strip() for message in after) else None)
    return pa.chunked_array([pa.array(made, TYPE)])
