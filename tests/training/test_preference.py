"""Preferences: pairs are read in every form, learned from alike however a batch is computed, and the better answer wins."""

import json
import math

import pyarrow as pa
import pytest
import torch
import transformers
import yaml
from fastapi.testclient import TestClient
from safetensors.torch import load_file

from ftui import jobs
from ftui.core import events as ev
from ftui.core.home import Home, starter_models
from ftui.core.recipe import Language, build
from ftui.data import conversations, forms, preparing
from ftui.tasks import preference
from ftui.training import preferring
from ftui.training.run import train
from tests.conftest import wait_for
from tests.jobs.test_tasks import shows_it
from tests.training.conftest import Here
from tests.training.test_labelled import small_lm  # noqa: F401
from tests.training.test_strategies import SIZES

GOOD, BAD = "您好，很高兴为您服务", "不知道"
ASKED = {"role": "user", "content": "问"}


def said(text):
    return {"role": "assistant", "content": text}


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")


def read(tmp_path, rows):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    home = Home(tmp_path / "home")
    guessed = forms.recognise(preparing.resolve(str(path), home).table())
    table, _, dropped = preparing.usable(str(path), home, {}, preference.ROLES)
    return guessed, table, dropped


@pytest.mark.parametrize(
    ("row", "talk"),
    [
        ({"prompt": "问", "chosen": GOOD, "rejected": BAD}, [ASKED, said(GOOD)]),
        ({"prompt": "问", "chosen": [said(GOOD)], "rejected": [said(BAD)], "system": "简短"}, [{"role": "system", "content": "简短"}, ASKED, said(GOOD)]),
        ({"chosen": [ASKED, said(GOOD)], "rejected": [ASKED, said(BAD)]}, [ASKED, said(GOOD)]),
        ({"instruction": "问", "input": "", "output": [GOOD, "好", BAD], "history": [["早", "早上好"]]}, [{"role": "user", "content": "早"}, said("早上好"), ASKED, said(GOOD)]),
    ],
)  # fmt: skip
def test_every_form_becomes_pairs(tmp_path, row, talk):
    guessed, table, dropped = read(tmp_path, [{**row, "id": i} for i in range(4)])
    assert guessed["task"] == "preference-tuning" and not +dropped
    assert table["messages"].to_pylist() == [talk] * 4 and table["rejected"].to_pylist() == [BAD] * 4


def test_rows_without_two_answers_are_left_out_and_counted(tmp_path):
    good = [{"prompt": "问", "chosen": GOOD, "rejected": BAD}] * 2
    bad = [{"chosen": GOOD, "rejected": GOOD}, {"chosen": GOOD, "rejected": " "}, {"chosen": "", "rejected": BAD}]
    _, table, dropped = read(tmp_path, [*good, *({"prompt": "问", **row} for row in bad)])
    assert len(table) == 2 and dict(+dropped) == {"no_pair": 2, "answers_empty": 1}


def pairs(rows=11):
    talks = [[{"role": "user", "content": "问" * (1 + i)}, said("好" * (1 + i % 4))] for i in range(rows)]
    return pa.table({"row": list(range(rows)), "messages": pa.array(talks, conversations.TYPE), "rejected": ["坏" * (1 + i % 3) for i in range(rows)]})


def test_both_answers_are_read_after_the_same_words(tokenizer):
    encoded = preference.encode(pairs(), tokenizer, 16, None, Language())
    for number, row in enumerate(encoded):
        for name, word, most in (("", "好", 4), ("rejected_", "坏", 3)):
            ids, labels = row[name + "input_ids"], row[name + "labels"]
            assert len(ids) <= 16 and labels[0] == -100 and all(label in (-100, token) for label, token in zip(labels, ids, strict=True))
            learned = tokenizer.decode([label for label in labels if label != -100])
            assert learned == word * (1 + number % most) + "<|end|>", "the last answer alone, with its end"
        before = [ids[: labels.index(next(x for x in labels if x != -100))] for ids, labels in ((row["input_ids"], row["labels"]), (row["rejected_input_ids"], row["rejected_labels"]))]
        assert before[0] == before[1]


def weights_after(tokenizer, tmp_path, batch, accumulation=1, **parts):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("llama", vocab_size=len(tokenizer), pad_token_id=0, **SIZES["llama"])
    model = transformers.AutoModelForCausalLM.from_config(config)
    rows = preference.encode(pairs(), tokenizer, 64, None, Language())
    rows = preferring.with_reference(rows, model, tokenizer, Language(), 64, lambda: None)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=3, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, learning_rate=1e-1,
        use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True, seed=1, dataloader_pin_memory=False, optim="sgd", label_names=["labels"],
    )  # fmt: skip
    trainer = preferring.PairTrainer(
        model=model, args=arguments, train_dataset=rows, eval_dataset=rows, data_collator=preference.collator(tokenizer), compute_loss_func=preference.loss,
        lengths=[len(ids) for ids in rows["input_ids"]], texts=preference.TEXTS, shifted=True, beta=0.5, **parts,
    )  # fmt: skip
    first = trainer.evaluate()
    trainer.train()
    return first, trainer.evaluate(), torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_batch_in_parts_and_an_accumulated_one_are_one_batch(tokenizer, tmp_path):
    first, last, whole = weights_after(tokenizer, tmp_path, 11, tokens=10_000, rows=11)
    assert first["eval_loss"] == pytest.approx(math.log(2), abs=1e-4) and abs(first["eval_reward_margin"]) < 1e-3, "nothing has moved yet"
    assert last["eval_loss"] < first["eval_loss"] and last["eval_reward_margin"] > 0
    for made in ({"batch": 11, "tokens": 64, "rows": 3}, {"batch": 1, "accumulation": 11}):
        assert torch.allclose(whole, weights_after(tokenizer, tmp_path, **made)[2], atol=1e-5), made


def test_the_loss_is_that_of_the_paper():
    margins = torch.tensor([0.0, 2.0, -1.0])
    wanted = [math.log(1 + math.exp(-margin)) for margin in margins.tolist()]
    assert preference.loss(margins).item() == pytest.approx(sum(wanted) / 3, rel=1e-6)
    assert preference.loss(margins, num_items_in_batch=6).item() == pytest.approx(sum(wanted) / 6, rel=1e-6)
    other = [math.log(1 + math.exp(margin)) for margin in margins.tolist()]
    smooth = sum(0.9 * a + 0.1 * b for a, b in zip(wanted, other, strict=True)) / 3
    assert preference.loss(margins, label_smoothing=0.1).item() == pytest.approx(smooth, rel=1e-6)


@pytest.fixture
def recipe(small_lm, tmp_path):  # noqa: F811
    """As plain data: 40 pairs that are soon told apart, and four epochs."""
    rows = [{"prompt": f"{i} 号问", "chosen": f"{GOOD}{'呀' * (i % 3)}", "rejected": f"{BAD}{'呢' * (i % 4)}"} for i in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return {
        "task": "preference-tuning", "model": str(small_lm), "device": "cpu", "data": {"path": str(tmp_path / "a.jsonl"), "keep_together": "none"},
        "training": {"num_train_epochs": 4, "learning_rate": 5e-3, "bf16": False, "metric_for_best_model": "validation_reward_accuracy"},
        "language": {"samples": 1, "max_new_tokens": 4},
    }  # fmt: skip


def go_on(run, recipe=None, stop_at=None):
    """(whether it has come to its end, its events)"""
    if recipe:
        run.recipe.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    job = run.new_job("train")
    return train(Here(job, {}, ev.Writer(job.events, 1), stop_at)), ev.read(job.events)[0]


def test_lora_that_is_broken_off_ends_as_unbroken(recipe, tmp_path):
    recipe |= {"strategy": {"name": "lora", "r": 2}, "language": {"samples": 0}}
    home = Home(tmp_path / "home")
    whole, broken = home.new_run(), home.new_run()
    assert go_on(whole, recipe)[0]
    assert not go_on(broken, recipe, stop_at=18)[0] and not broken.model.exists()
    finished, events = go_on(broken)
    steps = [int(e["params"]["step"]) for e in events if e["type"] == "log" and e["key"] == "resuming"]
    assert finished and 0 < steps[0] < 8, "of two steps an epoch"
    first, second = (load_file(run.model / "adapter" / "adapter_model.safetensors") for run in (whole, broken))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=1e-6, rtol=0)
    assert any(value.abs().max() > 1e-3 for name, value in first.items() if "lora_B" in name), "it has learned"
    margins = [json.loads(run.report.read_text())["splits"]["test"]["metrics"]["reward_margin"] for run in (whole, broken)]
    assert margins[0] == pytest.approx(margins[1], abs=1e-4), "what it was before was reckoned of the base model both times"


@pytest.mark.slow
def test_two_processes_prefer_as_one(recipe, tmp_path):
    curves = []
    for launcher in ("local", "torchrun"):
        parts = {"launcher": launcher, "training": recipe["training"] | {"logging_steps": 1}}
        run = jobs.start_training(build(recipe | parts), Home(tmp_path / launcher))
        wait_for(lambda run=run: jobs.state(run.training()) in ev.TERMINAL, timeout=200)
        assert jobs.state(run.training()) == ev.FINISHED, run.training().log.read_text()
        curves.append([e["values"] for e in ev.read(run.training().events)[0] if e["type"] == "metric"])
    assert len(curves[0]) == len(curves[1]) > 8
    for one, other in zip(*curves, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-3)


def test_the_whole_way(recipe, tmp_path):
    run = Home(tmp_path / "home").new_run()
    finished, events = go_on(run, recipe)
    assert finished
    report = json.loads(run.report.read_text())
    test = report["splits"]["test"]
    assert test["metrics"]["reward_accuracy"] == 1 and test["metrics"]["reward_margin"] > 0.5 and sum(test["margins"]["counts"]) == test["rows"] == 8
    assert set(report["baseline"]["metrics"]) == {"loss", "perplexity", "preference_accuracy"}, "before tuning there is nothing to compare with"
    curve = [e["values"] for e in events if e["type"] == "metric" and "validation_reward_margin" in e["values"]]
    assert curve[-1]["validation_reward_margin"] > 0.5 and curve[-1]["validation_loss"] < math.log(2)
    shows_it(run.home, run, ("text",))

    from ftui.serve.app import create

    with TestClient(create({"model": run.model})) as client:
        asked = {"messages": [{"role": "user", "content": "3 号问"}], "max_tokens": 4}
        assert client.post("/v1/chat/completions", json=asked).json()["choices"][0]["message"]["role"] == "assistant"


def test_it_goes_small_steps_by_default():
    made = build({"task": "preference-tuning", "data": {"path": "x"}})
    assert made.learning_rate(5_000_000) == pytest.approx(4e-5) and made.epochs(100) == 3
