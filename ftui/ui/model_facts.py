"""What the Fine-tune tab says of the chosen model, of the strategy, and of what the run will cost: sentences from plain data."""

from __future__ import annotations

import functools
from collections.abc import Callable
from html import escape
from pathlib import Path

import psutil

from ftui.core import base_models, estimate, languages, machine
from ftui.core.advice import Advice, advise
from ftui.core.base_models import Known
from ftui.core.estimate import Estimate
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


def advice_on(made: Recipe, known: Known, rows: int, labels: int, cost: Callable[[Recipe], Estimate]) -> Advice:
    """What to begin with on this machine. `rows`: of the training split; `cost`: what a recipe costs."""
    return advise(made, rows, labels, known.parameters or UNKNOWN, on_gpu(made), cost, psutil.virtual_memory().available)


def on_gpu(made: Recipe) -> bool:
    """Whether it will be computed on a graphics card."""
    return any(name in machine.gpus() for name in ("cuda", "mps")) and made.device != "cpu"


def outlook(made: Recipe, known: Known, rows: int, labels: int, cost: Estimate, advised: Advice, lang: str) -> str:
    """The advice, and what the run will cost: time, steps, share of the weights, memory, disk. `rows`: of the training
    split."""
    epochs, gpu = made.epochs(rows), on_gpu(made)
    place = languages.text("on_gpu", lang) if gpu else languages.text("on_cores", lang, n=machine.cores())
    chosen = made.strategy.name == advised.strategy
    advice = languages.text(
        "advice_kept" if chosen else "advice",
        lang,
        rows=rows,
        place=place,
        strategy=languages.text("strategy_" + advised.strategy, lang),
        reason=languages.text("advice_" + advised.reason, lang),
    )
    if advised.settings:
        named = [f"{languages.setting(name, lang)[0]} {str(value).lower()}" for name, value in advised.settings.items()]
        advice += " " + languages.text("advice_settings", lang, settings=languages.text("list_comma", lang).join(named))
    facts = [estimate.span(*cost.seconds, lang)] if cost.seconds else []
    facts.append(languages.text("estimate_steps", lang, n=made.steps(rows), epochs=f"{epochs:g}"))
    if not gpu:
        facts.append(languages.text("estimate_memory", lang, size=pieces.size(cost.memory)))
    facts.append(languages.text("estimate_disk", lang, size=pieces.size(cost.disk)))
    share = base_models.trained_share(known.config, made.strategy, labels)
    if share is not None:
        facts.append(languages.text("estimate_share", lang, share=_percent(share)))
    told = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    free = psutil.virtual_memory().available
    short = "" if gpu or cost.memory < free else _too_large(made, cost.memory, free, lang)
    cap = languages.text("estimate", lang)
    source = escape(languages.text("estimate_by_" + cost.source if cost.seconds else "estimate_unknown", lang))
    return (
        f'<div class="ft outlook" data-advised="{advised.strategy}"><p class="advice"><i aria-hidden="true">★</i>{escape(advice)}</p>'
        f'<p class="estimate"><b>{cap}</b>{told}</p><p class="source">{source}</p></div>{short}'
    )


def _too_large(made: Recipe, needed: int, free: int, lang: str) -> str:
    """Memory will not do: what would help, the cheapest first."""
    settings = made.training
    ways = []
    if settings.per_device_train_batch_size > 1:
        ways.append("smaller_batch")
    if settings.max_length == "auto" or settings.max_length > 128:
        ways.append("shorter_texts")
    if not settings.gradient_checkpointing:
        ways.append("checkpointing")
    if made.strategy.name in ("full", "gradual"):
        ways.append("adapters")
    said = languages.text("list_comma", lang).join(languages.text("fit_" + way, lang) for way in ways or ["smaller_model"])
    return pieces.notice(languages.text("no_fit", lang, needed=pieces.size(needed), free=pieces.size(free), ways=said), kind="warn")


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
