"""Quality against time: only runs on the same rows, with what simple models reach."""

import json

import pytest

from ftui.core import events as ev
from ftui.core import recipe
from ftui.jobs import races
from ftui.ui import race
from tests.ui.conftest import make_run


@pytest.fixture
def rival(home, dataset, finished):
    """A second finished run on the same split, better and slower; and a ladder in the first one's report."""
    run, _, events = make_run(home, dataset, "lora")
    events.state(ev.RUNNING)
    events.metric(30, 3, {"test_f1_macro": 0.9, "test_accuracy": 0.9})
    events.state(ev.FINISHED, exit_code=0)
    report = json.loads(finished.report.read_text())
    simple = {"name": "tfidf_logistic_regression", "split": "test", "rows": 10, "seconds": 2.0, "metrics": {"f1_macro": 0.7}, "majority": {"label": "a", "metrics": {"f1_macro": 0.4}}}
    finished.report.write_text(json.dumps({**report, "baseline": simple}))
    probe = {"name": "linear_probe", "model": "starter-encoder", "rows": 10, "seconds": 71.0, "metrics": {"f1_macro": 0.75}}
    run.report.write_text(json.dumps({**report, "baseline": simple, "probe": probe}))
    return run


def test_alone_there_is_nothing_to_show(home, finished):
    assert races.standing(finished) is None and [line["id"] for line in races.standing(finished, fewest=1)["runs"]] == [finished.id]
    assert not race.show(home, "en", finished.id)[0].visible and not race.show(home, "en", "")[0].visible


def test_runs_and_ladder(home, finished, rival):
    part, drawn, table = race.show(home, "zh", finished.id)
    assert part.visible and "LoRA" in drawn and "TF-IDF" in drawn
    assert json.loads(drawn)["data"][0]["y"] in ([0.81, 0.9], [0.9, 0.81])
    assert json.loads(drawn)["data"][1] | {"x": [71.0], "y": [0.75]} == json.loads(drawn)["data"][1]
    assert [(step["name"], step["model"], step["seconds"], step["value"]) for step in races.standing(finished)["ladder"]] == [
        ("majority", None, None, 0.4), ("tfidf_logistic_regression", None, 2.0, 0.7), ("linear_probe", "starter-encoder", 71.0, 0.75),
    ]  # fmt: skip
    assert "冻结编码器 + 逻辑回归" in table and "1 分 11 秒" in table and "0.750" in table
    assert "0.900 ★" in table and "0.810 ★" not in table and "0.400" in table and "总是判为最常见的标签" in table


def test_other_rows_are_another_race(home, dataset, finished, rival):
    content = {"data": {"path": f"../../datasets/{dataset.id}", "test_size": 0.3}}
    rival.recipe.write_text(recipe.dump(recipe.build(content)), encoding="utf-8")
    assert races.standing(finished) is None
    content["data"] |= {"test_size": 0.2, "balance": "oversample"}  # the rows that are tested stay the same
    rival.recipe.write_text(recipe.dump(recipe.build(content)), encoding="utf-8")
    assert len(races.standing(finished)["runs"]) == 2


def test_what_goes_on_is_listed_without_a_score(home, finished, running):
    told = races.standing(finished)
    assert [line["value"] for line in told["runs"]] == [0.81, None]
    assert "–" in race.table(told, finished.id, "en")
