"""From a finished run: a smaller student, a pruned model, an ensemble."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from ftui.cli.following import OK, HomeOption, RunArgument, follow_training, print_json
from ftui.core import home as homes
from ftui.core import recipe as recipes
from ftui.core.home import Run

DetachOption = Annotated[bool, typer.Option("--detach", help="Start and return at once.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Change a setting: distil.temperature=4")]


def distil(
    run: Annotated[str, typer.Argument(help="The run that teaches.")],
    model: Annotated[str | None, typer.Option(help="The student's base (default: the teacher's own layers).")] = None,
    layers: Annotated[int | None, typer.Option(help="Layers of the student (default: half the teacher's).")] = None,
    set_: SetOption = None,
    detach: DetachOption = False,
    home: HomeOption = None,
) -> None:
    """Let a smaller model learn from a finished run."""
    from ftui.jobs import smaller

    found = homes.resolve(home).run(run)
    _train(smaller.student(found, model, layers), found, set_, detach)


def prune(
    run: RunArgument,
    layers: Annotated[int | None, typer.Option(help="Layers that stay.")] = None,
    feed_forward: Annotated[float, typer.Option(help="Share of the feed-forward neurons that stay.")] = 1.0,
    heads: Annotated[float, typer.Option(help="Share of the attention heads that stay (Llama, Qwen).")] = 1.0,
    vocabulary: Annotated[str, typer.Option(help="Tokens that stay: all, scripts (the writing systems of the data) or used.")] = "all",
    magnitude: Annotated[float, typer.Option(help="Share of the weights set to zero: packs smaller, no faster.")] = 0.0,
    recover: Annotated[bool, typer.Option(help="Train afterwards, with the run as teacher.")] = True,
    set_: SetOption = None,
    detach: DetachOption = False,
    home: HomeOption = None,
) -> None:
    """Make a run's model smaller by taking away what matters least."""
    from ftui.jobs import smaller

    found = homes.resolve(home).run(run)
    wanted = {"layers": layers, "feed_forward": feed_forward, "heads": heads}
    wanted |= {"vocabulary": vocabulary, "magnitude": magnitude, "recover": recover}
    built = recipes.build({"data": {"path": "-"}, "prune": wanted}, "prune").prune
    assert built is not None
    _train(smaller.pruned(found, built), found, set_, detach)


def ensemble(
    run: RunArgument,
    seeds: Annotated[int, typer.Option(min=2, max=50, help="Members, this run included.")] = 3,
    vote: Annotated[Literal["soft", "hard"], typer.Option(help="soft: mean of the probabilities; hard: majority.")] = "soft",
    detach: DetachOption = False,
    home: HomeOption = None,
) -> None:
    """Train a run again with other seeds, and let all answer together."""
    from ftui.jobs import ensembles

    made = ensembles.start(homes.resolve(home).run(run), seeds, vote)
    code = _followed(made, detach)
    spread = made.path / "ensemble.json"
    if code == OK and spread.exists():
        print_json(json.loads(spread.read_text(encoding="utf-8")))
    raise typer.Exit(code)


def _train(recipe: recipes.Recipe, source: Run, changes: list[str] | None, detach: bool) -> None:
    from ftui import jobs

    made = jobs.start_training(recipes.changed(recipe, changes or []), source.home)
    code = _followed(made, detach)
    told = made.path / "before_after.json"
    if code == OK and told.exists():
        print_json(json.loads(told.read_text(encoding="utf-8")))
    raise typer.Exit(code)


def _followed(run: Run, detach: bool) -> int:
    if detach:
        print_json({"run": run.id, "status": "queued"})
        return OK
    job = run.training()
    assert job is not None
    return follow_training(job)
