"""The model card, written from the run: what it is, from which data, how good, how to use it, what it cannot do; in English and 简体中文."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ftui import __version__, tasks
from ftui.artifacts import exporting, using
from ftui.artifacts.using import base_name
from ftui.core import languages, starters
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Run, disk_use, starter_models
from ftui.data import intake

MOST_LABELS = 30


def write(run: Run, name: str) -> str:
    """README.md for an artefact of this run, with the head that the Hub reads."""
    facts = _facts(run, name)
    head = yaml.safe_dump(_head(facts), allow_unicode=True, sort_keys=False).strip()
    recipe = yaml.safe_dump(facts["written"], allow_unicode=True, sort_keys=False).strip()
    heading = " · ".join(languages.text("card_recipe", lang) for lang in languages.LANGUAGES)
    bodies = "\n\n".join(_body(facts, lang) for lang in languages.LANGUAGES)
    return f"---\n{head}\n---\n\n# {facts['title']}\n\n{bodies}\n\n## {heading}\n\n```yaml\n{recipe}\n```\n"


def title(run: Run) -> str:
    """The run's name, else its data and base model."""
    recipe = recipes.load(run.recipe)
    return " ".join((run.about()["name"] or f"{_data(run, recipe.data.path)['name'].rsplit('.', 1)[0]} · {base_name(recipe.model)}").split())


def _data(run: Run, path: str) -> dict[str, Any]:
    """The card of a data set; its id alone where it is no longer here."""
    try:
        return intake.open_dataset(run.path / path).card()
    except UserError:
        return {"name": Path(path).name, "rows": 0}


def _facts(run: Run, name: str) -> dict[str, Any]:
    recipe = recipes.load(run.recipe)
    report = json.loads(run.report.read_text(encoding="utf-8")) if run.report.exists() else {"splits": {}}
    split = next((s for s in ("test", "validation") if s in report["splits"]), None)
    data = _data(run, recipe.data.path)
    written = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    written["model"] = base_name(recipe.model)  # no path of this machine is given away
    for field in ("path", "validation_path", "test_path"):
        if written["data"].get(field):
            written["data"][field] = _data(run, written["data"][field])["name"]
    for part in (*written["data"].get("augment", ()), written.get("distil") or {}):
        part |= {name: Path(value).name for name, value in part.items() if isinstance(value, str) and "/" in value and Path(value).exists()}
    return {
        "run": run, "name": name, "recipe": recipe, "split": split, "data": data, "written": written,
        "title": title(run),
        "results": report["splits"].get(split, {}),
        "baseline": report.get("baseline") or {},
        "card": json.loads((run.model / "ftui.json").read_text(encoding="utf-8")),
        "measured": exporting.card_of(run, name),
        "size": disk_use(exporting.folder_of(run, name)),
        "licence": _licence(recipe.model),
    }  # fmt: skip


def _licence(model: str) -> str | None:
    """What the card of a starter model says; None for others, whose cards are not here."""
    if model not in starters.names():
        return None
    text = (starter_models() / model / "README.md").read_text(encoding="utf-8")
    return yaml.safe_load(text.split("---")[1]).get("license")


def _head(facts: dict[str, Any]) -> dict[str, Any]:
    """What the Hub reads; a licence only where it is known."""
    recipe = facts["recipe"]
    head: dict[str, Any] = {"license": facts["licence"]} if facts["licence"] else {}
    head |= {"library_name": "peft" if facts["name"] == "adapter" else "transformers", "pipeline_tag": tasks.get(recipe.task).PIPELINE}
    if "/" in recipe.model and not recipe.model.startswith(("/", ".", "~")):
        head["base_model"] = recipe.model
    head["tags"] = ["ftui", facts["name"]]
    return head


def _body(facts: dict[str, Any], lang: str) -> str:
    def t(key: str, /, **blanks: object) -> str:
        return languages.text(key, lang, **blanks)

    recipe, card, data, results = facts["recipe"], facts["card"], facts["data"], facts["results"]
    strategy = t("strategy_" + recipe.strategy.name)
    parts = [t("card_made", version=__version__, base=base_name(recipe.model), strategy=strategy, run=facts["run"].id)]
    labels = [] if hasattr(tasks.get(card["task"]), "scale") else card["labels"] or []  # of numbers there is nothing to tell apart
    if labels:
        shown = ", ".join(f"`{label}`" for label in labels[:MOST_LABELS]) + (" …" if len(labels) > MOST_LABELS else "")
        parts.append(t("card_labels", labels=shown))

    if card.get("decision"):
        parts.append(t("card_threshold", **card["decision"]))

    rows = {"name": data["name"], "rows": data["rows"]}
    shares = {"test": recipe.data.test_size, "validation": recipe.data.validation_size, "seed": recipe.data.seed}
    own = recipe.data.validation_path or recipe.data.test_path
    parts += [f"## {t('card_data')}", t("card_rows_own", **rows) if own else t("card_rows", **rows, **shares)]
    if card.get("clean"):
        parts.append(t("card_clean", steps=", ".join(languages.step(step["name"], lang)[0] for step in card["clean"])))

    if results:
        parts += [f"## {t('card_metrics')}", _table(facts, t)]
    measured = facts["measured"]
    if measured:
        figures = {"p50": measured["latency_ms"]["p50"], **{key: measured[key] for key in ("throughput", "threads", "agreement")}}
        parts.append(t("card_measured", format=facts["name"], size=f"{facts['size'] / 1e6:.1f} MB", **figures))

    limits = [t("card_limits_rows", rows=results["rows"])] if results else []
    limits.append(t("card_limits_length", length=card["max_length"]))
    limits.append(t("card_limits_bias"))
    parts += [f"## {t('card_limits')}", "\n".join(f"- {limit}" for limit in limits)]
    parts += [f"## {t('card_use')}", _use(facts, t("serving_example"))]
    licence = facts["licence"]
    parts += [f"## {t('card_licence')}", t("card_licence_base", licence=licence) if licence else t("card_licence_unknown")]
    return "\n\n".join(parts)


def _table(facts: dict[str, Any], t: Any) -> str:
    """Metrics of one split, with their intervals and those of the simple model where there are any."""
    intervals = facts["results"].get("interval") or {}
    simple = facts["baseline"].get("metrics", {}) if facts["baseline"].get("split") == facts["split"] else {}
    heads = [f"{t('card_metric')} ({facts['split']})", facts["title"].replace("|", "/"), t("card_interval")] + ([t("card_baseline")] if simple else [])
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for metric, value in facts["results"]["metrics"].items():
        between = " – ".join(f"{bound:.3f}" for bound in intervals.get(metric, ()))
        cells = [metric, f"{value:.4f}", between] + ([f"{simple[metric]:.4f}" if metric in simple else ""] if simple else [])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _use(facts: dict[str, Any], text: str) -> str:
    """How this form is used without ftui, and served with it."""
    run, name = facts["run"], facts["name"]
    serve = f"python -m ftui serve {run.id}" + ("" if name == "model" else f" --artefact {name}")
    code = using.code(run, name, text, ".")
    alone = f"```sh\npip install {using.packages(name)}\n```\n\n```python\n{code}\n```\n\n" if code else ""
    return f"{alone}```sh\n{serve}\n```"
