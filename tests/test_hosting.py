"""ftui in a container and on a Space: what the recipes name is there, and what they copy starts by their command."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys

import httpx
import yaml

from tests.conftest import REPO

DOCKERFILE = (REPO / "Dockerfile").read_text(encoding="utf-8")
COPIED = [name for line in DOCKERFILE.splitlines() if line.startswith("COPY ") for name in line.split()[1:-1]]


def ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last line that fits decides."""
    answer = False
    for line in (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if any(fnmatch.fnmatch(part, pattern) for part in (path, path.split("/")[0], os.path.basename(path))):
            answer = not line.startswith("!")
    return answer


def test_all_that_the_container_copies_is_there_and_sent():
    assert COPIED == ["requirements.txt", "LICENSE", "app.py", "ftui", "assets"]
    for name in COPIED:
        assert (REPO / name).exists() and not ignored(name)
    assert ignored("tests") and ignored(".git") and ignored("README.md") and ignored("ftui/ui/__pycache__")


def test_the_space_and_the_container_have_the_pinned_versions():
    head = yaml.safe_load((REPO / "README.md").read_text(encoding="utf-8").split("---")[1])
    pins = (REPO / "requirements.txt").read_text(encoding="utf-8")
    assert f"gradio=={head['sdk_version']}\n" in pins and head["app_file"] == "app.py"
    assert f"FROM python:{head['python_version']}-slim" in DOCKERFILE
    assert len(head["short_description"]) <= 60, "the Hub takes no more"


def test_what_is_copied_starts_as_a_demo_on_a_space(tmp_path):
    """No module is missing, and a public Space without a login keeps its visitors apart."""
    for name in COPIED:
        source, keep = REPO / name, shutil.ignore_patterns("__pycache__", "screenshots")
        shutil.copytree(source, tmp_path / name, ignore=keep) if source.is_dir() else shutil.copy(source, tmp_path)
    command = re.search(r'^CMD \["python", "(.+)"\]$', DOCKERFILE, re.MULTILINE)[1]
    environment = {**os.environ, "SPACE_ID": "someone/ftui", "GRADIO_SERVER_PORT": "0", "FTUI_HOME": str(tmp_path / "home"), "PYTHONPATH": "", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, command], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        url = next(found[1] for line in process.stdout if (found := re.search(r"ftui: (http\S+)", line)))
        answer = httpx.get(f"{url}/en/", timeout=60)
        assert answer.status_code == 200 and "ftui-visitor=" in answer.headers["set-cookie"]
        assert "spaces/someone/ftui?duplicate=true" in answer.text
        assert httpx.get(f"{url}/favicon.ico").status_code == 200  # what the container's health check asks
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
