"""A model beside others: the simple ways on the same rows, another run. Bars with their intervals, and a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ftui import tasks
from ftui.core import languages
from ftui.ui import charts, pieces


def bars(lines: Sequence[tuple[str, str, float, Sequence[float] | None]], label: str, lang: str) -> str:
    """One bar for each (name, kind of colour, value, [low, high] or None); the line on it is the interval. Values between 0
    and 1 are lengths as they are, of others the highest end is the whole length."""
    full = max(1.0, *(max(value, *(ends or ())) if ends else value for _, _, value, ends in lines))
    rows = ""
    for name, kind, value, ends in lines:
        whisker, words = "", ""
        if ends:
            low, high = (max(end, 0.0) for end in ends)
            whisker = f'<u style="left:{low / full * 100:.2f}%;width:{(high - low) / full * 100:.2f}%"></u>'
            words = f"{pieces.number(low)}–{pieces.number(high)}"
        told = f"{name}: {label} {pieces.number(value)} {words}"
        rows += (
            f'<div class="name">{escape(name)}</div>'
            f'<div class="span" role="img" aria-label="{escape(told)}"><i class="k-{kind}" style="width:{value / full * 100:.2f}%"></i>{whisker}</div>'
            f'<div class="value"><b>{pieces.number(value)}</b> <small>{words}</small></div>'
        )
    return f'<div class="beside">{rows}</div>'


def simple(report: dict, split: str, lang: str) -> str:
    """The tuned model beside TF-IDF and always saying the most frequent label; empty where that was not measured."""
    told = report.get("baseline")
    if not told or told["split"] != split or "f1_macro" not in told["metrics"]:
        return ""
    part = report["splits"][split]
    metric = charts.metric_name("f1_macro", lang)
    lines = [
        (languages.text("tuned_model", lang), "tuned", part["metrics"]["f1_macro"], part.get("interval", {}).get("f1_macro")),
        (languages.text("tfidf_model", lang), "base", told["metrics"]["f1_macro"], told.get("interval", {}).get("f1_macro")),
    ]
    majority = told.get("majority")
    if majority:
        name = languages.text("majority_model", lang, label=" ".join(majority["label"].split())[:24])
        lines.append((name, "least", majority["metrics"]["f1_macro"], majority["interval"].get("f1_macro")))
    where = languages.text("on_split", lang, split=languages.text("split_" + split, lang), n=part["rows"])
    note = languages.text("beside_note", lang, metric=metric, where=where, rows=told["rows"])
    title = languages.text("beside_title", lang)
    head = f'<div class="h">{escape(title)}</div><div class="sub">{escape(note)}</div>'
    return f'<div class="ft chart-box">{head}{bars(lines, metric, lang)}{_verdict(told.get("versus"), lang)}</div>'


def before(report: dict, split: str, metrics: Sequence[str], lang: str) -> str:
    """A language model before and after tuning, on the same rows; empty where that was not measured."""
    told = report.get("baseline")
    if not told or told["split"] != split or told["name"] != "before_tuning":
        return ""
    part = report["splits"][split]
    after, written, rows = part["metrics"], part.get("written", part["rows"]), []
    for name in (name for name in metrics if name in told["metrics"] and name in after):
        old, new = told["metrics"][name], after[name]
        better = new < old if name in tasks.LOWER else new > old
        share = f"{(new - old) / old:+.0%}".replace("-", "−") if old and new != old else "–"
        mark = "" if new == old else "right" if better else "wrong"
        on = f" · n = {written:,}" if name in tasks.WRITTEN and written < part["rows"] else ""
        rows.append([escape(charts.metric_name(name, lang)) + on, pieces.number(old), f"<b>{pieces.number(new)}</b>", f'<span class="truth {mark}">{share}</span>'])
    heads = ["", *(languages.text(key, lang) for key in ("before_head", "after_head", "change_head"))]
    title, note = languages.text("before_title", lang), languages.text("before_note", lang, n=told["rows"])
    return f'<div class="ft chart-box"><div class="h">{title}</div><div class="sub">{note}</div>{pieces.table(heads, rows, numeric=(1, 2, 3))}</div>'


def _verdict(versus: dict | None, lang: str) -> str:
    """Whether fine-tuning was worth it, said plainly; where it was not, what to do."""
    if not versus:
        return ""
    low, high = (f"{end:+.3f}" for end in versus["interval"])
    key = "simple_equal" if versus["chance"] else "simple_beaten" if versus["difference"] > 0 else "simple_wins"
    text = languages.text(key, lang, difference=f"{abs(versus['difference']):.3f}", low=low, high=high)
    if key == "simple_beaten":
        return f'<p class="sub verdict">✓ {escape(text)}</p>'
    return pieces.notice(text, languages.text("simple_what_to_do", lang), kind="warn")


def runs(told: dict, lang: str) -> str:
    """Two runs on the rows that both were tested on (see ftui.evaluation.comparing.compare), or why that says nothing."""
    other, mine = told["tested"]
    if "metrics" not in told:
        text = languages.text("nothing_shared", lang, mine=mine, other=other, shared=told["shared"])
        return pieces.notice(text, languages.text("nothing_shared_hint", lang), kind="warn")
    names = (languages.text("this_run", lang), languages.text("other_run", lang))
    charts_of = ""
    for metric in told["metrics"]:
        (a, b), (ends_a, ends_b) = told["metrics"][metric], told["intervals"][metric]
        word = charts.metric_name(metric, lang)
        lines = [(names[0], "tuned", b, ends_b), (names[1], "other", a, ends_a)]
        difference = languages.text("difference_of", lang, n=f"{b - a:+.3f}")
        charts_of += f'<div><div class="k">{escape(word)} <b>{escape(difference)}</b></div>{bars(lines, word, lang)}</div>'
    low, high = (f"{end:+.3f}" for end in told["interval"])
    better = (told["difference"] < 0) == told["lower"]
    key = "by_chance" if told["chance"] else "better_run" if better else "worse_run"
    verdict = languages.text(key, lang, low=low, high=high, metric=charts.metric_name(next(iter(told["metrics"])), lang))
    counts = languages.text("nearer_on" if told["lower"] else "only_right", lang, mine=told["only_second"], other=told["only_first"], p=f"{told['p_value']:.2g}")
    rows = languages.text("shared_rows", lang, n=told["rows"], mine=mine, other=other)
    mark = "≈" if told["chance"] else "▲" if better else "▼"
    text = f'<p class="verdict"><b>{mark} {escape(verdict)}</b></p><p class="sub">{escape(counts)} {escape(rows)}</p>'
    return f'<div class="ft chart-box"><div class="pairs">{charts_of}</div>{text}</div>'
