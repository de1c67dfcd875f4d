"""Several runs answer as one: votes are what they are called, the spread is the members', and all doors take it."""

import json
import shutil
import statistics

import numpy as np
import pytest

from ftui.artifacts import exporting, runtimes
from ftui.artifacts.predicting import Predictor
from ftui.core import events as ev
from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.jobs import ensembles
from ftui.training import distilling
from tests.conftest import wait_for


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def test_votes():
    rng = np.random.default_rng(0)
    said = tuple(rng.normal(size=(4, 3)) for _ in range(3))
    mean = np.mean([softmax(one) for one in said], 0)
    np.testing.assert_allclose(softmax(runtimes._vote(said, False, None)), mean, rtol=1e-9)
    shares = np.mean([np.eye(3)[one.argmax(-1)] for one in said], 0)
    np.testing.assert_allclose(softmax(runtimes._vote(said, True, None)), shares, atol=1e-8)
    numbers = tuple(np.array([[value]]) for value in (1.0, 2.0, 9.0))
    assert runtimes._vote(numbers, False, "regression").item() == pytest.approx(4)
    assert runtimes._vote(numbers, True, "regression").item() == 2
    many = runtimes._vote((np.array([[3.0, -3.0]]), np.array([[1.0, 2.0]])), False, "multi_label_classification")
    sigmoid = 1 / (1 + np.exp(-np.array([[3.0, -3.0], [1.0, 2.0]])))
    np.testing.assert_allclose(1 / (1 + np.exp(-many)), sigmoid.mean(0, keepdims=True), rtol=1e-6)


def test_an_ensemble_is_one_model(train_here):
    members = [train_here(max_steps=6, seed=seed).run for seed in (42, 43)]
    done = train_here(sections={"ensemble": {"members": [member.id for member in members], "vote": "soft"}}, max_steps=6)
    run = done.run
    assert done.finished
    told = json.loads((run.path / "ensemble.json").read_text(encoding="utf-8"))
    assert [one["seed"] for one in told["members"]] == [42, 43]
    own = [json.loads(member.report.read_text(encoding="utf-8"))["splits"]["test"]["metrics"]["accuracy"] for member in members]
    assert told["spread"]["accuracy"]["mean"] == pytest.approx(statistics.mean(own))
    assert told["spread"]["accuracy"]["sd"] == pytest.approx(statistics.stdev(own))
    asked = [{"text": "很好 喜欢 the thing"}, {"text": "awful 糟糕"}]
    together = Predictor(run.model).predict(asked)
    apart = [Predictor(member.model).predict(asked) for member in members]
    for n, answer in enumerate(together):
        for label, score in answer["scores"].items():
            assert score == pytest.approx(np.mean([one[n]["scores"][label] for one in apart]), abs=1e-6)
    assert exporting.found(run)["model"] == run.model
    with pytest.raises(UserError) as caught:
        exporting.check(run, "onnx")
    assert caught.value.code == "ensemble_no_export"
    with pytest.raises(UserError) as caught:
        run.home.base(f"run:{run.id}")
    assert caught.value.code == "base_run_without_model"
    with pytest.raises(UserError) as caught:
        ensembles.start(run)
    assert caught.value.code == "ensemble_of_ensembles"
    student = train_here(sections={"distil": {"teacher": run.id, "weight": 1.0}}, max_steps=3)
    assert student.finished and distilling.PLACE not in student.weights()


def test_a_member_that_will_never_come_is_named(train_here):
    whole = train_here(max_steps=2).run
    stopped = train_here(max_steps=6, stop_at=2)
    ev.Writer(stopped.run.training().events, 1).state(ev.STOPPED)
    with pytest.raises(UserError) as caught:
        train_here(sections={"ensemble": {"members": [whole.id, stopped.run.id]}})
    assert caught.value.code == "ensemble_member_failed"
    assert caught.value.params == {"run": stopped.run.id, "state": languages.state("stopped")}


def test_a_member_whose_evaluation_failed_is_named_before_anything_is_joined(train_here):
    members = [train_here(max_steps=2, seed=seed).run for seed in (1, 2)]
    members[1].report.unlink()
    ev.Writer(members[1].training().events, 1).state(ev.FAILED)
    with pytest.raises(UserError) as caught:
        train_here(sections={"ensemble": {"members": [run.id for run in members]}})
    assert caught.value.params == {"run": members[1].id, "state": {"en": "failed", "zh": "失败"}}


def test_one_click_queues_further_seeds_and_the_ensemble_behind_them(trained, monkeypatch):
    """No place in the queue: what is started waits, and is taken back."""
    from ftui import jobs

    monkeypatch.setenv("FTUI_SLOTS", "0")
    run = trained["run"]
    made = ensembles.start(run, seeds=3, vote="hard")
    recipe = recipes.load(made.recipe)
    others = [run.home.run(name) for name in recipe.ensemble.members]
    try:
        assert others[0] == run and recipe.ensemble.vote == "hard"
        assert [recipes.load(other.recipe).training.seed for other in others] == [42, 43, 44]
        assert jobs.summary(made)["name"].endswith("× 3")
        wait_for(lambda: len(jobs.queue.waiting(run.home)) == 3)
        assert jobs.queue.waiting(run.home) == [other.id for other in others[1:]] + [made.id]
    finally:
        for one in [*others[1:], made]:
            jobs.stop(one.training())
            wait_for(lambda one=one: jobs.state(one.training()) == ev.STOPPED)
            jobs.delete(one)


@pytest.mark.slow
def test_the_whole_way_through_workers_and_the_server(trained):
    """The command line trains the other seed and the ensemble; the server answers as the predictor does."""
    import threading

    import httpx
    import uvicorn

    from ftui.serve import server as serving
    from ftui.serve.app import create
    from tests.conftest import cli

    home = trained["home"]
    line, _ = map(json.loads, cli("ensemble", trained["run"].id, "--seeds", "2", home=home.path).stdout.strip().splitlines())
    run = home.run(line["run"])
    assert len(json.loads((run.path / "ensemble.json").read_text(encoding="utf-8"))["members"]) == 2
    server = uvicorn.Server(serving.config(create({"both": run.model}), ""))
    listener = serving.listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    asked = ["很好 喜欢 the thing", "awful 糟糕"]
    answered = httpx.post(f"http://127.0.0.1:{listener.getsockname()[1]}/predict", json={"texts": asked}).json()["results"]
    server.should_exit = True
    thread.join(30)
    expected = Predictor(run.model).predict([{"text": text} for text in asked])
    for one, other in zip(answered, expected, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)


def test_in_a_demo_a_visitors_own_run_can_be_a_base_and_no_one_elses(trained, toy_csv, tmp_path, monkeypatch):
    from ftui import jobs
    from ftui.core.access import DEMO
    from ftui.core.home import Home
    from ftui.data import intake

    monkeypatch.setenv("FTUI_SLOTS", "0")
    own, other = Home(tmp_path / "own"), Home(tmp_path / "other")
    there = own.runs / trained["run"].id
    there.parent.mkdir(parents=True)
    shutil.copytree(trained["run"].path, there)

    def wish(home):
        data = intake.import_file(toy_csv, home)
        return recipes.build({"model": f"run:{trained['run'].id}", "data": {"path": str(data.path)}, "training": {"max_steps": 1}})

    with pytest.raises(UserError) as caught:
        jobs.start_training(wish(other), other, way=DEMO)
    assert caught.value.code == "run_unknown" and other.all_runs() == []
    made = jobs.start_training(wish(own), own, way=DEMO)
    assert recipes.load(made.recipe).model == f"run:{trained['run'].id}"
    jobs.stop(made.training())
    wait_for(lambda: jobs.state(made.training()) == ev.STOPPED)
