"""The command line's help in both languages."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

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
    assert "选项" in told and "显示本帮助" in told and "…" not in told
    for english in ("Show", "Options", "Arguments", "Commands", "default: ", "required", "env var", *languages.catalogue("help")):
        assert english[:20] not in told, "also what is broken at the end of a line"


@pytest.mark.parametrize(
    "said, chinese",
    [
        ("No such command 'shw'. Did you mean 'show'?", "没有 'shw' 这个命令（是否指 'show'？）"),
        ("Missing argument 'run'.", "缺少参数 'run'"),
        ("No such option: --thr (Possible options: --out, --threshold)", "没有 --thr 这个选项（可能是 --out, --threshold）"),
        ("Option '--yes' does not take a value.", "选项 '--yes' 不带值"),
        ("Something new.", "Something new"),
    ],
)
def test_what_is_not_understood(said, chinese):
    assert helping.problem(said, "zh") == chinese
    assert helping.problem(said, "en") == said.rstrip(".")


def test_the_version(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ftui", "--version"])
    assert main() == 0 and capsys.readouterr().out == f"ftui {__version__}\n"


def test_lists_are_in_the_language_of_the_terminal(monkeypatch, capsys, tmp_path):
    (tmp_path / "reviews.csv").write_text("text,label\n" + "".join(f"评论 {n},{'好坏'[n % 2]}\n" for n in range(8)), encoding="utf-8")
    (tmp_path / "home" / "cache").mkdir(parents=True)
    (tmp_path / "home" / "cache" / "old").write_bytes(bytes(2_000_000))
    told = {}
    for lang in ("en", "zh"):
        monkeypatch.setenv("FTUI_LANG", lang)
        for arguments in (["data", "report", str(tmp_path / "reviews.csv"), "--json"], ["data", "list"], ["disk"]):
            monkeypatch.setattr("sys.argv", ["ftui", *arguments, "--home", str(tmp_path / "home")])
            assert main() == 0
            told[lang, arguments[-1]] = capsys.readouterr().out
    assert "8 rows  0 runs  reviews.csv" in told["en", "list"] and "8 行  0 次运行  reviews.csv" in told["zh", "list"]
    assert "removable: cache" in told["en", "disk"] and "可删除： cache" in told["zh", "disk"]


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "utf-8"])
def test_a_terminal_that_lacks_characters(tmp_path, encoding):
    path = tmp_path / "笑😀.csv"
    path.write_text("text,label\n" + "".join(f"评论 {n} 😀,{'好坏'[n % 2]}\n" for n in range(8)), encoding="utf-8")
    told = {}
    for last in ([], ["--json"]):
        arguments = [sys.executable, "-W", "ignore", "-m", "ftui", "data", "report", path.name, "--home", tmp_path / "home", *last]
        environment = {**os.environ, "PYTHONIOENCODING": encoding, "FTUI_LANG": "zh", "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, env=environment, timeout=60)
        assert done.returncode == 0 and not done.stderr
        told[bool(last)] = done.stdout.decode(encoding)
    assert json.loads(told[True])["name"] == path.name and json.loads(told[True])["labels"] == {"坏": 4, "好": 4}
    assert ("评论" in told[False] or "text" in told[False]) and ("?" in told[False]) == (encoding != "utf-8")
