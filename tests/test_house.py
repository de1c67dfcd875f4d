"""The floors hold: imports go down only, and light processes stay light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ftui import tasks

ROOT = Path(__file__).parents[1]
FLOORS = [{"core"}, {"tasks", "data"}, {"training", "evaluation", "artifacts"}, {"jobs", "serve"}, {"ui", "cli"}]
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
FILES = [p for p in (ROOT / "ftui").rglob("*.py") if p.relative_to(ROOT / "ftui").parts[0] in LEVEL]


def imports(path: Path, at_top: bool = False) -> list[str]:
    """Modules of ours that a file imports: `ftui.room...`; with `at_top` only those of its top level."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_top else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.startswith("ftui.")]


def room(path: Path) -> str:
    return path.relative_to(ROOT / "ftui").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path):
    for name in imports(path):
        other = name.split(".")[1]
        if other in LEVEL:
            assert LEVEL[other] <= LEVEL[room(path)], f"{path.name} imports {name} from a higher floor"


@pytest.mark.parametrize("group", ["tasks", "ui"])
def test_tasks_and_tabs_do_not_import_each_other(group):
    files = [p for p in FILES if room(p) == group]
    siblings = {"tasks": {"text_classification"}, "ui": {p.stem for p in files if p.stem.endswith("_tab")}}[group]
    for path in files:
        if path.stem in siblings:
            used = {name.split(".")[2] for name in imports(path) if name.startswith(f"ftui.{group}.")}
            assert not used & (siblings - {path.stem})


@pytest.mark.parametrize("name", tasks.TASKS)
def test_a_task_has_all_that_the_contract_names(name):
    """What others ask of every task, without asking which it is."""
    module = tasks.get(name)
    others, language = (re.findall(r"^    ([A-Za-z_]+)(?:\(| {2,})", part, re.MULTILINE) for part in tasks.__doc__.partition("What only some")[0].split("A task of a language model"))
    assert {"PIPELINE", "MODEL", "answers"} <= set(others) and {"SHIFTED", "scored"} <= set(language)
    needed = {*others, *language} - {"metrics", "answers"} if tasks.speaks(module) else set(others)
    assert sorted(one for one in needed - {"class_weights", "STARTER"} if not hasattr(module, one)) == []


@pytest.mark.parametrize("module", ["ftui.__main__", "ftui.jobs", "ftui.jobs.worker", "ftui.ui.app", "ftui.data.preparing"])
def test_no_torch_in_light_processes(module):
    code = f"import {module}, sys; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "ftui").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_unsafe_code(path):
    """No remote code, no unpickling, no shell strings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg in ("trust_remote_code", "shell"):
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.keyword) and node.arg == "weights_only":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is True
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert not names & {"pickle", "joblib", "dill"}
        if isinstance(node, ast.Attribute) and node.attr == "system":
            assert not (isinstance(node.value, ast.Name) and node.value.id == "os")
