"""What has come of a training: the score with its meaning, and whether it has overfitted."""

import json

from ftui.core import events as ev
from ftui.core.home import Home
from ftui.jobs.following import follow
from ftui.ui import lines, naming, outcome, workshop
from tests.ui.conftest import reading_of

READING = reading_of("评论内容", "情感标签")
LOSSES = [0.9, 0.6, 0.5, 0.55, 0.7]


def validated(events, losses):
    for i, loss in enumerate(losses):
        events.metric(10 * (i + 1), i + 1, {"validation_loss": loss})


def test_a_loss_that_turns_up_is_overfitting(home: Home, running):
    run, job, events = running
    validated(events, LOSSES)
    assert outcome.overfitted(follow(job)) == (30, 0.5, 0.7)
    told = outcome.told(run, follow(job), ev.RUNNING, "en")
    assert "step 30 (0.500)" in told and "0.700" in told and "kept" not in told


def test_a_loss_that_falls_or_wavers_is_none(home: Home, running):
    _, job, events = running
    validated(events, [0.9, 0.6, 0.5, 0.51, 0.52])
    assert outcome.overfitted(follow(job)) is None


def test_a_score_that_holds_is_no_overfitting(home: Home, running):
    run, job, events = running
    validated(events, LOSSES)
    for step, score in ((30, 0.8), (50, 0.79)):
        events.metric(step, 5, {"validation_f1_macro": score})
    told = outcome.told(run, follow(job), ev.RUNNING, "en")
    assert "the score has held" in told and "overfitting" not in told
    events.metric(60, 6, {"validation_f1_macro": 0.7})
    assert "overfitting" in outcome.told(run, follow(job), ev.RUNNING, "en")


def test_which_checkpoint_is_kept(home: Home, running):
    run, job, events = running
    validated(events, LOSSES)
    for value, words in ((0.5, "第 30 步的检查点"), (None, "最后的检查点（第 30 步）")):
        run.report.write_text(json.dumps({"best": {"step": 30, "value": value}}))
        assert words in outcome.told(run, follow(job), ev.FINISHED, "zh")


def test_the_score_says_what_it_means_and_what_a_simple_model_reaches(home: Home, finished):
    report = json.loads(finished.report.read_text(encoding="utf-8"))
    finished.report.write_text(json.dumps(report | {"baseline": {"split": "test", "metrics": {"f1_macro": 0.4321}}}))
    told = outcome.score(finished, "en")
    assert "F1 (macro)" in told and "1 is perfect" in told and "0.432" in told


def test_the_log_speaks_of_metrics_and_steps_as_the_pages_do():
    event = {"type": "log", "key": "evaluated", "params": {"epoch": 1, "metrics": "f1_macro 0.5000, mcc 0.1000"}}
    assert "F1（宏平均） 0.5000" in lines.sentence(event, "zh") and "mcc" not in lines.sentence(event, "zh")
    event = {"type": "log", "key": "best", "params": {"step": 3, "metric": "validation_loss", "value": "0.5"}}
    assert "validation_loss" not in lines.sentence(event, "en")
    event = {"type": "log", "key": "cleaned", "params": {"step": "drop_duplicates", "changed": 0, "dropped": 2}}
    assert "drop_duplicates" not in lines.sentence(event, "en")


class TestNaming:
    def test_labels_become_a_step(self, home: Home, dataset):
        section, typed = naming.show(home, "en", dataset.id, READING, "{}")
        first, second = (line.partition(" = ")[0] for line in typed.splitlines())
        assert section.visible and not section.open
        plan, notice = naming.name(home, "en", dataset.id, "{}", f"{first} = {first}\n{second} = 好")
        assert notice == "" and json.loads(plan)["clean"] == [{"name": "merge_labels", "labels": {second: "好"}}]
        assert "好" in naming.labels(home, dataset.id, READING, plan)
        assert f"{second} → 好" in workshop.inspect(home, "zh", dataset.id, READING, plan)[1]
        assert naming.name(home, "en", dataset.id, plan, f"{first} = {first}")[1] == ""
