"""Models that write, asked as OpenAI's clients ask: what they send and leave out, and what goes wrong on the way."""

import json

import pytest
from starlette.testclient import TestClient

from ftui import tasks
from ftui.core.home import starter_models
from ftui.core.recipe import Language
from ftui.serve.app import create
from ftui.tasks import templates

SAYS = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A server of the starter model, which talks here as a tuned one does."""
    from transformers import AutoTokenizer

    folder, task = tmp_path_factory.mktemp("talks") / "model", tasks.get("text-generation")
    source = str(starter_models() / "starter-lm")
    tokenizer = AutoTokenizer.from_pretrained(source)
    templates.adopt(tokenizer)
    for part in (task.load_model(source, []), tokenizer):
        part.save_pretrained(folder)
    card = {"version": 1, "task": "text-generation", "labels": [], "asked": ["text"], "max_length": 64, "base": "starter-lm", "talks": True}
    (folder / "ftui.json").write_text(json.dumps({**card, "language": Language().model_dump()}), encoding="utf-8")
    return TestClient(create({"talker": folder}), raise_server_exceptions=False)


def test_null_stands_for_what_is_left_out_and_the_length_has_two_names(client):
    nothing = dict.fromkeys(("temperature", "top_p", "n", "seed", "stream", "max_tokens", "model"))
    answer = client.post("/v1/chat/completions", json={**nothing, "messages": SAYS, "max_completion_tokens": 3})
    assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] <= 3
    assert client.post("/v1/completions", json={**nothing, "prompt": "a", "max_tokens": 2}).json()["usage"]["completion_tokens"] <= 2


@pytest.mark.parametrize("setting", [{"temperature": 1e-300}, {"repetition_penalty": 1e-300}, {"model": "\ud800"}, {"max_completion_tokens": 0}])
def test_what_cannot_be_counted_with_is_no_fault_of_the_server(client, setting):
    body = json.dumps({"messages": SAYS, "max_tokens": 2, **setting})
    assert client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"}).status_code in (200, 422)


def test_a_refusal_shows_how_this_path_is_asked(client):
    for path, needed in (("/v1/chat/completions", "messages"), ("/v1/completions", "prompt"), ("/predict", "inputs"), ("/models/talker/predict", "inputs")):
        answer = client.post(path, json={})
        assert answer.status_code == 422 and f'"{needed}"' in answer.json()["error"]["hint"], path


def test_a_model_that_fails_says_so_in_the_form_of_all_refusals(client, monkeypatch):
    """Its tokens are not those of its tokenizer, as in a model whose files were mixed up."""
    (served,) = client.app.state.served
    whole = served.predictor.writer.model.get_input_embeddings()
    monkeypatch.setattr(whole, "weight", type(whole.weight)(whole.weight[:1]))
    for path, body in (("/predict", {"text": "hi"}), ("/v1/chat/completions", {"messages": SAYS, "max_tokens": 2})):
        answer = client.post(path, json=body, headers={"Accept-Language": "zh"})
        assert answer.status_code == 500 and answer.json()["error"]["code"] == "answer_failed" and "模型" in answer.json()["error"]["message"]
    streamed = client.post("/v1/chat/completions", json={"messages": SAYS, "max_tokens": 2, "stream": True})
    assert json.loads(streamed.text.strip().splitlines()[-1].removeprefix("data: "))["error"]["code"] == "answer_failed"
