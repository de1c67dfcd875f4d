"""The server over HTTP, as a user's program meets it."""

import httpx
import pytest

from ftui import jobs
from ftui.core import events as ev
from tests.conftest import cli, wait_for


@pytest.fixture(scope="module")
def url(trained):
    job = jobs.start(trained["run"], "serve", {"port": 0})
    yield wait_for(lambda: jobs.serving(trained["run"]))
    jobs.stop(job)
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert jobs.state(job) == ev.STOPPED
    assert jobs.serving(trained["run"]) is None


def test_one_and_many(url, trained):
    import json

    one = httpx.post(f"{url}/predict", json={"text": "很好 喜欢"}).json()
    assert one["label"] == "正面"
    many = httpx.post(f"{url}/predict", json={"texts": ["很好 喜欢", "很差 讨厌", ""]}).json()["results"]
    assert many[0]["scores"] == pytest.approx(one["scores"], abs=1e-6)
    assert [m["label"] for m in many[:2]] == ["正面", "负面"]
    told = json.loads(cli("predict", trained["run"].id, "很好 喜欢", "--json", home=trained["home"].path).stdout)
    assert told["results"][0]["scores"] == pytest.approx(one["scores"], abs=1e-6)
    assert httpx.post(f"{url}/predict", json={"texts": []}).json() == {"results": []}


def test_health_info_docs(url, trained):
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{url}/info").json()["labels"] == ["正面", "负面"]
    assert httpx.get(f"{url}/docs").status_code == 200
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
