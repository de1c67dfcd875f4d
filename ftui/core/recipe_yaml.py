"""A recipe's YAML: read from a file or a field, and refused where it could do harm."""

from pathlib import Path

import yaml

from ftui.core import languages
from ftui.core.errors import UserError

LARGEST = 1_000_000  # bytes of a recipe
DEEPEST = 20  # levels of a recipe


def parse(text: str, where: str | Path) -> dict:
    """What a recipe's YAML says, as plain data. Raises UserError; nothing that YAML can hide in a file is carried out."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise UserError("recipe_alias", path=where)  # a few lines of them can stand for gigabytes
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # reading on would take minutes
                raise UserError("recipe_unreadable", path=where, problem=_problem("too_deep"))
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # a ValueError: a date such as 2024-13-45
        raise UserError("recipe_unreadable", path=where, problem=_one_line(error)) from error
    if not isinstance(content, dict):
        raise UserError("recipe_unreadable", path=where, problem=_problem("no_mapping"))
    return content


def read(path: Path) -> str:
    try:
        if path.is_file():
            if path.stat().st_size > LARGEST:
                raise UserError("recipe_unreadable", path=path, problem=_problem("too_long"))
            return path.read_text(encoding="utf-8")
        there = path.exists()
    except (OSError, ValueError) as error:  # a ValueError: other encodings, and a NUL in the path
        raise UserError("recipe_unreadable", path=path, problem=_one_line(error)) from error
    if there:
        raise UserError("recipe_unreadable", path=path, problem=_problem("no_file"))
    raise UserError("file_missing", path=path)


def _problem(name: str) -> dict[str, str]:
    return languages.catalogue("problems")[name]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


def value(text: str) -> object:
    """A setting as it is typed: YAML, but 2e-5 is a number, as everybody who types it means."""
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except ValueError:
        return yaml.safe_load(text)
