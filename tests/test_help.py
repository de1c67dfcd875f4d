"""The command line's help in both languages."""

import re

import pytest
import typer

from ftui import __version__
from ftui.__main__ import app, main
from ftui.cli import helping
from ftui.core import languages

TYPERS = "Show this message and exit."


@pytest.fixture(autouse=True)
def typers_own_words(monkeypatch):
    """Typer's words are English again afterwards."""
    from typer import rich_utils

    for name in (*helping.AROUND, "Table", "Columns"):
        monkeypatch.setattr(rich_utils, name, getattr(rich_utils, name))


def test_all_that_is_said_of_the_commands_is_said_in_chinese_and_nothing_else():
    said = {part.help for part in helping.parts(typer.main.get_command(app))}
    known = languages.catalogue("help")
    assert said | {TYPERS} == set(known)
    assert all(re.search(r"[\u4e00-\u9fff]", chinese) for chinese in known.values())


@pytest.mark.parametrize("command", [[], ["predict"], ["runs", "list"], ["ui"]])
def test_help_is_chinese_and_whole(monkeypatch, capsys, command):
    monkeypatch.setenv("FTUI_LANG", "zh")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["ftui", *command, "--help"])
    assert main() == 0
    told = capsys.readouterr().out
    english = {*languages.catalogue("help"), "Options", "Arguments", "default:", "required"}
    assert "选项" in told and "显示本帮助" in told and "…" not in told
    assert not [text for text in english if f" {text}" in told]


@pytest.mark.parametrize(
    "said, chinese",
    [
        ("No such command 'shw'. Did you mean 'show'?", "没有 'shw' 这个命令（是否指 'show'？）"),
        ("Missing argument 'run'.", "缺少参数 'run'"),
        ("No such option: --thr (Possible options: --out, --threshold)", "没有 --thr 这个选项（可能是 --out, --threshold）"),
        ("Something new.", "Something new"),
    ],
)
def test_what_is_not_understood(said, chinese):
    assert helping.problem(said, "zh") == chinese
    assert helping.problem(said, "en") == said.rstrip(".")


def test_the_version(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ftui", "--version"])
    assert main() == 0 and capsys.readouterr().out == f"ftui {__version__}\n"


def test_a_chinese_terminal_reads_nothing_english_in_a_list(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("FTUI_LANG", "zh")
    (tmp_path / "reviews.csv").write_text("text,label\n" + "".join(f"评论 {n},{'好坏'[n % 2]}\n" for n in range(8)), encoding="utf-8")
    for arguments in (["data", "report", str(tmp_path / "reviews.csv"), "--json"], ["data", "list"], ["disk"]):
        monkeypatch.setattr("sys.argv", ["ftui", *arguments, "--home", str(tmp_path / "home")])
        assert main() == 0
    assert "8 行  0 次运行  reviews.csv" in capsys.readouterr().out
