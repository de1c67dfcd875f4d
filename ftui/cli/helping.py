"""Help in the language of the terminal: English stands in the code, 简体中文 in core/texts/help.yaml; and what Typer says of a
command that it does not understand."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from ftui.core import languages

AROUND = {
    "ARGUMENTS_PANEL_TITLE": "参数", "OPTIONS_PANEL_TITLE": "选项", "COMMANDS_PANEL_TITLE": "命令",
    "DEFAULT_STRING": "[默认：{}]", "ENVVAR_STRING": "[环境变量：{}]", "REQUIRED_LONG_STRING": "[必填]",
}  # what Typer says around it  # fmt: skip

PROBLEMS = {
    r"No such command (.+?)(\.|$)": r"没有 \1 这个命令",
    r" Did you mean (.+)\?": r"（是否指 \1？）",
    r"Missing argument (.+)": r"缺少参数 \1",
    r"Missing option (.+)": r"缺少选项 \1",
    r"No such option: (\S+)": r"没有 \1 这个选项",
    r" \(Possible options: (.+)\)": r"（可能是 \1）",
    r"Option (.+) requires an argument": r"选项 \1 需要一个值",
    r"Option (.+) does not take a value": r"选项 \1 不带值",
    r"Got unexpected extra argument(?:\(s\))? (.+)": r"多余的参数 \1",
    r"Invalid value for (.+?): ": r"\1 的值无效：",
    r"Input should be a valid number\b.*": "应为数字",
    r"Input should be a valid integer\b.*": "应为整数",
    r"Input should be greater than or equal to (.+)": r"应不小于 \1",
    r"Input should be less than or equal to (.+)": r"应不大于 \1",
    r"Value error, (.+) is not one of (.+?)\.?$": r"\1 不是 \2 之一",
}


def problem(said: str, lang: str) -> str:
    """What Typer says of a command, without an end, in this language; what is not known to be said stays English.

    >>> problem("Invalid value for '--seeds': Input should be greater than or equal to 2", "zh")
    "'--seeds' 的值无效：应不小于 2"
    """
    said = " ".join(said.split())
    for english, chinese in PROBLEMS.items() if lang == "zh" else ():
        said = re.sub(english, chinese, said)
    return said.rstrip(".")


def parts(command: Any) -> Iterator[Any]:
    """A command, its parameters, and those of the commands below it."""
    yield command
    yield from command.params
    for below in getattr(command, "commands", {}).values():
        yield from parts(below)


def translate(command: Any, lang: str) -> None:
    """Put the help of a command, and of those below it, into this language."""
    if lang == "en":
        return
    known = languages.catalogue("help")
    for part in parts(command):
        part.help = known.get(part.help, part.help)
        if hasattr(part, "get_help_option"):
            part.get_help_option = _translated(part.get_help_option, known)
    if {"-h", "--help"} & set(sys.argv) or len(sys.argv) < 3:  # what Typer writes help with takes 0.1 s to load
        _around()


def _translated(get_option: Any, known: dict[str, str]) -> Any:
    """`--help` itself, which a command makes when it is first asked for it."""

    def option(ctx: Any) -> Any:
        made = get_option(ctx)
        made.help = known.get(made.help, made.help)
        return made

    return option


def _around() -> None:
    from rich.text import Text
    from typer import rich_utils

    class Table(rich_utils.Table):
        """Breaks Chinese, which has no spaces between words, instead of cutting it off."""

        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*cells, **options)
            for column in self.columns:
                column.overflow = "fold"

    class Columns(rich_utils.Columns):
        """The same for what is said of a parameter."""

        def __init__(self, renderables: Any, **options: Any) -> None:
            for one in renderables:
                if isinstance(one, Text):
                    one.overflow = "fold"
            super().__init__(renderables, **options)

    for name, word in {**AROUND, "Table": Table, "Columns": Columns}.items():
        setattr(rich_utils, name, word)
