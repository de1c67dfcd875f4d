"""A search on the page: its form, its trials as they come, and the way back to the form."""

import json

import gradio as gr
import pytest
import yaml

from ftui import jobs
from ftui.core import events as ev
from ftui.core import recipe, search
from ftui.core.estimate import Estimate
from ftui.jobs import races, searches
from ftui.ui import evaluation_tab, filling, form, log_tab, planning, sidebar
from ftui.ui import search as part
from tests.ui.conftest import make_run, reading_of
from tests.ui.test_tabs import VALUES, changed


def trial(number: int, state: str, rate: float, score: float | None, **more: object) -> dict:
    settings = {"training.learning_rate": rate, "training.num_train_epochs": 5.0}
    scores = [] if score is None else [[1.0, score]]
    return {"number": number, "state": state, "settings": settings, "score": score, "scores": scores, "seconds": 10.0, **more}


@pytest.fixture
def sought(home, dataset):
    """A search that goes on: two complete trials, one given up, one failed, one that runs."""
    run, job, events = make_run(home, dataset, "frozen")
    content = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    run.recipe.write_text(recipe.dump(recipe.build(content | {"search": {"minutes": 3}})), encoding="utf-8")
    events.state(ev.RUNNING)
    for told in (
        trial(0, "running", 1e-3, None), trial(0, "complete", 1e-3, 0.7), trial(1, "complete", 3.42e-4, 0.8), trial(2, "pruned", 1e-4, 0.3),
        trial(3, "failed", 8e-3, None, reason={"code": "loss_not_finite", "params": {"step": "4"}}), trial(4, "running", 2e-3, 0.6),
    ):  # fmt: skip
        events.write("trial", **told)
    events.metric(2, 0, {"validation_f1_macro": 0.8})
    events.progress(phase="searching", step=300, max_steps=1000, epoch=0, trial=5, trials=30, seconds=54, budget=180)
    return run, job, events


def test_what_a_search_has_found_by_now(home, sought):
    told = searches.told(sought[0])
    assert told["metric"] == "validation_f1_macro" and [t["state"] for t in told["trials"]] == ["complete", "complete", "pruned", "failed", "running"]
    assert (told["best"]["number"], told["own"]["number"]) == (2, 1) and [t["ended"] for t in told["trials"]] == [10, 20, 30, 40, 50]
    found = searches.found(sought[0])
    assert found.search is None and (found.training.learning_rate, found.strategy.name) == (3.42e-4, "frozen")


def test_the_log_tab_shows_trials_in_the_place_of_curves(home, sought):
    run, _, events = sought
    names = ("curves", "search", "best", "use", "by_setting", "by_time", "trials")
    sent = log_tab.tick(home, "en", run.id, False, 0.0, log_tab.NEVER)
    shown = dict(zip(names, sent[-len(names) :], strict=True))
    assert not shown["curves"].visible and shown["search"].visible and shown["use"].visible
    assert "trial 5 of at most 30 · 54 s of 3 min 00 s" in sent[5] and "Stop keeps" in sent[5]
    assert "0.800" in shown["best"] and "3.42e-4" in shown["best"] and "reach 0.700" in shown["best"]
    rows = shown["trials"].split("<tr>")[2:]
    assert ["0.600" in rows[0], "0.800 ★" in rows[1], "0.700" in rows[2], "0.300" in rows[3]] == [True] * 4
    assert "no longer a number" in rows[4] or "loss" in rows[4].lower()
    points = {trace["name"]: trace["x"] for trace in json.loads(shown["by_setting"])["data"]}
    assert points == {"best": [3.42e-4], "complete": [1e-3], "given up or unfinished": [1e-4, 2e-3]}
    assert json.loads(shown["by_time"])["data"][-1]["y"] == [0.7, 0.8]
    events.state(ev.FINISHED)
    sent = log_tab.tick(home, "zh", run.id, False, 0.0, sent[0])
    assert not sent[9].visible and "共 4 次试验" in sent[5] and "未完成" in sent[-1]  # no evaluation to see; what still ran has not ended


def test_it_is_listed_as_what_it_is_and_races_with_nobody(home, sought, finished):
    listed = sidebar.runs(home, "en", "", "", "", "")[0]
    assert "search · Frozen · starter-encoder" in listed and "30%" in listed
    assert sidebar.name_of(jobs.summary(sought[0]), "zh") == "reviews.csv · 冻结 · 搜索设置"
    assert races.standing(finished) is None and races.standing(sought[0]) is None
    assert "leaves no model" in evaluation_tab.show(home, "en", sought[0].id, None)[0].value


def test_one_click_fills_the_form(home, dataset, sought):
    taken, tab = part.use(home, "en", sought[0].id)
    assert taken == sought[0].id and tab.selected == "tune"
    notice, *rest = filling.clone(home, "en", taken, dataset.id)
    values = form.named(rest[-len(form.FIELDS) :])
    assert "best settings" in notice and values["training.learning_rate"] == "0.000342" and values["training.num_train_epochs"] == "5"
    assert values["strategy.name"] == "frozen"


def test_the_form_says_what_to_expect_and_what_can_vary(home, dataset):
    assert [name for _, name in part.choices("lora", "en")] == [*search.ANY, "r"]
    assert part.suit(home, "en", "bitfit").value == ["learning_rate", "num_train_epochs"]
    cost = Estimate((20.0, 40.0), "same", 0, 0)
    assert "about 15–30 trials" in part.expected(cost, 10, 50, "en") and "allow more minutes" in part.expected(cost, 0.2, 50, "en")
    assert "15–20" in part.expected(cost, 10, 20, "en") and part.expected(Estimate(None, "guess", 0, 0), 10, 5, "en") == ""
    opened, note = planning.open_search(home, "en", dataset.id, reading_of("评论内容", "情感标签"), 0.2, 0.1, *VALUES, 10, 30, [])
    assert opened.visible and "One trial takes" in note


@pytest.mark.parametrize(
    ("minutes", "trials", "vary", "words"),
    [(0, 30, [], "greater than 0"), (None, 30, [], "greater than 0"), (5, 0, [], "at least 1"), (5, 30, ["layer_decay"], "no effect")],
)
def test_what_is_wrong_is_said_at_the_form(home, dataset, minutes, trials, vary, words):
    values = changed("strategy.name", "frozen")
    notice, run, _ = planning.start_search(home, "en", dataset.id, reading_of("评论内容", "情感标签"), 0.2, 0.1, *values, minutes, trials, vary)
    assert words in notice and run == gr.skip() and not home.all_runs()
