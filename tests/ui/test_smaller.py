"""The part of the Export tab that makes smaller models: what came of a run, and what the buttons start."""

import json

import pytest

from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import write_json
from ftui.jobs import ensembles
from ftui.ui import filling, form, smaller
from tests.ui.conftest import make_run

ONE = {
    "parameters": 7_600_000,
    "bytes": 30_400_000,
    "metrics": {"f1_macro": 0.9, "accuracy": 0.91},
    "latency_ms": {"p50": 6.0, "p95": 8.0},
    "throughput": 200.0,
}
HALF = ONE | {
    "parameters": 4_000_000,
    "bytes": 16_000_000,
    "metrics": {"f1_macro": 0.89, "accuracy": 0.9},
    "latency_ms": {"p50": 3.0, "p95": 4.0},
}


@pytest.fixture
def source(finished):
    """The finished run as a model of four layers."""
    config = {
        "model_type": "bert",
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "vocab_size": 100,
        "num_attention_heads": 4,
    }
    (finished.model / "config.json").write_text(json.dumps(config))
    (finished.model / "ftui.json").write_text(json.dumps({"task": "text-classification", "labels": ["正面", "负面"]}))
    return finished


@pytest.fixture
def student(home, dataset, source):
    run, _, _ = make_run(home, dataset)
    run.model.mkdir()
    run.recipe.write_text(recipes.dump(smaller.smaller.student(source)), encoding="utf-8")
    told = {"source": source.id, "split": "test", "rows": 60, "agreement": 0.95, "before": ONE, "after": HALF}
    write_json(run.path / "before_after.json", {"version": 1, **told})
    return run


def test_what_came_of_a_run_is_shown_beside_it(home, source, student):
    for run in (source, student):
        table = smaller.show(home, "en", run.id)[0]
        assert "2.0×" in table and "95.0%" in table
        assert "0.910" in table and "0.900" in table
        assert "→ 2 L" in table, "a smaller model is named after its source"


def test_a_run_of_which_nothing_was_made_says_so(home, source):
    table, members, ways, notice, layers, stay = smaller.show(home, "en", source.id)
    assert "Nothing has been made" in table
    assert (layers.maximum, layers.value, stay.value) == (4, 2, 4)
    assert ways.visible and not members and not notice


@pytest.mark.parametrize("task", ["text-generation", "fill-mask"])
def test_a_model_that_writes_is_offered_nothing_that_is_refused(home, source, task):
    made = recipes.load(source.recipe).model_copy(update={"task": task})
    source.recipe.write_text(recipes.dump(made), encoding="utf-8")
    told, _, ways, *_ = smaller.show(home, "en", source.id)
    assert "are for models that decide" in told and not ways.visible
    with pytest.raises(UserError) as caught:
        ensembles.start(source)
    assert caught.value.code == "smaller_speaks" and home.all_runs() == [source]


def test_an_ensembles_members_are_shown_with_their_spread(home, source):
    (source.model / "config.json").unlink()
    lines = [{"run": "gone", "seed": seed, "metrics": {"accuracy": value}} for seed, value in ((42, 0.9), (43, 0.92))]
    spread = {"accuracy": {"mean": 0.91, "sd": 0.014, "least": 0.9, "most": 0.92}}
    write_json(
        source.path / "ensemble.json",
        {"vote": "soft", "split": "test", "members": lines, "spread": spread, "metrics": {"accuracy": 0.93}},
    )
    shown = smaller.show(home, "en", source.id)
    assert "0.910 ± 0.014" in shown[1] and "0.930" in shown[1]
    assert not shown[2].visible, "an ensemble has no layers to take away"


def test_pruning_nothing_starts_nothing(home, source):
    notice, run, _ = smaller.make_pruned(home, "en", source.id, 4, 1.0, "all", 0.0, True)
    assert "Nothing would go" in notice and not isinstance(run, str)
    assert home.all_runs() == [source]


def test_the_form_takes_a_student_and_says_the_same(home, source, dataset):
    wish, _ = smaller.adjust(home, "en", source.id, None)
    (
        notice,
        *_,
    ) = filling.clone(home, "en", wish, dataset.id)
    assert "student" in notice
    values = filling.clone(home, "en", wish, dataset.id)[-len(form.FIELDS) :]
    content = form.content(form.named(values))
    content["data"] |= {"path": "x"}
    made = recipes.build(content)
    assert made.model == f"run:{source.id}"
    assert (made.distil, made.prune) == (recipes.Distil(teacher=source.id), recipes.Prune(layers=2))
    wish, _ = smaller.adjust(home, "en", source.id, "starter-encoder")
    assert form.named(filling.clone(home, "en", wish, dataset.id)[-len(form.FIELDS) :])["model"] == "starter-encoder"
