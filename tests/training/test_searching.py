"""A search: trials of one process, judged on the validation rows; what stops, fails or is killed loses no trial."""

import pytest

from ftui.core import events as ev
from ftui.core import recipe, search
from ftui.core.context import Context
from ftui.core.errors import UserError
from ftui.training import searching
from ftui.training.run import train

FROZEN = {"name": "frozen"}
QUICK = {"num_train_epochs": 1, "per_device_train_batch_size": 54}  # four updates


def ended(events: list[dict]) -> dict[int, dict]:
    """The newest event of each trial."""
    return {event["number"]: event for event in events if event["type"] == "trial"}


@pytest.mark.parametrize("strategy", [FROZEN, {"name": "full", "layer_decay": 0.9}])
def test_trials_are_judged_on_validation_rows_and_leave_no_model(train_here, strategy):
    done = train_here(strategy, sections={"search": {"minutes": 5, "trials": 4}}, **QUICK)
    trials = ended(done.events)
    assert done.finished and list(trials) == [0, 1, 2, 3] and not done.run.model.exists() and not done.run.checkpoints.exists()
    assert trials[0]["settings"]["training.learning_rate"] == 3e-3 and trials[0]["settings"]["training.num_train_epochs"] == 1  # the recipe's own
    assert {trial["state"] for trial in trials.values()} <= {"complete", "pruned"} and trials[0]["state"] == "complete"
    assert len({trial["settings"]["training.learning_rate"] for trial in trials.values()}) == 4
    assert all(0 <= trial["score"] <= 1 and len(trial["scores"]) <= max(1, trial["settings"]["training.num_train_epochs"]) for trial in trials.values())
    measured = {name for event in done.events if event["type"] == "metric" for name in event["values"]}
    assert measured == {"validation_f1_macro"}
    assert done.curve("validation_f1_macro")[-1] == max(t["score"] for t in trials.values() if t["state"] == "complete")
    assert len(done.logged("cache_made")) == (strategy == FROZEN)  # once for all trials


def test_a_trial_learns_as_a_training_with_its_settings_would(train_here):
    found = train_here(FROZEN, sections={"search": {"minutes": 5, "trials": 2}}, **QUICK)
    trial = ended(found.events)[1]
    assert trial["state"] == "complete"
    alone = train_here(FROZEN, **QUICK | {name.partition(".")[2]: value for name, value in trial["settings"].items()})
    assert alone.curve("validation_f1_macro")[-1] == pytest.approx(trial["score"])


def test_a_trial_that_fails_is_no_failed_search(train_here, monkeypatch):
    real = searching.Trying.training_step

    def step(self, *args, **options):
        if self.search.trial["number"] == 1:
            raise RuntimeError("[enforce fail] not enough memory: you tried to allocate")
        return real(self, *args, **options)

    monkeypatch.setattr(searching.Trying, "training_step", step)
    done = train_here(FROZEN, sections={"search": {"minutes": 5, "trials": 3}}, **QUICK)
    trials = ended(done.events)
    assert done.finished and [trials[n]["state"] for n in range(3)] == ["complete", "failed", "complete"]
    assert "not enough memory" in trials[1]["reason"] and done.logged("trial_failed")[0]["number"] == 2


def test_where_every_trial_fails_the_search_says_why(train_here, monkeypatch):
    def step(self, *args, **options):
        raise UserError("loss_not_finite", step=1)

    monkeypatch.setattr(searching.Trying, "training_step", step)
    with pytest.raises(UserError) as caught:
        train_here(FROZEN, sections={"search": {"minutes": 5, "trials": 9}}, **QUICK)
    assert caught.value.code == "loss_not_finite"


def test_a_stopped_search_keeps_its_trials_and_goes_on(train_here):
    asked = {"search": {"minutes": 5, "trials": 4, "vary": ["learning_rate"]}}
    stopped = train_here(FROZEN, stop_at=14, sections=asked, **QUICK)
    before = ended(stopped.events)
    assert not stopped.finished and before[0]["state"] == "complete" and list(before.values())[-1]["state"] == "stopped"
    kept = [number for number, trial in before.items() if trial["state"] in ev.TRIED]
    job = stopped.run.training()
    assert train(Context(job, {}, ev.Writer(job.events, 2)))
    events = ev.read(job.events)[0]
    after = ended(events)
    assert list(after) == [0, 1, 2, 3] and [after[n]["settings"] for n in kept] == [before[n]["settings"] for n in kept]
    assert {event["number"] for event in events if event["type"] == "trial" and event["attempt"] == 2} == set(range(len(kept), 4))


def test_a_budget_too_small_for_one_trial_is_said(train_here):
    with pytest.raises(UserError) as caught:
        train_here(FROZEN, sections={"search": {"minutes": 0.0001}})
    assert caught.value.code == "search_no_trial"


def test_what_can_vary_follows_strategy_and_recipe():
    def made(strategy: dict, **parts: object) -> recipe.Recipe:
        return recipe.build({"data": {"path": "x"}, "strategy": strategy, "search": {}} | parts)

    assert search.varied(made({"name": "lora"})) == ("learning_rate", "num_train_epochs", "r")
    assert search.varied(made({"name": "lora"}, training={"max_steps": 9})) == ("learning_rate", "r")
    with pytest.raises(UserError, match="layer_decay"):
        search.varied(made({"name": "frozen"}, search={"vary": ["layer_decay"]}))
    values = search.values(made({"name": "lora", "r": 6}, training={"learning_rate": 1e-3, "num_train_epochs": 3}), 1000, 10**7)
    assert values == {"learning_rate": [1e-3 / 8, 8e-3], "num_train_epochs": [2.0, 3.0, 6.0], "r": [4, 6, 8, 16, 32]}
    assert search.values(made({"name": "full"}), 40, 10**7)["per_device_train_batch_size"] == [8, 16]  # 16 is its own
    assert search.settings(made({"name": "lora", "r": 8, "lora_alpha": 16}), {"r": 32, "learning_rate": 0.00123456}) == {
        "strategy.r": 32, "training.learning_rate": 0.00123, "strategy.lora_alpha": 64,
    }  # fmt: skip
    with pytest.raises(UserError, match="one process"):
        made({"name": "full"}, launcher="torchrun")
