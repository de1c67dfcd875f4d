"""The server over HTTP, as a user's program meets it."""

import csv
import html
import json
import re
import subprocess
import sys

import httpx
import pytest

from ftui import jobs
from ftui.core import events as ev
from ftui.ui import asking, many, serving
from tests.conftest import cli, wait_for


@pytest.fixture(scope="module")
def url(trained):
    """Started and stopped as the Export tab does it."""
    home, run = trained["home"], trained["run"]
    starting, _, timer = serving.start(home, "en", run.id, "model", 0)
    assert 'data-state="starting"' in starting and timer.active
    job, *_ = serving.servers(run)  # the newest: other tests may have had some
    address = wait_for(lambda: jobs.serving(run))
    choice, shown, *_, timer = serving.show(home, "zh", run.id)  # as after a reload
    assert address in shown and not timer.active and ("模型", "model") in choice.choices
    code = re.search(r'data-name="curl".*?<pre class="code">(.*?)</pre>', shown, re.S)
    answer = subprocess.run(["bash", "-c", html.unescape(code[1])], capture_output=True, text=True, timeout=60, check=True)
    assert "label" in json.loads(answer.stdout)
    yield address
    serving.stop(home, "en", "serve-9-none", run.id)
    assert jobs.state(job) == ev.RUNNING
    stopping, *_ = serving.stop(home, "en", job.id, run.id)
    assert 'data-state="stopping"' in stopping and "data-pick" not in stopping
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert serving.look(home, "en", run.id)[0] == ""
    assert jobs.state(job) == ev.STOPPED
    assert jobs.serving(trained["run"]) is None


def test_one_and_many(url, trained):

    one = httpx.post(f"{url}/predict", json={"text": "很好 喜欢"}).json()
    assert one["label"] == "正面"
    many = httpx.post(f"{url}/predict", json={"texts": ["很好 喜欢", "很差 讨厌", ""]}).json()["results"]
    assert many[0]["scores"] == pytest.approx(one["scores"], abs=1e-6)
    assert [m["label"] for m in many[:2]] == ["正面", "负面"]
    told = json.loads(cli("predict", trained["run"].id, "很好 喜欢", "--json", home=trained["home"].path).stdout)
    assert told["results"][0]["scores"] == pytest.approx(one["scores"], abs=1e-6)
    assert httpx.post(f"{url}/predict", json={"texts": []}).json() == {"results": []}


def test_rows_of_long_texts_fit_through_the_door(url):
    """A file's rows are asked about many at a time, but no request is larger than the server takes."""
    long = "很" * 25_000
    rows = [{"text": f"{word} {long}"} for word in ("很好 喜欢", "很差 讨厌")] * 32
    refused = httpx.post(f"{url}/predict", json={"texts": [row["text"] for row in rows]}, timeout=60)
    assert refused.status_code == 413
    assert [answer["label"] for answer in many._ask(url, {}, 120.0, rows)] == ["正面", "负面"] * 32


def test_health_info_docs(url, trained):
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{url}/info").json()["labels"] == ["正面", "负面"]
    assert httpx.get(f"{url}/docs").status_code == 200
    assert httpx.get(f"{url}/info", headers={"host": "evil.example"}).status_code == 421
    assert "/predict" in httpx.get(f"{url}/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    "body",
    [{}, {"text": 1}, {"text": None}, {"text": "a", "texts": ["b"]}, {"txt": "a"}, {"texts": ["a"] * 257}, {"text": "a" * 100_001}, [], "a"],
)
def test_bad_requests_are_told_what_is_wrong(url, body):
    answer = httpx.post(f"{url}/predict", json=body)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "hint"}
    assert httpx.get(f"{url}/health").status_code == 200


def test_what_the_playground_shows_works_when_pasted(url, trained):
    """curl and Python, with quotes, dollars and line breaks in the text."""

    given = {"text": "很好 it's \"great\" $HOME `x`\n喜欢"}
    shown = dict(re.findall(r'data-name="(\w+)".*?<pre class="code">(.*?)</pre>', asking.snippets(trained["run"], given, "en"), re.S))
    expected = httpx.post(f"{url}/predict", json=given).json()
    for command in (["bash", "-c", html.unescape(shown["curl"])], [sys.executable, "-c", html.unescape(shown["python"])]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        told = json.loads(done.stdout.replace("'", '"'))
        assert told["label"] == expected["label"]
        assert told["scores"] == pytest.approx(expected["scores"], abs=1e-6)


def test_a_file_on_the_command_line(trained, tmp_path):

    source = tmp_path / "in.csv"
    source.write_bytes("编号,评论内容\n7,很好 喜欢\n8,很差 讨厌\n".encode("gbk"))
    done = cli("predict", trained["run"].id, "--file", source, "--out", tmp_path / "out.csv", home=trained["home"].path)
    assert json.loads(done.stdout.splitlines()[-1])["rows"] == 2
    with open(tmp_path / "out.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["编号"], row["prediction"]) for row in rows] == [("7", "正面"), ("8", "负面")]
    wrong = cli("predict", trained["run"].id, "--file", tmp_path / "none.csv", home=trained["home"].path, check=2)
    assert "none.csv" in wrong.stderr and "Traceback" not in wrong.stderr
    assert "nothing to predict" in cli("predict", trained["run"].id, home=trained["home"].path, check=2).stderr
