"""Logits only where there is a label: the loss and the gradients of the whole computation."""

import json

import pytest
import torch
import transformers
import yaml

from ftui.artifacts.predicting import Predictor
from ftui.artifacts.writing import Sampling
from ftui.core import events as ev
from ftui.core.home import Home, starter_models
from ftui.training import labelled, strategies
from tests.training.conftest import Here
from tests.training.test_strategies import SIZES

CAUSAL = ("gpt2", "llama")


def batch():
    ids = torch.randint(1, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[0, :7] = labels[1, :3] = labels[2, :11] = -100
    mask = torch.ones_like(ids)
    mask[1, 9:], labels[1, 9:] = 0, -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def built(family, kind=transformers.AutoModelForCausalLM):
    torch.manual_seed(0)
    return kind.from_config(transformers.AutoConfig.for_model(family, vocab_size=50, pad_token_id=0, **SIZES[family])).eval()


@pytest.mark.parametrize("family", CAUSAL)
def test_the_same_loss_and_gradients(family):
    model, inputs = built(family), batch()
    whole = model(**inputs).loss
    whole.backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    logits, labels = labelled.forward(model, model.get_output_embeddings(), inputs, shifted=True)
    assert logits.shape == (5 + 6 + 1, 50)
    part = torch.nn.functional.cross_entropy(logits, labels)
    part.backward()
    assert part.item() == pytest.approx(whole.item(), rel=1e-6)
    for name, p in model.named_parameters():
        assert torch.allclose(p.grad, wanted[name], atol=1e-7), name
    assert model(input_ids=inputs["input_ids"]).logits.shape == (3, 12, 50), "the head is left as it was"


def test_masked_models_as_well():
    model, inputs = built("bert", transformers.AutoModelForMaskedLM), batch()
    logits, labels = labelled.forward(model, model.get_output_embeddings(), inputs, shifted=False)
    full = model(**{**inputs, "labels": None}).logits[inputs["labels"] != -100]
    assert torch.allclose(logits, full, atol=1e-6) and len(labels) == len(full)


@pytest.mark.parametrize("family", CAUSAL)
def test_lora_adds_no_second_head(family):
    from ftui.core.recipe import Lora

    model = strategies.lora(built(family), Lora())
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    assert names and all("lora_" in name for name in names)
    assert model.peft_config["default"].task_type == "CAUSAL_LM"


@pytest.fixture(scope="module")
def small_lm(tmp_path_factory):
    """A small Llama with the starter's tokenizer and random weights."""
    folder = tmp_path_factory.mktemp("models") / "small-lm"
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 64}
    config = transformers.LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=128, pad_token_id=0, eos_token_id=1, bos_token_id=1, **sizes)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def talker(small_lm, tmp_path_factory):
    """A run that has learned to answer one question by heart, twice asked."""
    from ftui.training.run import train

    folder = tmp_path_factory.mktemp("talker")
    rows = [{"prompt": f"{i} 号说什么？", "completion": f"你好，我是{'猫' if i % 2 else '狗'}。"} for i in range(40)]
    rows = [{**row, "completion": row["completion"] + "好" * (i % 4)} for i, row in enumerate(rows)]
    (folder / "a.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    run = Home(folder / "home").new_run()
    recipe = {
        "task": "text-generation", "model": str(small_lm), "device": "cpu", "data": {"path": str(folder / "a.jsonl"), "keep_together": "none", "columns": {"prompt": "prompt", "completion": "completion"}},
        "training": {"num_train_epochs": 25, "learning_rate": 1e-2, "bf16": False, "metric_for_best_model": "validation_perplexity"},
        "language": {"samples": 2, "max_new_tokens": 16},
    }  # fmt: skip
    run.recipe.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    job = run.new_job("train")
    assert train(Here(job, {}, ev.Writer(job.events, 1), None))
    return run, ev.read(job.events)[0]


def test_the_whole_way(talker):
    run, events = talker
    report = json.loads(run.report.read_text())
    test = report["splits"]["test"]["metrics"]
    assert test["perplexity"] < 2 < 1000 < report["baseline"]["metrics"]["perplexity"], "the model before tuning knew nothing"
    curve = [e["values"] for e in events if e["type"] == "metric" and "validation_perplexity" in e["values"]]
    best = min(one["validation_perplexity"] for one in curve)
    assert report["best"]["value"] == pytest.approx(best), "the lowest perplexity is the best"
    assert report["splits"]["validation"]["metrics"]["perplexity"] == pytest.approx(best, rel=1e-3), "training and report measure the same"
    written = [e["params"] for e in events if e["type"] == "log" and e["key"] == "sample_written"]
    said = [one["said"] for one in written]
    assert len(said) == len(curve) + 1 and written[0]["epoch"] == 0 and said[-1].startswith("你好，我是") and said[0] != said[-1], "one sees it learn"
    assert report["splits"]["test"]["written"] == 2 and test["rougeL"] > 0.5


def test_it_is_asked_as_it_was_taught(talker):
    predictor = Predictor(talker[0].model)
    (answer,) = predictor.predict([{"text": "7 号说什么？"}])
    assert answer["text"].startswith("你好，我是")
    prompt = predictor.task.talk([{"role": "user", "content": "7 号说什么？"}], predictor.writer)
    stream = predictor.writer.stream(prompt, Sampling(max_new_tokens=16))
    predictor.writer.settings = predictor.writer.settings.model_copy(update={"system": "简短。"})
    assert "简短。" in predictor.tokenizer.decode(predictor.task.talk([{"role": "user", "content": "7"}], predictor.writer))
    pieces = list(stream.pieces)
    assert "".join(pieces) == answer["text"] and len(pieces) > 3 and stream.finished == "stop"
    first, second = (list(predictor.writer.stream(prompt, Sampling(2.0, seed=seed)).pieces) for seed in (1, 2))
    assert first != second and first == list(predictor.writer.stream(prompt, Sampling(2.0, seed=1)).pieces)


def test_before_the_first_token_something_can_be_written(talker):
    predictor = Predictor(talker[0].model)
    given, rest = predictor.task.prompt([{"role": "text", "content": "。"}])
    assert given[0]["content"] == "" and rest == "。"
    assert len(predictor.writer.write([predictor.writer.prompt(given)])) == 1


def test_a_base_may_be_another_run(talker):
    predictor = Predictor(talker[0].model)
    predictor.card["base"] = f"run:{talker[0].id}"
    weights = predictor.base().model.state_dict()
    assert all(torch.equal(weights[name], weight) for name, weight in predictor.writer.model.state_dict().items())


def test_whoever_stops_listening_ends_the_writing(talker):
    predictor = Predictor(talker[0].model)
    stream = predictor.base().stream([5, 6, 7], Sampling(max_new_tokens=60, temperature=1.0, seed=0))
    next(stream.pieces)
    stream.pieces.close()
    assert stream.tokens < 30 and predictor._lock.acquire(timeout=5)


def test_the_server_speaks_as_openai_does(talker):
    from fastapi.testclient import TestClient

    from ftui.serve.app import create

    client = TestClient(create({"model": talker[0].model}))
    asked = {"messages": [{"role": "user", "content": "7 号说什么？"}], "temperature": 0, "repetition_penalty": 1.0, "user": "x"}
    whole = client.post("/v1/chat/completions", json=asked).json()
    said = whole["choices"][0]["message"]["content"]
    assert said.startswith("你好，我是") and whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + whole["usage"]["completion_tokens"]
    with client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event)["choices"][0] for event in events[:-1]]
    assert "".join(c["delta"].get("content", "") for c in chunks) == said and chunks[-1]["finish_reason"] == "stop"
    short = client.post("/v1/completions", json={"prompt": "你好", "max_tokens": 3, "model": "base", "seed": 1}).json()
    assert short["usage"]["completion_tokens"] <= 3 and short["object"] == "text_completion"
    assert [m["id"] for m in client.get("/v1/models").json()["data"]] == ["model", "base"]
    for bad in ({"messages": []}, {"messages": [{"role": "tool", "content": "x"}]}, {**asked, "temperature": 3}, {**asked, "n": 2}):
        refused = client.post("/v1/chat/completions", json=bad)
        assert refused.status_code == 422 and set(refused.json()["error"]) == {"code", "message", "hint"}


def test_what_the_page_shows_works_when_pasted(talker):
    """curl and Python in OpenAI's form, against a server that listens."""
    import subprocess
    import sys
    import threading

    import uvicorn

    from ftui.serve.app import create
    from ftui.ui import asking
    from tests.conftest import wait_for

    run = talker[0]
    server = uvicorn.Server(uvicorn.Config(create({"model": run.model}), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        path, body = asking.request(run, {"text": "7 号说'什么'？"})
        assert path == "/v1/chat/completions"
        curl, python = asking.calls(f"http://127.0.0.1:{port}", {**body, "temperature": 0}, False, path)
        for command in (["bash", "-c", curl + " -s"], [sys.executable, "-c", python]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
            assert "你好，我是" in done.stdout and "chat.completion" in done.stdout
    finally:
        server.should_exit = True
        thread.join()


def test_the_command_line_answers(talker, capsys, monkeypatch):
    from ftui import __main__ as command

    run = talker[0]
    monkeypatch.setattr("sys.argv", ["ftui", "predict", run.id, "7 号说什么？", "--home", str(run.home.path)])
    assert command.main() == 0
    assert capsys.readouterr().out.startswith("你好，我是")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_cannot_be_exported_is_said_before_anything_starts(talker, lang):
    from ftui.ui import export_tab

    said, timer = export_tab.make(talker[0].home, lang, talker[0].id, "onnx")
    assert {"en": "cannot be exported as onnx", "zh": "不能导出为 onnx"}[lang] in said and not timer.active
    assert not talker[0].jobs("export")
