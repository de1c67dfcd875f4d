"""Looking for good settings."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ftui.cli.following import (
    FAILED,
    INTERRUPTED,
    OK,
    HomeOption,
    exit_code_of,
    failure_of,
    follow,
    follow_training,
    print_json,
)
from ftui.core import events as ev
from ftui.core import home as homes
from ftui.core import languages


def search(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    minutes: Annotated[float | None, typer.Option(help="Minutes to search, in all (default: the recipe's, else 10).")] = None,
    trials: Annotated[int | None, typer.Option(help="Trials at most (default: the recipe's, else 30).")] = None,
    vary: Annotated[
        str | None, typer.Option(help="Settings to vary, separated by commas, among learning_rate, num_train_epochs, per_device_train_batch_size, weight_decay, warmup_steps, layer_decay and r.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: strategy.name=frozen")] = None,
    train: Annotated[bool, typer.Option("--train", help="Then train with the best settings.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return at once.")] = False,
    home: HomeOption = None,
) -> None:
    """Search for better settings, judged on the validation rows; the best ones on stdout, as one line of JSON."""
    from ftui import jobs
    from ftui.core import recipe as recipes
    from ftui.jobs import searches

    names = [name.strip() for name in vary.split(",") if name.strip()] if vary else None
    asked = searches.asked(recipes.load(recipe, set_), minutes=minutes, trials=trials, vary=names)
    run = jobs.start_training(asked, homes.resolve(home))
    job = run.training()
    assert job is not None
    if detach:
        print_json({"run": run.id, "status": "queued"})
        return
    status = follow(job)
    if status is None:
        print(languages.log("goes_on", languages.of_terminal(), run=run.id), file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    told = searches.told(run)
    best, own = told["best"], told["own"]
    if best:
        changes = " ".join(f"--set {name}={value:g}" for name, value in best["settings"].items())
        more = " ".join(f"--set {shlex.quote(one)}" for one in set_ or [])
        command = " ".join(filter(None, ["python -m ftui train", shlex.quote(str(recipe)), more, changes]))
        print(languages.log("search_train_so", languages.of_terminal(), command=command), file=sys.stderr)
    if train and best and status == ev.FINISHED:
        found = searches.found(run)
        assert found is not None
        after = jobs.start_training(found, run.home).training()
        assert after is not None
        raise typer.Exit(follow_training(after))
    line = {"run": run.id, "status": status, "metric": told["metric"], "value": best and best["score"], "own": own and own["score"]}
    line |= {"settings": best and best["settings"], "trials": len([t for t in told["trials"] if t["state"] in ev.TRIED])}
    failure = failure_of(job)
    print_json(line | ({"error": failure} if failure else {}))
    raise typer.Exit(OK if status == ev.FINISHED else exit_code_of(job) if failure else FAILED)
