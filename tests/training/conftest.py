"""Trainings in the test's own process: whole runs by the recipe, stopped and resumed where a test wants it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from ftui.core import events as ev
from ftui.core.context import Context
from ftui.core.home import Home, Run


@dataclass(frozen=True)
class Here(Context):
    """Asks to stop after so many questions, which come once a step."""

    stop_at: int | None = None
    asked: list = field(default_factory=list)

    def should_stop(self) -> bool:
        self.asked.append(1)
        return self.stop_at is not None and len(self.asked) >= self.stop_at


@dataclass(frozen=True)
class Trained:
    run: Run
    finished: bool
    events: list[dict]

    def weights(self) -> dict:
        from safetensors.torch import load_file

        return load_file(self.run.model / "model.safetensors")

    def logged(self, key: str) -> list[dict]:
        return [e["params"] for e in self.events if e["type"] == "log" and e["key"] == key]

    def curve(self, name: str) -> list[float]:
        return [e["values"][name] for e in self.events if e["type"] == "metric" and name in e["values"]]


@pytest.fixture
def train_here(recipe_for: Callable[..., dict], tmp_path: Path) -> Callable[..., Trained]:
    """train_here({"name": "full"}, stop_at=None, run=None, num_train_epochs=3 ...); `run` to go on with one, `sections` of
    the recipe besides."""
    from ftui.training.run import train

    def start(strategy: dict | None = None, stop_at: int | None = None, run: Run | None = None, sections: dict | None = None, **training: object) -> Trained:
        if run is None:
            run = Home(tmp_path / "home").new_run()
            recipe = recipe_for(strategy, **training) | (sections or {})
            run.recipe.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
        job = run.new_job("train")
        finished = train(Here(job, {}, ev.Writer(job.events, 1), stop_at))
        return Trained(run, finished, ev.read(job.events)[0])

    start.home = tmp_path / "home"  # type: ignore[attr-defined]
    return start
