"""What the tables of bad input share: the same thing given to the command line and to the page, in both languages."""

import contextlib
import html
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ftui import __main__ as command
from ftui.core import languages
from ftui.core.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that lies in a folder, but for the index, which may be written at any time."""
    if not folder.exists():
        return {}
    paths = [path for path in sorted(folder.rglob("*")) if not path.name.startswith("index.sqlite")]
    found = {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}
    return {name: content for name, content in found.items() if name not in ("runs", "datasets", "queue")}


def one_sentence(text: str, lang: str) -> None:
    """In this language, on one line, no blanks unfilled, no trace of where it was raised."""
    assert "\n" not in text.strip() and text.strip()
    assert "Traceback" not in text and "Error(" not in text and "<class" not in text and "object at 0x" not in text
    assert any("\u4e00" <= c <= "\u9fff" for c in text) == (lang == "zh") or lang == "en"
    assert len(text) < 1200


Run = Callable[..., dict]


@pytest.fixture
def refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`refused("data", "report", path)`: exit code 2, one sentence in English and in Chinese, with --json one document
    where the command has it, and nothing new in the home. Returns {"code", "en", "zh"}."""

    def run(*arguments: object, who: Callable = contextlib.nullcontext) -> dict:
        before = tree(home.path)
        said: dict = {}
        for lang in languages.LANGUAGES:
            code, out, err = main(*arguments, lang=lang, who=who)
            assert code == 2, (code, out, err)
            assert out == ""
            one_sentence(err, lang)
            said[lang] = err.strip()
        code, out, err = main(*arguments, "--json", lang="en", who=who)
        if "No such option" not in out:  # train and some others have no --json of their own
            error = json.loads(out)["error"]
            assert (code, err) == (2, "")
            assert set(error) == {"code", "message", "hint"} and error["message"] and error["hint"]
            assert f"{error['message']} {error['hint']}" == said["en"]
            said["code"] = error["code"]
        after = tree(home.path)
        assert not any(part.startswith(".") for name in after for part in name.split("/")), "something half-written"
        if arguments[0] == "train":  # the data are imported, whole, before the rest of the recipe is tried
            before, after = ({n for n in names if not n.startswith("datasets/")} for names in (before, after))
        assert after == before
        return said

    def main(*arguments: object, lang: str, who: Callable) -> tuple[int, str, str]:
        monkeypatch.setenv("FTUI_LANG", lang)
        monkeypatch.setattr(sys, "argv", ["ftui", *map(str, arguments), "--home", str(home.path)])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), who():
            code = command.main()
        return code, out.getvalue(), err.getvalue()

    return run


def words(text: str) -> str:
    """What a reader sees of HTML, without white space."""
    return "".join(html.unescape(re.sub("<[^>]*>", "", text)).split())


@pytest.fixture
def open_folder():
    """A folder that everybody may use: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="ftui-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def somebody():
    """`with somebody():` without the rights of an administrator, whom nothing is forbidden."""
    @contextlib.contextmanager
    def other():
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return other
