"""One catalogue of texts in English and 简体中文, for pages, logs and errors alike.

The texts lie in `texts/*.yaml`: `key: {en: ..., zh: ...}`. In `errors.yaml` and `settings.yaml` each text is a
pair: message and hint, label and explanation.
"""

import functools
import os
from pathlib import Path

import yaml

LANGUAGES = {"en": "English", "zh": "简体中文"}
_FOLDER = Path(__file__).parent / "texts"


@functools.cache
def catalogue(name: str) -> dict:
    """The texts of one file: {key: {"en": text, "zh": text}}."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=loader) or {}


def text(key: str, lang: str = "en", /, **params: object) -> str:
    """The text of the interface with this key, its blanks filled."""
    entry = interface()[key][lang]
    return entry.format(**params) if params else entry


@functools.cache
def interface() -> dict:
    """All `interface*.yaml`, as one catalogue."""
    return _together("interface")


def log(key: str, lang: str = "en", /, **params: object) -> str:
    """A line of the training log in this language."""
    return _counted(catalogue("log")[key], lang, params.get("rows")).format(**params)


def state(name: str) -> dict[str, str]:
    """The word for a state in each language, for a blank of an error."""
    return {lang: log("state_" + name, lang) for lang in LANGUAGES}


def split(name: str) -> dict[str, str]:
    """The word for a split in each language, for a blank of an error."""
    return {lang: text("split_" + name, lang) for lang in LANGUAGES}


def error(code: str, lang: str = "en") -> tuple[str, str]:
    """(message, hint) of an error, blanks unfilled."""
    message, hint = _errors()[code][lang]
    return message, hint


def knows_error(code: str) -> bool:
    """Whether the catalogue has this error (an internal one has no entry)."""
    return code in _errors()


@functools.cache
def _errors() -> dict:
    """All `errors*.yaml`: each floor keeps its sentences in a file of its own."""
    return _together("errors")


def _together(name: str) -> dict:
    return {key: entry for path in sorted(_FOLDER.glob(f"{name}*.yaml")) for key, entry in catalogue(path.stem).items()}


def finding(kind: str, lang: str = "en", /, **params: object) -> str:
    """A sentence of the report on a data set; what was found while reading it is said as in the log of a training."""
    known = catalogue("findings").get(kind)
    count = params["count"]
    return _counted(known, lang, count).format(**params) if known else log("dropped_" + kind, lang, rows=count)


def _counted(entry: dict, lang: str, count: object) -> str:
    """The text of an entry; of one, where English says that otherwise."""
    return entry["one" if lang == "en" and count == 1 and "one" in entry else lang]


def step(name: str, lang: str = "en") -> tuple[str, str]:
    """(label, explanation) of a step of the data workshop such as `strip_html`, or of a setting of one: `replace.pattern`."""
    label, explanation = catalogue("steps")[name][lang]
    return label, explanation


def setting(name: str, lang: str = "en") -> tuple[str, str]:
    """(label, explanation) of a recipe field such as `training.learning_rate`."""
    label, explanation = catalogue("settings")[name][lang]
    return label, explanation


def closest(wanted: str | None) -> str:
    """The language for an Accept-Language header, a locale or a code; English where nothing fits.

    >>> closest("zh-TW,zh;q=0.9,en;q=0.8"), closest("zh_CN.UTF-8"), closest("fr")
    ('zh', 'zh', 'en')
    """
    for part in (wanted or "").replace(";", ",").split(","):
        code = part.strip().replace("_", "-").split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return "en"


def of_terminal() -> str:
    """The language of the command line: $FTUI_LANG, else the locale."""
    return closest(os.environ.get("FTUI_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG"))
