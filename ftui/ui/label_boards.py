"""The board on which one row is labelled, as HTML. What is done on it is said by assets/style/board.js as {act, row, seen, by ...}."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ftui.core import languages
from ftui.ui import pieces
from ftui.ui.task_views import entities

KEYS = 9  # labels that have a key of their own
SHOWN = 40  # labels that have a button; the others are typed


def board(row: int, seen: int, of: str, head: str, body: str, names: str, foot: str, ready: str, lang: str) -> str:
    """One row: `of` what the board is of, `head` how far it is, `body` what is read, `names` the labels; `ready` is what Enter does."""
    acts = [("skip", "S"), ("back", "B"), ("undo", "U")]
    keys = "".join(
        f'<button data-do="{name}" data-key="{key.lower()}"><kbd>{key}</kbd> {escape(languages.text("labelling_" + name, lang))}</button>' for name, key in acts
    )
    return (
        f'<div class="ft board" data-row="{row}" data-seen="{seen}" data-of="{of}">{head}{body}{names}'
        f'<div class="board-acts">{ready}{keys}</div>{foot}</div>'
    )


def head(done: int, total: int, mine: int, row: int, lang: str) -> str:
    """How far it is, and which row this is."""
    share = done / total if total else 1.0
    words = languages.text("labelled_of", lang, done=done, total=total)
    by_me = languages.text("labelled_mine", lang, n=mine) if mine else ""
    here = languages.text("row_number", lang, n=row + 1)
    told = "".join(f'<span class="dot">{escape(part)}</span>' for part in (by_me, here) if part)
    return (
        f'<div class="board-head"><b>{escape(words)}</b>{told}</div>'
        f'<div class="progress finished" role="progressbar" aria-valuemin="0" aria-valuemax="{total}" aria-valuenow="{done}" aria-label="{escape(words)}">'
        f'<i style="width:{share:.2%}"></i></div>'
    )


def reading(texts: Sequence[str]) -> str:
    """The texts of a row, as they are."""
    return "".join(f'<div class="board-text" dir="auto">{escape(text)}</div>' for text in texts)


def choices(names: Sequence[str], scores: dict[str, float], best: str | None, now: Sequence[str], lang: str) -> str:
    """A button for each label, the first nine with a key; what the model thinks of each stands in it. `now`: those that apply."""
    buttons = []
    for i, name in enumerate([*names[:SHOWN], *(name for name in now if name not in names[:SHOWN])]):
        classes = " ".join(filter(None, ("now" if name in now else "", "best" if name == best else "")))
        share = f'<span class="share" style="--share:{scores.get(name, 0):.3f}">{scores.get(name, 0):.0%}</span>' if scores else ""
        buttons.append(f'<button data-do="label" data-name="{escape(name)}" class="{classes}"{_key(i)}{_pressed(name in now)}>{_kbd(i)}<span>{escape(name)}</span>{share}</button>')
    return f'<div class="board-labels">{"".join(buttons)}{_other(names, "new_label", lang)}</div>'


def accept(best: str | None, lang: str) -> str:
    """What Enter does where a model has an opinion."""
    if best is None:
        return ""
    words = languages.text("labelling_accept", lang, label=best)
    return f'<button data-do="label" data-name="{escape(best)}" data-key="enter" class="go"><kbd>↵</kbd> {escape(words)}</button>'


def settled(guessed: bool, chosen: Sequence[str], lang: str) -> str:
    """What Enter does where any number of labels applies."""
    words = languages.text("labelling_accept", lang, label=", ".join(chosen)) if guessed else languages.text("labelling_settled" if chosen else "labelling_none_applies", lang, n=len(chosen))
    return f'<button data-do="done" data-key="enter" class="go"><kbd>↵</kbd> {escape(words)}</button>'


def types(names: Sequence[str], lang: str) -> str:
    """A button for each kind of entity."""
    buttons = "".join(
        f'<button data-do="mark" data-name="{escape(name)}" class="entity e{entities.colour(name)}"{_key(i)}>{_kbd(i)}<span>{escape(name)}</span></button>'
        for i, name in enumerate(names[:SHOWN])
    )
    return f'<div class="board-labels">{buttons}{_other(names, "new_type", lang)}</div>'


def ready(guessed: bool, count: int, lang: str) -> str:
    """What Enter does with the marks of a row."""
    words = languages.text("labelling_accept_marks" if guessed else "labelling_done", lang, n=count)
    return f'<button data-do="done" data-key="enter" class="go"><kbd>↵</kbd> {escape(words)}</button>'


def marking(text: str, spans: Sequence[dict], guessed: bool, lang: str) -> str:
    """A text whose words can be chosen, its marks in boxes. The letters inside are exactly those of the text: names of marks
    are drawn by the style sheet."""
    from ftui.data.wording import pieces_of

    cuts = {place for span in spans for place in (span["start"], span["end"])}
    units = [part for a, b in pieces_of(text) for part in _cut(a, b, cuts)]
    parts, at, open_ = [], 0, 0
    for a, b in units:
        while open_ < len(spans) and spans[open_]["end"] <= a:
            open_ += 1
        parts.append(_between(text, at, a, spans))
        parts.append(_unit(text, a, b, spans, open_))
        at = b
    parts.append(_between(text, at, len(text), spans))
    kind = " guessed" if guessed else ""
    return f'<p class="board-text marked{kind}" dir="auto" data-marks="{len(spans)}">{"".join(parts)}</p>'


def _cut(a: int, b: int, cuts: set[int]) -> list[tuple[int, int]]:
    places = [a, *sorted(place for place in cuts if a < place < b), b]
    return list(zip(places, places[1:], strict=False))


def _unit(text: str, a: int, b: int, spans: Sequence[dict], number: int) -> str:
    span = spans[number] if number < len(spans) and spans[number]["start"] <= a else None
    if span is None:
        return f'<i data-a="{a}" data-b="{b}">{escape(text[a:b])}</i>'
    classes = f'in e{entities.colour(span["label"])}' + (" first" if a == span["start"] else "") + (" last" if b == span["end"] else "")
    named = f' data-label="{escape(span["label"])}"' if b == span["end"] else ""
    return f'<i data-a="{a}" data-b="{b}" data-span="{number}" class="{classes}"{named}>{escape(text[a:b])}</i>'


def _between(text: str, a: int, b: int, spans: Sequence[dict]) -> str:
    """What lies between words; inside of a mark it bears its colour."""
    if a == b:
        return ""
    span = next((span for span in spans if span["start"] <= a and b <= span["end"]), None)
    return f'<u class="in e{entities.colour(span["label"])}">{escape(text[a:b])}</u>' if span else escape(text[a:b])


def _other(names: Sequence[str], key: str, lang: str) -> str:
    """Another label, or a new one, by its name."""
    known = "".join(f'<option value="{escape(name)}"></option>' for name in names)
    words = escape(languages.text(key, lang))
    return f'<label class="new"><kbd>N</kbd><input list="board-names" maxlength="200" placeholder="{words}" aria-label="{words}" data-new></label><datalist id="board-names">{known}</datalist>'


def _key(i: int) -> str:
    return f' data-key="{i + 1}"' if i < KEYS else ""


def _kbd(i: int) -> str:
    return f"<kbd>{i + 1}</kbd>" if i < KEYS else ""


def _pressed(now: bool) -> str:
    return f' aria-pressed="{"true" if now else "false"}"'


def finished(done: int, of: str, lang: str, others: int) -> str:
    """Nothing waits any more."""
    words = languages.text("labelling_none_left", lang) if done else languages.text("labelling_nothing", lang)
    more = languages.text("labelling_others", lang, n=others) if others else ""
    undo = f'<button data-do="undo" data-key="u"><kbd>U</kbd> {escape(languages.text("labelling_undo", lang))}</button>' if done else ""
    back = f'<button data-do="back" data-key="b"><kbd>B</kbd> {escape(languages.text("labelling_back", lang))}</button>' if done else ""
    return f'<div class="ft board" data-row="-1" data-seen="0" data-of="{of}">{pieces.notice(words, more)}<div class="board-acts">{back}{undo}</div></div>'
