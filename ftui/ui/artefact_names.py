"""What the pages call an artefact."""

from ftui.core import languages


def name(artefact: str, lang: str) -> str:
    """Its title; its own name where it has none."""
    known = languages.interface().get("artefact_" + artefact)
    return known[lang] if known else artefact


def about(artefact: str, lang: str) -> str:
    """What it is good for, in a few words; empty where nothing is said."""
    known = languages.interface().get("about_artefact_" + artefact)
    return known[lang] if known else ""
