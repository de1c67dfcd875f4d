"""Language models learn alike however their batches are computed, and from every window of their rows."""

import json
import math

import datasets
import torch
import transformers
import yaml
from fastapi.testclient import TestClient

from ftui.artifacts import using
from ftui.artifacts.predicting import Predictor
from ftui.core import events as ev
from ftui.core.home import Home, starter_models
from ftui.serve.app import create
from ftui.tasks import text_generation
from ftui.training.language import LanguageTrainer
from ftui.training.run import train
from ftui.ui import asking, beside, composing
from ftui.ui.task_views import writing
from tests.jobs.test_tasks import shows_it
from tests.training.conftest import Here
from tests.training.test_labelled import SIZES, small_lm  # noqa: F401


def windows() -> datasets.Dataset:
    made = torch.Generator().manual_seed(4)
    rows = []
    for number in range(13):
        length = 5 + 3 * number
        ids = torch.randint(2, 50, (length,), generator=made).tolist()
        asked = 1 + number % 4  # answers of very different share, as in instruction tuning
        rows.append({"input_ids": ids, "attention_mask": [1] * length, "labels": [-100] * asked + ids[asked:]})
    return datasets.Dataset.from_list(rows)


def weights_after(tokenizer, tmp_path, batch: int, accumulation: int, **parts: int) -> torch.Tensor:
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("llama", vocab_size=50, pad_token_id=0, **SIZES["llama"])
    model = transformers.AutoModelForCausalLM.from_config(config)
    rows = windows()
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=4, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, learning_rate=1e-2,
        use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True, seed=1, dataloader_pin_memory=False, optim="sgd", label_names=["labels"],
    )  # fmt: skip
    LanguageTrainer(
        model=model, args=arguments, train_dataset=rows, data_collator=text_generation.collator(tokenizer), compute_loss_func=text_generation.loss,
        lengths=[len(ids) for ids in rows["input_ids"]], shifted=True, **parts,
    ).train()  # fmt: skip
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_batch_in_parts_and_an_accumulated_one_are_one_batch(tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    whole = weights_after(tokenizer, tmp_path, 13, 1, tokens=10_000, rows=13)
    assert not torch.allclose(whole, weights_after(tokenizer, tmp_path, 6, 1, tokens=10_000, rows=13), atol=1e-6)
    for made in ({"batch": 13, "accumulation": 1, "tokens": 64, "rows": 3}, {"batch": 1, "accumulation": 13}):
        assert torch.allclose(whole, weights_after(tokenizer, tmp_path, **made), atol=1e-6), made


def test_plain_texts_are_learned_from_to_their_end_and_gone_on_with(small_lm, tmp_path):  # noqa: F811
    rows = [{"text": "一二三四五六七八九十" * (3 + i % 3)} for i in range(20)]  # 31 to 51 tokens: one window of 128, up to four of 16
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    run = Home(tmp_path / "home").new_run()
    recipe = {
        "task": "text-generation", "model": str(small_lm), "device": "cpu",
        "data": {"path": str(tmp_path / "a.jsonl"), "columns": {"text": "text"}, "keep_together": "none"},
        "training": {"num_train_epochs": 1, "max_length": 16, "per_device_train_batch_size": 4, "bf16": False},
        "language": {"samples": 1, "max_new_tokens": 4},
    }  # fmt: skip
    run.recipe.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    job = run.new_job("train")
    assert train(Here(job, {}, ev.Writer(job.events, 1), None))
    logged = {e["key"]: e["params"] for e in ev.read(job.events)[0] if e["type"] == "log"}
    assert logged["texts_ready"]["train"] == 14
    assert logged["training_starts"]["steps"] > math.ceil(14 / 4) * 2, "one step for four windows, not for four texts"

    report = json.loads(run.report.read_text())
    test = report["splits"]["test"]
    assert set(test["metrics"]) == {"loss", "perplexity", "perplexity_character"} and sum(test["losses"]["counts"]) == test["rows"] == 4
    assert report["baseline"]["metrics"]["perplexity"] > test["metrics"]["perplexity"]
    shows_it(run.home, run, ("text",))
    shown = beside.before(report, "test", writing.METRICS, "en")
    assert 'class="truth right">−' in shown and "4 rows" in shown and beside.before(report, "validation", writing.METRICS, "en") == ""
    assert not asking.talks(run) and composing.goes_on(run) and asking.request(run, {"text": "一"})[0] == "/v1/completions"
    assert "/predict" in asking.snippets(run, {"inputs": [{"text": "一"}]}, "en"), "each line a text"

    predictor = Predictor(run.model)
    assert predictor.tokenizer.chat_template is not None, "the base model's own stays"
    assert "一二三" in using.code(run, "model", "一二三") and "role" not in using.code(run, "model", "一二三"), "nobody is talked to"
    (said,) = predictor.predict([{"text": "一二三"}])
    with TestClient(create({"model": run.model})) as client:
        assert client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]}).status_code == 404
        answer = client.post("/v1/completions", json={"prompt": "一二三", "temperature": 0, "top_p": 1, "repetition_penalty": 1, "max_tokens": 4})
        assert answer.json()["choices"][0]["text"].rstrip() == said["text"] != ""
