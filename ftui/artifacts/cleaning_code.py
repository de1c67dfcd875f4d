"""Cleaning steps as Python, for code that shows how a model is used without ftui: it has to read what the training's rows became."""

from __future__ import annotations

from ftui.core.part import Part
from ftui.core.steps import build_steps
from ftui.data import patterns, rewriting

HEAD = "def clean(text):  # as the texts that it learned from were"


def steps(content: list[dict]) -> list[Part]:
    """Of a card's cleaning those that rewrite texts; others choose among rows."""
    return [step for step in build_steps(content) if step.name in rewriting.NAMES]


def function(chosen: list[Part]) -> tuple[str, list[str]] | None:
    """(`clean` as Python, modules that it needs); None where one of the steps is more than a line."""
    lines, modules = [], set[str]()
    for step in chosen:
        line, *needed = _line(step)
        if line is None:
            return None
        lines.append(f"    text = {line}")
        modules.update(needed)
    return "\n".join([HEAD, *lines, "    return text"]), sorted(modules)


def _line(step: Part) -> tuple[str | None, *tuple[str, ...]]:
    """(what the text becomes, None where that is no one line; modules that it needs)"""
    if step.name == "lowercase":
        return ("text.lower()",)
    if step.name == "nfkc" and not step.only_letters:
        return 'unicodedata.normalize("NFKC", text)', "unicodedata"
    if step.name == "nfkc":
        return f're.sub({patterns.FULL_WIDTH.pattern!r}, lambda wide: unicodedata.normalize("NFKC", wide.group()), text)', "re", "unicodedata"
    if step.name == "whitespace":
        return f'" ".join(re.sub({ascii(patterns.INVISIBLE.pattern)}, "", text).split())', "re"
    if step.name in ("mask_urls", "mask_emails"):
        flags = ", flags=re.I" if step.name == "mask_urls" else ""
        put = f"lambda found: {step.text!r}" if "\\" in step.text else repr(step.text)
        return f"re.sub({_raw(rewriting.MASKED[step.name].pattern)}, {put}, text{flags})", "re"
    if step.name == "replace":
        flags = ", flags=regex.I" if step.ignore_case else ""
        return f"regex.sub({step.pattern!r}, {step.replacement!r}, text{flags})", "regex"
    return (None,)


def _raw(pattern: str) -> str:
    """A pattern as people write it, where it can be."""
    return f'r"{pattern}"' if '"' not in pattern and not pattern.endswith("\\") else repr(pattern)


def note(chosen: list[Part]) -> str:
    """The comment where there is no such function: which steps come first, in order."""
    return "# ftui cleans each text first; the one below is clean already. The steps, in order: " + ", ".join(map(_told, chosen))


def _told(step: Part) -> str:
    settings = step.model_dump(exclude_defaults=True, exclude={"name"})
    return step.name + (f" ({', '.join(f'{name}={value!r}' for name, value in settings.items())})" if settings else "")
