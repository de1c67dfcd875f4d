"""What the Fine-tune tab says of the chosen model, of the strategy, and of what the run will cost: sentences from plain data."""

from __future__ import annotations

import functools
from html import escape
from pathlib import Path

from ftui.core import base_models, languages, machine
from ftui.core.advice import advise
from ftui.core.base_models import Known
from ftui.core.recipe import Recipe
from ftui.core.starters import UNKNOWN
from ftui.ui import pieces

ENOUGH = 200  # texts that show which language a data set is in


def line(known: Known, data_language: str | None, lang: str, problem: str = "", asking: bool = False) -> str:
    """One line about a model: weights, where it is, language; below it what speaks against it.

    `problem` is what ftui.core.base_models.ask_hub says; with `asking` the Hub is being asked.
    """
    facts = [languages.text("model_of_" + (known.language or "unknown"), lang)] if known.language else []
    if known.parameters:
        facts.insert(0, languages.text("model_weights", lang, millions=millions(known.parameters)))
    if known.kind == "starter":
        facts += [languages.text("model_comes_along", lang), languages.text("model_of_both", lang)]
    elif known.here:
        facts.append(languages.text("model_here" if known.kind == "hub" else "model_folder", lang))
    elif known.bytes:
        facts.append(languages.text("model_download", lang, size=pieces.size(known.bytes)))
    if asking:
        facts.append(languages.text("model_asking", lang))
    told = "".join(f'<span class="dot">{escape(fact)}</span>' for fact in facts)
    warnings = [languages.text("model_" + problem, lang, model=known.model)] if problem else []
    if data_language in ("zh", "en") and known.language in ("zh", "en") and known.language != data_language:
        warnings.append(languages.text(f"model_{known.language}_data_{data_language}", lang))
    notes = "".join(pieces.notice(words, kind="warn") for words in warnings)
    return f'<div class="ft facts model-line" role="status">{told}</div>{notes}' if told or notes else ""


def outlook(made: Recipe, known: Known, rows: int, labels: int, lang: str) -> str:
    """The advice, and what will be trained: share of the weights and steps. `rows`: of the training split."""
    epochs = made.epochs(rows)
    gpu = any(name in machine.gpus() for name in ("cuda", "mps")) and made.device != "cpu"
    name, reason = advise(rows, labels, epochs, known.parameters or UNKNOWN, gpu, machine.cores())
    place = languages.text("on_gpu", lang) if gpu else languages.text("on_cores", lang, n=machine.cores())
    chosen = made.strategy.name == name
    advice = languages.text(
        "advice_kept" if chosen else "advice",
        lang,
        rows=rows,
        place=place,
        strategy=languages.text("strategy_" + name, lang),
        reason=languages.text("advice_" + reason, lang),
    )
    facts = [languages.text("estimate_steps", lang, n=made.steps(rows), epochs=f"{epochs:g}")]
    share = base_models.trained_share(known.config, made.strategy, labels)
    if share is not None:
        facts.append(languages.text("estimate_share", lang, share=_percent(share)))
    told = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    cap = languages.text("estimate", lang)
    return (
        f'<div class="ft outlook" data-advised="{name}"><p class="advice"><i aria-hidden="true">★</i>{escape(advice)}</p>'
        f'<p class="estimate"><b>{cap}</b>{told}</p></div>'
    )


def millions(parameters: int) -> str:
    """A number of weights in millions.

    >>> millions(7_568_128), millions(102_267_648), millions(1_543_000_000)
    ('7.6', '102', '1,543')
    """
    return f"{parameters / 1e6:.1f}" if parameters < 20e6 else f"{parameters / 1e6:,.0f}"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f}" if percent >= 10 else f"{percent:.1f}" if percent >= 0.1 else f"{percent:.3f}"


@functools.lru_cache(maxsize=64)
def language_of(folder: Path, column: str | None) -> str | None:
    """zh or en where the texts of a data set's column are mostly in hanzi or in Latin letters, else None."""
    from ftui.data import intake

    table = intake.open_dataset(folder).table()
    if column not in table.column_names:
        return None
    text = " ".join(str(value) for value in table[column].slice(0, ENOUGH).to_pylist() if value is not None)
    hanzi = sum("\u4e00" <= c <= "\u9fff" for c in text)
    words = sum(word.isascii() and word.isalpha() for word in text.split())
    if hanzi > 4 * words:
        return "zh"
    return "en" if words > 4 * hanzi else None


@functools.lru_cache(maxsize=64)
def labels_of(folder: Path, column: str | None) -> int:
    """How many different labels there are."""
    from ftui.data import inspecting, intake

    table = intake.open_dataset(folder).table()
    return len(inspecting.label_counts(table, column)) if column in table.column_names else 0
