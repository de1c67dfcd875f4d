"""Training, and what can be done with runs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ftui.cli.following import (
    INTERRUPTED,
    HomeOption,
    JsonOption,
    RunArgument,
    finish,
    follow_training,
    padded,
    print_json,
)
from ftui.core import home as homes
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.estimate import Estimate, span

runs_app = typer.Typer(no_args_is_help=True, help="List, show, name, stop, resume and delete runs.")


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: training.num_train_epochs=1")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return at once.")] = False,
    home: HomeOption = None,
) -> None:
    """Train as a recipe says; progress on stderr, one line of JSON on stdout."""
    from ftui import jobs
    from ftui.core import recipe as recipes
    from ftui.jobs import costs

    at, made = homes.resolve(home), recipes.load(recipe, set_)
    run = jobs.start_training(made, at)
    if not (made.ensemble or made.search):
        print(_expected(costs.of(made, at)), file=sys.stderr)
    job = run.training()
    assert job is not None
    if detach:
        print_json({"run": run.id, "status": "queued"})
        return
    raise typer.Exit(follow_training(job))


def estimate(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: strategy.name=lora")] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Train for some updates first, to measure the speed.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate what a training costs on this machine: time, memory, disk."""
    from ftui.core import recipe as recipes
    from ftui.jobs import costs

    at, made = homes.resolve(home), recipes.load(recipe, set_)
    if measure:
        costs.measure(made, at)
    cost = costs.of(made, at)
    print_json(asdict(cost)) if as_json else print(_expected(cost))


def race(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    strategies: Annotated[str, typer.Option(help="Strategies, separated by commas.")] = "frozen,lora,full",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: training.num_train_epochs=1")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return at once.")] = False,
    home: HomeOption = None,
) -> None:
    """Train with several strategies on the same split, and print how they compare, simple models among them."""
    from ftui.core import recipe as recipes
    from ftui.jobs import races

    runs = races.start(recipes.load(recipe, set_), homes.resolve(home), [name.strip() for name in strategies.split(",") if name.strip()])
    if detach:
        print_json({"runs": [run.id for run in runs], "status": "queued"})
        return
    codes = []
    for run in runs:
        job = run.training()
        assert job is not None
        codes.append(finish(job))
        if codes[-1] == INTERRUPTED:
            raise typer.Exit(INTERRUPTED)
    print_json(races.standing(runs[0], fewest=1))
    raise typer.Exit(max(codes))


def _expected(cost: Estimate) -> str:
    lang = languages.of_terminal()
    time = [span(*cost.seconds, lang)] if cost.seconds else []
    sizes = {"memory": cost.memory, "disk": cost.disk}
    told = [languages.text(f"estimate_{name}", lang, size=f"{size / 1e9:.1f} GB") for name, size in sizes.items()]
    why = languages.text("estimate_by_" + cost.source if cost.seconds else "estimate_unknown", lang)
    return languages.log("expected", lang, facts=languages.text("list_comma", lang).join(time + told), why=why)


@runs_app.command("list")
def runs_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List all runs, newest first."""
    from ftui import jobs

    lines, lang = jobs.summaries(homes.resolve(home)), languages.of_terminal()
    if as_json:
        print_json({"runs": lines})
        return
    for line in lines:
        value = "" if line["value"] is None else f"{line['metric']} {line['value']:.4f}"
        print(f"{line['id']}  {padded(languages.log('state_' + line['state'], lang), 9)} {line['name']}  {line['model']}  {value}")


@runs_app.command("show")
def runs_show(run: RunArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one run: its state, recipe and metrics."""
    from ftui import jobs

    found = homes.resolve(home).run(run)
    line = jobs.summary(found)
    if as_json:
        report = json.loads(found.report.read_text(encoding="utf-8")) if found.report.exists() else None
        metrics = {name: split["metrics"] for name, split in report["splits"].items()} if report else {}
        print_json({**line, "path": str(found.path), "metrics": metrics})
        return
    for key, value in line.items():
        print(f"{key:<10} {value}")
    print(found.recipe.read_text(encoding="utf-8"))


@runs_app.command("stop")
def runs_stop(run: RunArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop a run; it saves a checkpoint first."""
    from ftui import jobs

    found = homes.resolve(home).run(run)
    job = found.training()
    if job is None:
        raise UserError("run_unknown", run=found.id)
    jobs.stop(job)
    state = jobs.state(job)
    print_json({"run": found.id, "status": state}) if as_json else print(f"{found.id} {languages.log('state_' + state, languages.of_terminal())}")


@runs_app.command("resume")
def runs_resume(
    run: RunArgument,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return at once.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resume a run from its last checkpoint; progress on stderr, one line of JSON on stdout."""
    from ftui import jobs

    job = jobs.resume(homes.resolve(home).run(run))
    if detach:
        print_json({"run": job.run.id, "status": "queued"})
        return
    raise typer.Exit(follow_training(job))


@runs_app.command("delete")
def runs_delete(run: RunArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Delete a run with its model."""
    from ftui import jobs

    found = homes.resolve(home).run(run)
    jobs.delete(found)
    print_json({"run": found.id, "status": "deleted"}) if as_json else print(f"{found.id} {languages.log('deleted', languages.of_terminal())}")


@runs_app.command("rename")
def runs_rename(run: RunArgument, name: Annotated[str, typer.Argument(help="The name.")], home: HomeOption = None) -> None:
    """Give a run a name; an empty one takes it away."""
    homes.resolve(home).run(run).write_about(name=name)


@runs_app.command("note")
def runs_note(run: RunArgument, note: Annotated[str, typer.Argument(help="The note.")], home: HomeOption = None) -> None:
    """Note something beside a run."""
    homes.resolve(home).run(run).write_about(note=note)


@runs_app.command("first")
def runs_first(run: RunArgument, home: HomeOption = None) -> None:
    """Let a waiting run train next."""
    from ftui.jobs import queue

    found = homes.resolve(home).run(run)
    queue.move(found, 0)
    print(" ".join(queue.waiting(found.home)))
