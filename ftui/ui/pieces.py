"""Pieces of a page as HTML: pure functions from plain data. All text that comes from users is escaped here and nowhere else."""

from collections.abc import Sequence
from html import escape

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.ui.style import STATE_ICONS


def badge(state: str, lang: str) -> str:
    """A state as icon and word."""
    return f'<span class="badge {escape(state)}"><i aria-hidden="true">{STATE_ICONS[state]}</i>{languages.log("state_" + state, lang)}</span>'


def empty(icon: str, title: str, text: str) -> str:
    """What will be here, and what to do first."""
    return f'<div class="ft empty"><div class="icon" aria-hidden="true">{icon}</div><p class="t">{escape(title)}</p><p>{escape(text)}</p></div>'


def notice(message: str, hint: str = "", kind: str = "info", details: str = "", details_label: str = "") -> str:
    """A sentence in a coloured box, `kind` info, warn or bad; `details` are a click away."""
    mark = {"info": "i", "warn": "!", "bad": "✕"}[kind]
    role = ' role="alert"' if kind == "bad" else ""
    more = (
        f"<details><summary>{escape(details_label)}</summary><pre>{escape(details)}</pre></details>" if details else ""
    )
    hint_line = f'<p class="hint">{escape(hint)}</p>' if hint else ""
    return f'<div class="ft notice {kind}"{role}><span class="mark">{mark}</span><div><p>{escape(message)}</p>{hint_line}{more}</div></div>'


def error(problem: UserError, lang: str) -> str:
    """A user's error at the place where it was made."""
    return notice(problem.message(lang), problem.hint(lang), "bad")


def heading(title: str, sub: str = "") -> str:
    """A heading and its line of explanation."""
    return (
        f'<div class="ft"><div class="h">{escape(title)}</div>'
        + (f'<p class="sub">{escape(sub)}</p>' if sub else "")
        + "</div>"
    )


def facts(first: str, others: Sequence[str]) -> str:
    """One line: a name and what there is to say about it."""
    return (
        f'<div class="ft facts"><b>{escape(first)}</b>'
        + "".join(f'<span class="dot">{escape(o)}</span>' for o in others if o)
        + "</div>"
    )


def tiles(items: Sequence[tuple[str, str, str]]) -> str:
    """Figures: (what, value, of what; a line break in it is one). The first is the main one."""
    one = '<div class="tile{lead}"><div class="k">{k}</div><div class="v">{v}</div><div class="n">{n}</div></div>'
    shown = (
        one.format(lead=" lead" if i == 0 else "", k=escape(k), v=escape(v), n=escape(n).replace("\n", "<br>"))
        for i, (k, v, n) in enumerate(items)
    )
    return f'<div class="ft tiles">{"".join(shown)}</div>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (), none: str = "") -> str:
    """A table; cells are HTML already (see `cell`), headings too. `numeric` columns stand to the right."""

    def mark(i: int) -> str:
        return ' class="num"' if i in numeric else ""

    head = "".join(f"<th{mark(i)}>{name}</th>" for i, name in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(f"<td{mark(i)}>{value}</td>" for i, value in enumerate(row)) + "</tr>" for row in rows
    )
    body = body or f'<tr><td class="none" colspan="{len(columns)}">{escape(none)}</td></tr>'
    return f'<div class="ft table-wrap" tabindex="0"><table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def cell(value: object, limit: int = 600) -> str:
    """A value of the user's table: two lines of it, more on hovering."""
    text = "" if value is None else str(value)
    shown = text if len(text) <= limit else text[:limit] + " …"
    return f'<div class="clamp">{escape(shown)}</div>' if len(shown) > 24 else escape(shown)


def texts(row: dict) -> str:
    """The text of a row, and below it the one beside it where rows are pairs."""
    second = row.get("text_pair")
    return cell(row["text"]) + (f'<div class="second">{cell(second)}</div>' if second else "")


def pill(label: object, kind: str = "") -> str:
    """A label in a small box, on one line; `kind` wrong is red."""
    text = "" if label is None else str(label)
    shown = text if len(text) <= 28 else text[:27] + "…"
    return f'<span class="pill {kind}" title="{escape(text[:300])}">{escape(shown)}</span>'


def meter(share: float) -> str:
    """A number between 0 and 1 with a small bar."""
    return f'<span class="meter" aria-hidden="true"><i style="width:{min(max(share, 0.0), 1.0) * 100:.1f}%"></i></span>{share:.3f}'


def split_bar(sizes: dict[str, int], lang: str) -> str:
    """Sizes of train, validation and test as one bar with a legend."""
    total = sum(sizes.values()) or 1
    bar = "".join(f'<i class="c-{name}" style="flex:{n}"></i>' for name, n in sizes.items() if n)
    legend = "".join(
        f'<span><i class="c-{name}"></i>{languages.text("split_" + name, lang)} <b>{n:,}</b> ({n / total:.0%})</span>'
        for name, n in sizes.items()
    )
    return f'<div class="ft"><div class="split" aria-hidden="true">{bar}</div><div class="legend">{legend}</div></div>'


def probabilities(scores: dict[str, float], limit: int = 12) -> str:
    """One bar for each label, the likeliest first."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:limit]
    rows = "".join(
        f'<div class="name" title="{escape(label)}">{escape(label)}</div>'
        f'<div class="bar{" first" if i == 0 else ""}" role="img" aria-label="{escape(label)} {value:.3f}">'
        f'<i style="width:{value * 100:.2f}%"></i></div><div class="value">{value:.3f}</div>'
        for i, (label, value) in enumerate(ranked)
    )
    return f'<div class="bars">{rows}</div>'


def number(value: float, digits: int = 3) -> str:
    """A score or loss as people read it; one that would be all noughts, or as long as a line, by its first figures.

    >>> number(0.5), number(1234.5678), number(0.00042), number(0.0), number(2.5e30)
    ('0.500', '1,234.568', '0.00042', '0.000', '2.5e+30')
    """
    plain = not value or 10**-digits <= abs(value) < 1e9
    return f"{value:,.{digits}f}" if plain else f"{value:.2g}"


def size(bytes: int) -> str:
    """Bytes for people, in powers of 1000 as file managers count.

    >>> size(999), size(1_200_000)
    ('999 B', '1.2 MB')
    """
    value = float(bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(seconds: float, lang: str) -> str:
    """A time span for people: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return languages.text("span_s", lang, s=whole)
    if whole < 3600:
        return languages.text("span_min", lang, m=whole // 60, s=f"{whole % 60:02d}")
    return languages.text("span_h", lang, h=whole // 3600, m=f"{whole % 3600 // 60:02d}")


def ordinal(number: int, lang: str) -> str:
    """A place in a row.

    >>> [ordinal(n, "en") for n in (1, 2, 3, 4, 11, 22)], ordinal(2, "zh")
    (['1st', '2nd', '3rd', '4th', '11th', '22nd'], '第 2 位')
    """
    if lang == "zh":
        return f"第 {number} 位"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
