"""What can be done with a trained model: score it, ask it, give it out, serve it."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftui.cli.following import (
    INTERRUPTED,
    OK,
    ArtefactOption,
    HomeOption,
    JsonOption,
    RunArgument,
    exit_code_of,
    failure_of,
    finish,
    print_json,
)
from ftui.core import events as ev
from ftui.core import home as homes
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Run

if TYPE_CHECKING:
    from ftui.artifacts.predicting import Predictor


def evaluate(run: RunArgument, data: Annotated[Path, typer.Argument(help="A file with labelled rows.")], home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Score a run's model on another labelled file."""
    from ftui import jobs

    if not data.exists():
        raise UserError("file_missing", path=data)
    job = jobs.start(homes.resolve(home).run(run), "evaluate", {"path": str(data.absolute())})
    code = finish(job, as_json)
    if code == OK:
        report = json.loads((job.path / "report.json").read_text(encoding="utf-8"))["splits"]["data"]
        print_json({"run": job.run.id, "data": data.name, "rows": report["rows"], "metrics": report["metrics"]})
    raise typer.Exit(code)


def predict(
    run: RunArgument,
    texts: Annotated[list[str] | None, typer.Argument(help="The texts.")] = None,
    second: Annotated[
        str | None,
        typer.Option(
            "--context", "--second", help="The second text, for a model that reads two: for questions, the one that holds the answers."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A table (CSV, TSV, XLSX, JSON Lines ...): ask about each row.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Where that table goes, prediction and confidence beside its columns (default: FILE-predictions).",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="The file's column with the texts; INPUT=COLUMN, once for each, where a model reads several."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="For several labels: give those at least this probable (default: the model's own threshold).")
    ] = None,
    artefact: ArtefactOption = "model",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a run's model, in any of its forms, about texts, or about each row of a file."""
    texts = texts or []
    if bool(texts) == bool(file):
        raise UserError("predict_nothing")

    found = _trained(home, run)
    if file:
        if out:
            _check_target(out)
            if out.is_dir():
                raise UserError("data_is_folder", path=out)
        print_json(_predict_file(found, artefact, file, out, column or [], threshold))
        return
    predictor = _predictor(found, artefact, threshold)
    if (len(predictor.inputs) == 2) != (second is not None):
        raise UserError("context_missing" if second is None else "context_unused", inputs=" + ".join(predictor.inputs))
    answers = predictor.predict([dict(zip(predictor.inputs, (text, second or ""), strict=False)) for text in texts])
    if as_json:
        print_json({"results": answers})
        return
    for text, answer in zip(texts, answers, strict=True):
        print(f"{predictor.task.said(answer)}\t{text}")


def _trained(home: Path | None, name: str) -> Run:
    """A run that has its model. Raises UserError."""
    from ftui import jobs

    run = homes.resolve(home).run(name)
    if not run.model.exists():
        raise jobs.without_model(run)
    return run


def _predictor(run: Run, artefact: str, threshold: float | None) -> Predictor:
    """The artefact, which decides at this threshold where one is given. Raises UserError where its task knows none."""
    from ftui.artifacts import exporting
    from ftui.artifacts.predicting import Predictor

    predictor = Predictor(exporting.folder_of(run, artefact))
    if threshold is not None:
        if not hasattr(predictor.task, "decided"):
            raise UserError("threshold_unused", task=predictor.card["task"])
        predictor.card["decision"] = {"threshold": threshold}
    return predictor


def _check_target(path: Path) -> None:
    """Raise UserError for a place where nothing can be written: better now than after the work."""
    if not path.absolute().parent.is_dir():
        raise UserError("out_folder_missing", path=path.absolute().parent)


def _predict_file(run: Run, artefact: str, file: Path, out: Path | None, named: list[str], threshold: float | None) -> dict:
    """Ask about each row of a file; what was done."""
    from ftui.core import recipe as recipes
    from ftui.data import annotating, intake

    recipe = recipes.load(run.recipe)
    predictor = _predictor(run, artefact, threshold)
    wanted = annotating.named(named, predictor.inputs)
    with annotating.opened(file) as (table, card):
        stem = Path(file.name.removesuffix(".gz")).stem
        target = out or file.with_name(f"{stem}-predictions.{card['format'] if card['format'] in annotating.FORMATS else 'csv'}")
        format = annotating.format_of(target, "csv")
        columns = annotating.find_columns(table, predictor.inputs, wanted, recipe.data.columns, card["name"])
        for note in intake.notes(card, languages.of_terminal()):
            print(note, file=sys.stderr)
        made = table
        for done, finished in annotating.annotate(table, columns, predictor.predict, predictor.task.cell):
            made = finished or made
            print(f"\r{done}/{table.num_rows}", end="", file=sys.stderr)
        print(file=sys.stderr)
        part = target.with_name(f".{target.name}.part")  # a file that exists is whole
        annotating.write(made, part, format)
        part.replace(target)
        return {"run": run.id, "file": str(file), "out": str(target), "rows": made.num_rows, "columns": columns}


def export(
    run: RunArgument,
    format: Annotated[
        str, typer.Option("--format", help="safetensors, adapter, pth, torchscript, torch-export, int8, onnx, onnx-int8, onnx-static-int8 or tensorrt")
    ] = "safetensors",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export a run's model, and measure the export: score, agreement, speed, memory, size."""
    from ftui import jobs
    from ftui.artifacts import exporting

    found = _trained(home, run)
    exporting.check(found, format)
    job = jobs.start(found, "export", {"format": format})
    code = finish(job, as_json)
    if code == OK:
        measured = exporting.card_of(found, format)
        print_json({"run": found.id, "format": format, "path": str(found.exports / format), "measured": measured})
    raise typer.Exit(code)


def bundle(
    run: RunArgument,
    kind: Annotated[str, typer.Option("--kind", help="zip (files and model card), space or docker.")] = "zip",
    out: Annotated[Path | None, typer.Option("--out", help="Where it goes: a new folder; for zip a file.")] = None,
    artefact: ArtefactOption = "model",
    home: HomeOption = None,
) -> None:
    """Pack a model with all that it needs elsewhere: as a zip, a Space or a container."""
    from ftui.artifacts import bundles

    found = _trained(home, run)
    target = out or Path(f"{found.id}-{artefact}" + (".zip" if kind == "zip" else f"-{kind}"))
    if target.exists():
        raise UserError("target_exists", path=target)
    _check_target(target)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".ftui-") as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        bundles.fill(found, artefact, kind, whole)
        if kind == "zip":
            whole = bundles.packed(whole, Path(scratch) / "whole.zip")
        whole.rename(target)
    print_json({"run": found.id, "artefact": artefact, "kind": kind, "path": str(target)})


def push(
    run: RunArgument,
    to: Annotated[str, typer.Option("--to", metavar="OWNER/NAME", help="The repository; made if it is not there yet.")],
    private: Annotated[bool, typer.Option("--private", help="Only you see it.")] = False,
    artefact: ArtefactOption = "model",
    home: HomeOption = None,
) -> None:
    """Upload a model and its card to the Hugging Face Hub, with the token of $HF_TOKEN or `hf auth login`."""
    from ftui import jobs
    from ftui.artifacts import exporting, pushing

    found = _trained(home, run)
    exporting.folder_of(found, artefact)
    pushing.check(to)
    job = jobs.start(found, "push", {"artefact": artefact, "to": to, "private": private})
    code = finish(job)
    if code == OK:
        told = ev.last(ev.read(job.events)[0], "pushed") or {}
        print_json({"run": found.id, "artefact": artefact, "url": told["url"]})
    raise typer.Exit(code)


def script(run: RunArgument, home: HomeOption = None) -> None:
    """Print the run's training as a plain Python script that does without ftui."""
    from ftui import jobs

    print(jobs.script(homes.resolve(home).run(run)))


def serve(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs; RUN:ARTEFACT serves that form of it.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes any free one.")] = 8000,
    artefact: ArtefactOption = "model",
    root_path: Annotated[
        str, typer.Option("--root-path", envvar="FTUI_ROOT_PATH", help="The path under which a proxy shows the server, and which it takes away.")
    ] = "",
    home: HomeOption = None,
) -> None:
    """Serve the model of a run (or of several), in any of its forms, over HTTP until Ctrl-C.

    Where $FTUI_API_KEY is set, whoever asks has to send it."""
    from ftui import jobs
    from ftui.artifacts import exporting

    at = homes.resolve(home)
    wanted = []
    for name in runs:
        run, _, form = name.partition(":")
        found = at.run(run)
        exporting.folder_of(found, form or artefact)
        wanted.append((found, form or artefact))
    (first, form), *others = wanted
    options = {"host": host, "port": port, "artifact": form, "root_path": root_path}
    job = jobs.start(first, "serve", {**options, "others": [[run.id, form] for run, form in others]})
    told = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Docker and systemd end it
    try:
        while (state := jobs.state(job)) not in ev.TERMINAL:
            ready = ev.last(ev.read(job.events)[0], "ready")
            if ready and not told:
                told = True
                url = ready["url"]
                print(languages.log("serving_at", languages.of_terminal(), url=url), file=sys.stderr)
                for name in ready["models"] if others else ():
                    print(f"{url}/models/{name}/predict", file=sys.stderr)
            time.sleep(0.2)
    except KeyboardInterrupt:
        jobs.stop(job)
        raise typer.Exit(INTERRUPTED) from None
    failure = failure_of(job)
    if failure:
        print(f"{failure['message']} {failure['hint']}", file=sys.stderr)
    raise typer.Exit(OK if state in (ev.FINISHED, ev.STOPPED) else exit_code_of(job))
