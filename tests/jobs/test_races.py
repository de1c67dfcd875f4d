"""Several strategies on one split: started together, and how they stand."""

import pytest
import yaml

from ftui import jobs
from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.jobs import queue, races
from tests.conftest import wait_for


def test_a_race_is_runs_in_the_queue_on_the_same_rows(recipe_for, tmp_path):
    home = Home(tmp_path)
    home.queue.mkdir(parents=True)
    made = recipe.build(recipe_for({"name": "lora", "r": 4}))
    queue.set_slots(home, 1)
    runs = races.start(made, home)
    try:
        read = [yaml.safe_load(run.recipe.read_text(encoding="utf-8")) for run in runs]
        assert [one["strategy"]["name"] for one in read] == ["frozen", "lora", "full"]
        assert read[1]["strategy"]["r"] == 4  # what was chosen for it stays
        assert all(one["data"] == read[0]["data"] and one["training"] == read[0]["training"] for one in read)
        told = races.standing(runs[0])
        assert {line["id"] for line in told["runs"]} == {run.id for run in runs}
        assert told["ladder"] == [] and {line["value"] for line in told["runs"]} == {None}
    finally:
        for run in reversed(runs):
            jobs.stop(run.training())
        wait_for(lambda: all(jobs.summary(run)["state"] in ("stopped", "finished") for run in runs))


@pytest.mark.parametrize("strategies", [[], ["full", "quick"]])
def test_unknown_strategies(recipe_for, tmp_path, strategies):
    with pytest.raises(UserError, match="no strategy"):
        races.start(recipe.build(recipe_for()), Home(tmp_path), strategies)
    assert not Home(tmp_path).all_runs()
