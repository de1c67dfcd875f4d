"""The confusion matrix as HTML: each cell a button (data-pick "true,predicted", numbers of labels) that shows its rows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ftui.core import languages
from ftui.ui import pieces

MOST_CLASSES = 20  # a larger matrix cannot be read: a list of the most confused pairs stands in its place
MOST_PAIRS = 50
WITH_COUNTS = 13  # classes up to which every cell shows its number
DEEPEST = 55  # per cent of colour in a full cell, so that the number in it stays readable


def confusion(counts: Sequence[Sequence[int]], labels: Sequence[str], lang: str) -> str:
    """Rows are true, columns predicted labels; the deeper the colour, the larger the share of the true label's rows."""
    if len(labels) > MOST_CLASSES:
        return _box(languages.text("pairs_title", lang), pairs(counts, labels, lang), "pairs_note", lang)
    return _box(languages.text("confusion", lang), _grid(counts, labels, lang), "confusion_note", lang)


def _grid(counts: Sequence[Sequence[int]], labels: Sequence[str], lang: str) -> str:
    upright = len(labels) > 4 or max(map(len, labels)) > 12
    heads = "".join(
        f'<th scope="col" title="{escape(name[:200])}"><span>{_short(name, 14)}</span></th>' for name in labels
    )
    rows = []
    for i, row in enumerate(counts):
        total = sum(row) or 1
        cells = "".join(f"<td>{_cell(i, j, n, n / total, labels, lang)}</td>" for j, n in enumerate(row))
        name = f'<th scope="row" title="{escape(labels[i][:200])}">{_short(labels[i], 18)}</th>'
        rows.append(f"<tr>{name}{cells}</tr>")
    true, predicted = languages.text("true", lang), languages.text("predicted", lang)
    corner = f'<td class="axes"><small>{true} ↓ · {predicted} →</small></td>'
    kind = "upright" if upright else ""
    table = f'<table class="matrix {kind}"><thead><tr>{corner}{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="matrix-wrap" data-grid>{table}</div>'


def _cell(i: int, j: int, n: int, share: float, labels: Sequence[str], lang: str) -> str:
    words = languages.text("cell_of", lang, true=_plain(labels[i]), predicted=_plain(labels[j]), n=n, share=f"{share:.1%}")
    text = f"<b>{n:,}</b>" if n else '<span class="zero">·</span>'
    if len(labels) > WITH_COUNTS and not n and i != j:
        text = ""
    if n and len(labels) <= 6:
        text += f"<small>{share:.0%}</small>"
    kind = "right" if i == j else "wrong"
    depth = round(DEEPEST * share**0.6) if n else 0
    tab = 0 if i == j == 0 else -1
    return (
        f'<button class="{kind}" data-pick="{i},{j}" tabindex="{tab}" style="--deep:{depth}%" aria-label="{escape(words)}" '
        f'title="{escape(words)}">{text}</button>'
    )


def pairs(counts: Sequence[Sequence[int]], labels: Sequence[str], lang: str) -> str:
    """Which label is taken for which other, the most frequent confusions first."""
    found = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if n and i != j]
    found.sort(key=lambda pair: (-pair[0], -pair[0] / sum(counts[pair[1]]), pair[1], pair[2]))
    heads = [languages.text(key, lang) for key in ("true", "predicted", "rows_cap", "share_of_label")]
    rows = [
        [
            f'<button class="link" data-pick="{i},{j}">{_short(labels[i], 40)}</button>',
            f"→ {_short(labels[j], 40)}",
            f"{n:,}",
            f"{n / sum(counts[i]):.0%}",
        ]
        for n, i, j in found[:MOST_PAIRS]
    ]
    table = pieces.table(heads, rows, numeric=(2, 3), none=languages.text("no_errors", lang))
    shown = languages.text("pairs_shown", lang, n=len(rows), all=len(found)) if len(found) > len(rows) else ""
    return f'<div class="scroll">{table}</div><p class="sub">{shown}</p>'


def _box(title: str, content: str, note: str, lang: str) -> str:
    sub = languages.text(note, lang)
    return f'<div class="ft chart-box"><div class="h">{escape(title)}</div><div class="sub">{escape(sub)}</div>{content}</div>'


def _plain(label: str) -> str:
    return " ".join(label.split())[:60] or "∅"


def _short(label: str, most: int) -> str:
    text = " ".join(label.split()) or "∅"
    return escape(text if len(text) <= most else text[: most - 1] + "…")
