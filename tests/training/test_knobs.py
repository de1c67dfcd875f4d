"""Every setting of `training` does what it says."""

import json
import math

import pytest
import torch
import transformers

from ftui.core import recipe as r
from ftui.training import models, rates, strategies
from ftui.training.trainer import GroupedTrainer
from tests.training.test_strategies import SIZES, build

# A setting's value that is not the default, or the settings before and after where it needs others.
CHANGES = {
    "num_train_epochs": 3,
    "learning_rate": 1e-4,
    "per_device_train_batch_size": 8,
    "max_length": 5,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 4,
    "gradient_accumulation_steps": 2,
    "max_grad_norm": 0.5,
    "adam_beta1": 0.8,
    "adam_beta2": 0.99,
    "adam_epsilon": 1e-6,
    "max_steps": 7,
    "weight_decay": 0.1,
    "label_smoothing_factor": 0.1,
    "class_weights": "balanced",
    "classifier_dropout": 0.3,
    "early_stopping_patience": 2,
    "metric_for_best_model": "validation_f1_macro",
    "bf16": True,
    "fp16": True,
    "gradient_checkpointing": True,
    "cache_frozen": False,
    "per_device_eval_batch_size": 5,
    "eval_strategy": ({}, {"eval_strategy": "steps", "eval_steps": 5}),
    "eval_steps": ({"eval_strategy": "steps", "eval_steps": 5}, {"eval_strategy": "steps", "eval_steps": 6}),
    "logging_steps": 3,
    "save_total_limit": 4,
    "seed": 7,
}


class Enough(Exception):
    pass


@pytest.fixture
def given(train_here, monkeypatch):
    """All that a Trainer is given for these settings."""

    def collect(**training: object) -> dict:
        found: dict = {}

        class Listening:
            def __init__(self, **options):
                found.update(options)
                raise Enough

        monkeypatch.setattr("ftui.training.trainer.GroupedTrainer", Listening)
        with pytest.raises(Enough):
            train_here({"name": "frozen"}, **training)
        arguments = {k: str(v) for k, v in found["args"].to_dict().items() if k not in ("output_dir", "logging_dir")}
        return arguments | {
            "loss": found["compute_loss_func"].keywords,
            "callbacks": [type(c).__name__ + str(getattr(c, "early_stopping_patience", "")) for c in found["callbacks"]],
            "lengths": found["lengths"],
            "features": bool(found["features"]),
            "dropout": found["model"].dropout.p,
        }

    return collect


def test_no_setting_is_forgotten_here():
    assert set(CHANGES) == set(r.Training.model_fields)


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_reaches_the_training(given, name):
    change = CHANGES[name]
    before, after = change if isinstance(change, tuple) else ({}, {name: change})
    assert given(**before) != given(**after)


def test_the_optimiser_is_the_fused_adamw(given):
    assert given()["optim"].endswith("adamw_torch_fused")


@pytest.mark.parametrize(("wanted", "fp16"), [("auto", True), (False, False), (False, True)])
def test_bf16_gives_way(wanted, fp16):
    assert models.bf16(wanted, "cpu", fp16) is False


# ---- what they do


def learning_rates(train_here, **training) -> list[float]:
    done = train_here({"name": "frozen"}, learning_rate=1e-3, logging_steps=1, max_steps=10, **training)
    return done.curve("learning_rate")


@pytest.mark.parametrize(
    ("kind", "last"),
    [
        ("linear", 1e-3 / 8),
        ("cosine", 1e-3 * 0.5 * (1 + math.cos(math.pi * 7 / 8))),
        ("polynomial", 1e-3 / 8),
        ("constant_with_warmup", 1e-3),
        ("constant", 1e-3),
    ],
)
def test_schedules_and_warm_up(train_here, kind, last):
    curve = learning_rates(train_here, lr_scheduler_type=kind, warmup_steps=2)
    assert len(curve) == 10
    assert curve[:3] == pytest.approx([1e-3] * 3 if kind == "constant" else [0, 5e-4, 1e-3])
    assert curve[-1] == pytest.approx(last, rel=1e-3)
    assert curve[2:] == sorted(curve[2:], reverse=True)


def trainer(model, tmp_path, shares=None, **options) -> GroupedTrainer:
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True, **options
    )
    return GroupedTrainer(model=model, args=arguments, lengths=[8] * 8, shares=shares, train_dataset=rows(8))


def rows(count: int) -> list[dict]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 50, (count, 8), generator=generator).tolist()
    return [{"input_ids": row, "attention_mask": [1] * 8, "labels": i % 2} for i, row in enumerate(ids)]


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("layer_decay", [1.0, 0.9])
def test_weight_decay_spares_biases_and_norms(family, layer_decay, tmp_path):
    model = build(family)
    names = {id(p): name for name, p in model.named_parameters()}
    shares = rates.shares(model, r.Full(layer_decay=layer_decay))
    optimizer = trainer(model, tmp_path, shares, weight_decay=0.1).create_optimizer()
    found = {names[id(p)]: group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert set(found) == set(names.values())
    for name, decay in found.items():
        spared = name.endswith("bias") or "norm" in name.lower() or "ln_" in name
        assert decay == (0 if spared else 0.1), name


def test_gradients_are_clipped(tmp_path):
    lengths = []

    class Look(transformers.TrainerCallback):
        def on_optimizer_step(self, args, state, control, model=None, **_):  # the optimiser shortens them as it reads them
            lengths.append(float(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm()))

    for limit in (0.0, 1e-3):
        torch.manual_seed(0)
        made = trainer(build("bert"), tmp_path, max_steps=1, max_grad_norm=limit)
        made.add_callback(Look())
        made.train()
    free, clipped = lengths
    assert free > 0.01
    assert clipped == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("family", SIZES)
def test_encoders_heads_have_dropout(family):
    config = build(family).config
    fields = [name for name in models.HEAD_DROPOUTS if hasattr(config, name)]
    for name in fields:
        setattr(config, name, 0.37)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    head = [m for name, child in model.named_children() if name != model.base_model_prefix for m in child.modules()]
    found = any(getattr(m, "p", None) == 0.37 or getattr(getattr(m, "dropout", None), "p", None) == 0.37 for m in head)
    assert found == bool(fields) == (family not in ("gpt2", "llama"))


def test_early_stopping_waits_as_long_as_it_says(train_here):
    done = train_here(num_train_epochs=9, learning_rate=1e-12, early_stopping_patience=2)
    assert done.logged("stopped_early")[0]["patience"] == 2
    assert len(done.curve("validation_loss")) == 3  # one to compare with, two without improvement


def test_the_best_checkpoint_is_what_is_kept(train_here):
    options = {"lr_scheduler_type": "constant", "save_total_limit": 1, "metric_for_best_model": "validation_loss"}
    done = train_here(num_train_epochs=4, learning_rate=0.05, **options)
    losses = done.curve("validation_loss")
    assert losses.index(min(losses)) < 3, "the last is the best: this tests nothing"
    best = json.loads(done.run.report.read_text(encoding="utf-8"))["best"]
    assert best["value"] == pytest.approx(min(losses))
    assert saved_loss(done) == pytest.approx(min(losses), rel=1e-4)


def test_few_rows_choose_no_checkpoint(train_here):
    done = train_here(num_train_epochs=4, learning_rate=0.05, lr_scheduler_type="constant")
    losses = done.curve("validation_loss")
    assert losses.index(min(losses)) < 3, "the last is the best: this tests nothing"
    assert done.logged("last_kept")[0]["rows"] < 100
    assert saved_loss(done) == pytest.approx(losses[-1], rel=1e-4)


def saved_loss(done) -> float:
    """Cross-entropy of the saved model's own predictions on the validation rows."""
    import pyarrow.parquet as pq

    table = pq.read_table(done.run.predictions).to_pylist()
    mine = [row for row in table if row["split"] == "validation"]
    labels = sorted({row["label"] for row in table})
    return sum(-math.log(row["scores"][labels.index(row["label"])]) for row in mine) / len(mine)


@pytest.mark.parametrize(
    "strategy",
    [{"name": "full"}, {"name": "last_n", "n": 1}, {"name": "gradual"}, {"name": "lora", "r": 4, "target_modules": "all-linear"}],
    ids=lambda s: s["name"],
)
def test_checkpointing_of_activations_changes_nothing_but_memory(train_here, strategy):
    plain = train_here(strategy, max_steps=6).weights()
    sparing = train_here(strategy, max_steps=6, gradient_checkpointing=True).weights()
    for name in plain:
        torch.testing.assert_close(sparing[name], plain[name], atol=1e-6, rtol=0, msg=name)


def test_seed_and_precision(train_here):
    def head(**training) -> torch.Tensor:
        return train_here(max_steps=6, **training).weights()["bert.pooler.dense.weight"]

    plain, half = head(), head(bf16=True)
    torch.testing.assert_close(head(), plain, atol=0, rtol=0)
    assert not torch.equal(head(seed=43), plain)
    assert half.dtype == torch.float32
    assert not torch.equal(half, plain)
    torch.testing.assert_close(half, plain, atol=0.02, rtol=0)


def test_strategies_know_their_rates():
    assert set(r.LEARNING_RATES) == set(r.STRATEGIES) == set(strategies.STRATEGIES)


def test_a_head_without_dropout_is_told(toy_model, tmp_path):
    from ftui.core import events as ev
    from ftui.tasks import text_classification as task

    folder = tmp_path / "gpt2"
    build("gpt2").save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(toy_model).save_pretrained(folder)
    recipe = r.build({"data": {"path": "x"}, "training": {"classifier_dropout": 0.3}})
    events = ev.Writer(tmp_path / "events.jsonl", 1)
    models.load(str(folder), recipe, lambda source, **o: task.load_model(source, ["a", "b"], **o), events)
    assert [e["key"] for e in ev.read(events.path)[0]] == ["no_head_dropout"]
