"""The server under all sorts of clients, over real connections: many at once, without the key, slow, killed, too large."""

import asyncio
import json
import re
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from ftui.artifacts.predicting import Predictor
from ftui.serve.app import create
from ftui.serve.door import Door
from ftui.serve.metrics import Metrics
from tests.conftest import reviews, wait_for

KEY = {"Authorization": "Bearer geheim"}
TEXTS = [text for text, _ in reviews(200, seed=9)]


@contextmanager
def running(app):
    """The application at a free port of this machine; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", root_path="/proxied", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def app(trained):
    model = trained["run"].model
    return create({"first": model, "second": model}, key="geheim", patience=0.5)


@pytest.fixture(scope="module")
def url(app):
    with running(app) as address:
        yield address


@pytest.fixture(scope="module")
def alone(trained):
    """What the model says of each text when it is asked for nothing else."""
    predictor = Predictor(trained["run"].model)
    return [predictor.predict([{"text": text}])[0] for text in TEXTS]


def count(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics", headers=KEY).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_many_at_once_get_the_answers_of_one_alone(url, alone):
    async def ask_all() -> list[dict]:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(headers=KEY, limits=limits, timeout=60) as client:
            answers = await asyncio.gather(*(client.post(f"{url}/predict", json={"text": text}) for text in TEXTS))
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json() for answer in answers]

    passes = count(url, "ftui_batch_rows_count")
    for together, single in zip(asyncio.run(ask_all()), alone, strict=True):
        assert together["label"] == single["label"]
        assert together["scores"] == pytest.approx(single["scores"], abs=1e-5)
    assert count(url, "ftui_batch_rows_count") - passes < len(TEXTS)  # some of them came together


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "geheim"}, {"Authorization": "Basic Z2VoZWlt"}])
def test_without_the_key_nothing_is_answered(url, headers):
    for path in ("/predict", "/models/first/predict"):
        refused = httpx.post(url + path, json={"text": "很好"}, headers=headers)
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["error"]["code"] == "key_wrong"
    for path in ("/info", "/metrics", "/models"):
        assert httpx.get(url + path, headers=headers).status_code == 401
    assert httpx.get(f"{url}/health", headers=headers).json() == {"status": "ok"}


def test_several_models_in_one_server(url):
    assert [model["name"] for model in httpx.get(f"{url}/models", headers=KEY).json()["models"]] == ["first", "second"]
    for path in ("/predict", "/models/second/predict"):
        assert httpx.post(url + path, json={"text": "很差 讨厌"}, headers=KEY).json()["label"] == "负面"
    unknown = httpx.post(f"{url}/models/third/predict", json={"text": "很差"}, headers=KEY)
    assert unknown.status_code == 404 and unknown.json()["error"]["code"] == "http_404"
    assert count(url, 'ftui_texts_total{model="second"}') >= 1


def test_behind_a_proxy(url):
    """It takes the path's beginning away; the documentation has to name it."""
    page = httpx.get(f"{url}/docs").text
    assert "/proxied/openapi.json" in page
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(needed) == 3 and all(path.startswith("/proxied/docs/files/") for path in needed)  # nothing of other sites
    for path in needed:  # they are open as the page is, with nothing else beside them
        assert len(httpx.get(url + path.removeprefix("/proxied")).content) > 1000
    assert httpx.get(f"{url}/docs/files/../../predict").status_code in (401, 404)
    assert httpx.get(f"{url}/docs/files").status_code in (307, 401, 404)
    assert httpx.get(f"{url}/openapi.json").json()["servers"] == [{"url": "/proxied"}]


def test_others_are_not_disturbed(url):
    """A slow client, one that is killed on the way, 20 MB with and without a length: each told or left, the next one answered."""
    port = int(url.rpartition(":")[2])
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer geheim\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port)) as slow, socket.create_connection(("127.0.0.1", port)) as killed:
        slow.sendall(head + b'Content-Length: 100\r\n\r\n{"text"')
        killed.sendall(head + b"Content-Length: 100\r\n\r\n{")
        killed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, as after kill -9
        killed.close()

        large = json.dumps({"text": "a" * 20_000_000}).encode()
        for body in (large, (large[i : i + 65536] for i in range(0, len(large), 65536))):
            answer = httpx.post(f"{url}/predict", content=body, headers={**KEY, "Content-Type": "application/json"}, timeout=30)
            assert answer.status_code == 413 and answer.json()["error"]["code"] == "body_too_large"
        began = time.monotonic()
        assert httpx.post(f"{url}/predict", json={"text": "很好 喜欢"}, headers=KEY).json()["label"] == "正面"
        assert time.monotonic() - began < 5
        slow.settimeout(10)
        assert slow.recv(65536).startswith(b"HTTP/1.1 408")
    assert count(url, 'ftui_requests_total{path="-",status="408"}') == 1


def test_too_many_are_sent_away(app, url, monkeypatch):
    batcher = app.state.served[0].batcher
    started, go = threading.Event(), threading.Event()
    predict = batcher.predict

    def waits(inputs: list[dict]) -> list[dict]:
        started.set()
        assert go.wait(20)
        return predict(inputs)

    monkeypatch.setattr(batcher, "predict", waits)
    monkeypatch.setattr(batcher, "most_waiting", 2)
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.post(f"{url}/predict", json={"texts": ["很好", "很差"]}, headers=KEY, timeout=30))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    wait_for(lambda: batcher.waiting == 2)
    refused = httpx.post(f"{url}/predict", json={"text": "很好"}, headers={**KEY, "Accept-Language": "zh"})
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert "稍" in refused.json()["error"]["hint"] or "重试" in refused.json()["error"]["hint"]
    go.set()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert count(url, 'ftui_refused_total{model="first"}') == 1


@pytest.mark.parametrize("mode", GenerationMode)
def test_whatever_comes_is_answered_without_a_5xx(app, url, mode):
    """What the schema allows, and what it forbids."""
    tried = set()
    for operation in (found.ok() for found in schemathesis.openapi.from_dict(app.openapi()).get_all_operations()):
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue

        @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case):
            tried.add(case.path)
            case.call_and_validate(base_url=url, headers=KEY, checks=[schemathesis.checks.not_a_server_error])

        holds()
    assert {"/predict", "/models/second/predict"} <= tried


NO_KEY = [
    ({"host": "127.0.0.1:8000"}, 200),
    ({"host": "localhost:8000", "origin": "http://localhost:3000"}, 200),
    ({"host": "[::1]:8000"}, 200),
    ({"host": "lab.example", "origin": "https://lab.example"}, 200),
    ({"host": "evil.example:8000"}, 421),
    ({"host": "127.0.0.1.evil.example"}, 421),
    ({"host": ""}, 421),
    ({"host": "127.0.0.1:8000", "origin": "https://evil.example"}, 403),
    ({"host": "127.0.0.1:8000", "origin": "null"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), NO_KEY, ids=str)
def test_without_a_key_other_sites_pages_learn_nothing(monkeypatch, headers, status):
    """Where only this machine can reach it. With a key, or for others, any name is good."""
    monkeypatch.setenv("FTUI_HOSTS", "lab.example")

    def asked(**options) -> int:
        door = Door(PlainTextResponse("answer"), Metrics(), **options)
        return TestClient(door).get("/info", headers={**headers, **KEY}).status_code

    assert asked(local=True) == status
    assert asked() == asked(local=True, key="geheim") == 200
