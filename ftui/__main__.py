"""python -m ftui: the command line. Thin: every command calls what the page calls."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ftui.core import events as ev
from ftui.core import home as homes
from ftui.core import languages
from ftui.core.errors import UserError, of_system, told_by
from ftui.core.home import Job, Run

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Fine-tune, evaluate, export and serve transformers.")
runs_app = typer.Typer(no_args_is_help=True, help="See and steer runs.")
data_app = typer.Typer(no_args_is_help=True, help="Look at data.")
app.add_typer(runs_app, name="runs")
app.add_typer(data_app, name="data")

HomeOption = Annotated[Path | None, typer.Option("--home", help="Where data sets and runs live [default: $FTUI_HOME or ~/.ftui].")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
ArtefactOption = Annotated[str, typer.Option("--artefact", help="Which form of the model: model, or the name of an export.")]
OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@app.command()
def ui(
    host: Annotated[str, typer.Option(envvar="GRADIO_SERVER_NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="GRADIO_SERVER_PORT", help="Port; 0 takes any free one.")] = 7860,
    share: Annotated[bool, typer.Option("--share", help="Make a public link (gradio.live); a login is made up unless given.")] = False,
    auth: Annotated[str | None, typer.Option(envvar="FTUI_AUTH", help="USER:PASSWORD for the login.")] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="No login although others can reach the page.")] = False,
    demo: Annotated[bool | None, typer.Option("--demo/--no-demo", help="Open to all, each visitor apart, with caps [default on a Space without --auth].")] = None,
    home: HomeOption = None,
) -> None:
    """Open the dashboard."""
    from ftui.ui.app import serve_ui

    if demo is None:
        demo = bool(os.environ.get("SPACE_ID")) and auth is None
    serve_ui(homes.resolve(home), host=host, port=port, share=share, auth=auth, no_auth=no_auth, demo=demo)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: training.num_train_epochs=1")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return at once.")] = False,
    home: HomeOption = None,
) -> None:
    """Train as a recipe says; progress on stderr, one line of JSON on stdout."""
    from ftui import jobs
    from ftui.core import recipe as recipes

    run = jobs.start_training(recipes.load(recipe, set_), homes.resolve(home))
    job = run.training()
    assert job is not None
    if detach:
        _print({"run": run.id, "status": "queued"})
        return
    raise typer.Exit(_follow_training(job))


def _follow_training(job: Job) -> int:
    status = _follow(job)
    if status is None:
        print(f"{job.run.id} goes on in the background: python -m ftui runs show {job.run.id}", file=sys.stderr)
        return INTERRUPTED
    metrics: dict[str, float] = {}
    for event in ev.read(job.events)[0]:
        if event["type"] == "metric":
            metrics |= event["values"]
    model = str(job.run.model) if job.run.model.exists() else None
    line = {"run": job.run.id, "status": status, "metrics": metrics, "model": model}
    failure = _failure(job)
    if failure:
        line["error"] = failure
    _print(line)
    if status == ev.FINISHED:
        return OK
    return BAD_INPUT if failure and languages.knows_error(failure["code"]) and _exit_code(job) == BAD_INPUT else FAILED


def _follow(job: Job) -> str | None:
    """Print events until the job ends; None when the user has left it running (second Ctrl-C)."""
    from ftui import jobs

    lang = languages.of_terminal()
    offset = 0
    asked = False
    attempt = job.card()["attempt"]
    while True:
        try:
            state = jobs.state(job)
            events, offset = ev.read(job.events, offset)
            for event in events:
                if event["attempt"] >= attempt:
                    line = describe(event, lang)
                    if line:
                        print(line, file=sys.stderr)
            if state in ev.TERMINAL:
                return state
            time.sleep(0.2)
        except KeyboardInterrupt:
            if asked:
                return None
            asked = True
            jobs.stop(job)
            print(languages.log("stopping", lang), file=sys.stderr)


def describe(event: dict, lang: str = "en") -> str:
    """An event as one readable line; "" for what a terminal need not see."""
    clock = time.strftime("%H:%M:%S", time.localtime(event["time"]))
    kind = event["type"]
    if kind == "log":
        return f"{clock} {languages.log(event['key'], lang, **event['params'])}"
    if kind == "metric" and "loss" in event["values"]:
        values = ", ".join(f"{k} {v:.4g}" for k, v in event["values"].items())
        return f"{clock} step {event['step']}: {values}"
    if kind == "state":
        return f"{clock} [{languages.log('state_' + event['state'], lang)}]"
    if kind == "error":
        return f"{clock} {' '.join(told_by(event, lang))}"
    return ""


def _failure(job: Job) -> dict | None:
    event = ev.last([e for e in ev.read(job.events)[0] if e["attempt"] == job.card()["attempt"]], "error")
    if event is None:
        return None
    message, hint = told_by(event, languages.of_terminal())
    return {"code": event["code"], "message": message, "hint": hint}


def _exit_code(job: Job) -> int:
    return (ev.last(ev.read(job.events)[0], "state") or {}).get("exit_code", FAILED)


@runs_app.command("list")
def runs_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All runs, newest first."""
    from ftui import jobs

    lines = jobs.summaries(homes.resolve(home))
    if as_json:
        _print({"runs": lines})
        return
    for line in lines:
        value = "" if line["value"] is None else f"{line['metric']} {line['value']:.4f}"
        print(f"{line['id']}  {line['state']:<9} {line['name']}  {line['model']}  {value}")


@runs_app.command("show")
def runs_show(run: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One run: its state, recipe and metrics."""
    from ftui import jobs

    found = homes.resolve(home).run(run)
    line = jobs.summary(found)
    if as_json:
        report = json.loads(found.report.read_text(encoding="utf-8")) if found.report.exists() else None
        metrics = {name: split["metrics"] for name, split in report["splits"].items()} if report else {}
        _print({**line, "path": str(found.path), "metrics": metrics})
        return
    for key, value in line.items():
        print(f"{key:<10} {value}")
    print(found.recipe.read_text(encoding="utf-8"))


@runs_app.command("stop")
def runs_stop(run: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Ask a run to save and stop."""
    from ftui import jobs

    found = homes.resolve(home).run(run)
    job = found.training()
    assert job is not None
    jobs.stop(job)
    _print({"run": found.id, "status": jobs.state(job)}) if as_json else print(f"{found.id} {jobs.state(job)}")


@runs_app.command("resume")
def runs_resume(run: str, detach: Annotated[bool, typer.Option("--detach")] = False, home: HomeOption = None) -> None:
    """Go on from the last checkpoint."""
    from ftui import jobs

    job = jobs.resume(homes.resolve(home).run(run))
    if detach:
        _print({"run": job.run.id, "status": "queued"})
        return
    raise typer.Exit(_follow_training(job))


@runs_app.command("delete")
def runs_delete(run: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Delete a run with its model."""
    from ftui import jobs

    found = homes.resolve(home).run(run)
    jobs.delete(found)
    _print({"run": found.id, "status": "deleted"}) if as_json else print(f"{found.id} deleted")


@runs_app.command("rename")
def runs_rename(run: str, name: str, home: HomeOption = None) -> None:
    """Give a run a name; an empty one takes it away."""
    homes.resolve(home).run(run).write_about(name=name)


@runs_app.command("note")
def runs_note(run: str, note: str, home: HomeOption = None) -> None:
    """Note something beside a run."""
    homes.resolve(home).run(run).write_about(note=note)


@runs_app.command("first")
def runs_first(run: str, home: HomeOption = None) -> None:
    """Let a waiting run be the next one."""
    from ftui.jobs import queue

    found = homes.resolve(home).run(run)
    queue.move(found, 0)
    print(" ".join(queue.waiting(found.home)))


@app.command()
def disk(
    clean: Annotated[bool, typer.Option("--clean", help="Remove what nobody could want back (after a question).")] = False,
    part: Annotated[list[str] | None, typer.Option("--part", help="With --clean: this part only; may be given several times.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --clean: without the question.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What takes up the disk, and clean it up."""
    from ftui.jobs import disk as disks

    found = homes.resolve(home)
    freed: dict[str, int] = {}
    if clean:
        parts = part or [name for name, safe in disks.PARTS.items() if safe]
        freeable = disks.removable(found)
        question = ", ".join(f"{name} {freeable.get(name, 0) / 1e6:.1f} MB" for name in parts)
        if yes or typer.confirm(f"Remove {question}?", err=True):
            freed = disks.clean(found, parts)
    use = disks.use(found)
    if as_json:
        _print({**use, "removable": disks.removable(found), "removed": freed})
        return
    for name, size in use.items():
        print(f"{name:<21} {size / 1e6:>12,.1f} MB")
    for name, size in disks.removable(found).items():
        print(f"removable: {name:<21} {size / 1e6:>1,.1f} MB")
    for name, size in freed.items():
        print(f"removed: {name:<21} {size / 1e6:>1,.1f} MB")


@data_app.command("report")
def data_report(
    file: Path,
    text: Annotated[str | None, typer.Option(help="The column with the texts [default: guessed].")] = None,
    label: Annotated[str | None, typer.Option(help="The column with the labels [default: guessed].")] = None,
    test: Annotated[Path | None, typer.Option(help="A file of test rows, to look for rows in both.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is in a file, and what is odd about it: duplicates, contradictory labels, damaged texts ..."""
    from ftui.data import inspecting, intake, preparing, report

    at = homes.resolve(home)
    dataset = intake.import_file(file, at)
    table = dataset.table()
    guessed = inspecting.guess(table)
    named = {role: column for role, column in (("text", text), ("label", label)) if column}
    columns = preparing.find_columns(table, named, tuple({**guessed["columns"], **named}), dataset.card()["name"])
    counts = inspecting.label_counts(table, columns["label"]) if "label" in columns else []
    tokenizer = homes.starter_models() / "starter-encoder" / "tokenizer.json"
    own = {"test": intake.import_file(test, at)} if test else None
    made = None
    if "text" in columns:
        made = report.make(report.look(dataset, columns, own=own, tokenizer=tokenizer if tokenizer.exists() else None))
    lang = languages.of_terminal()
    facts = {**dataset.card(), **guessed, "columns": columns, "labels": dict(counts)}
    if as_json:
        _print({**facts, "looked_at": made.looked_at if made else 0, "findings": made.as_dict(lang)["findings"] if made else []})
        return
    for key, value in facts.items():
        print(f"{key:<10} {value}")
    for finding in made.findings if made else []:
        shown = ", ".join(str(row + 1) for row in finding.rows[:5].tolist())
        print(f"{'!' if finding.level != 'info' else '-'} {finding.sentence(lang)}" + (f" [{shown} ...]" if shown else ""))


@data_app.command("list")
def data_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Data sets, newest first, and how many runs use each."""
    from ftui.data import intake, versions

    at = homes.resolve(home)
    used = versions.used(at)
    lines = [{**{k: d.card()[k] for k in ("id", "name", "rows", "bytes")}, "runs": used.get(d.id, [])} for d in intake.list_datasets(at)]
    if as_json:
        _print({"datasets": lines})
        return
    for line in lines:
        print(f"{line['id']}  {line['rows']:>9,} rows  {len(line['runs'])} runs  {line['name']}")


@data_app.command("delete")
def data_delete(
    dataset: str,
    force: Annotated[bool, typer.Option("--force", help="Also where runs use it: they can then not be repeated.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a data set that no run uses."""
    from ftui.data import versions

    versions.delete(homes.resolve(home), dataset, force)
    _print({"dataset": dataset, "status": "deleted"}) if as_json else print(f"{dataset} deleted")


@app.command()
def evaluate(run: str, data: Path, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Score a run's model on another labelled file."""
    from ftui import jobs

    if not data.exists():
        raise UserError("file_missing", path=data)
    job = jobs.start(homes.resolve(home).run(run), "evaluate", {"path": str(data.absolute())})
    code = _finish(job)
    if code == OK:
        report = json.loads((job.path / "report.json").read_text(encoding="utf-8"))["splits"]["data"]
        _print({"run": job.run.id, "data": data.name, "rows": report["rows"], "metrics": report["metrics"]})
    raise typer.Exit(code)


@app.command()
def predict(
    run: str,
    texts: Annotated[list[str] | None, typer.Argument()] = None,
    second: Annotated[str | None, typer.Option("--context", "--second", help="the other text, where a model reads two: the one that holds the answers")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="a table (CSV, TSV, XLSX, JSON Lines ...): ask about each row")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="where that table goes, with prediction and confidence beside its columns [default: FILE-predictions]")] = None,
    column: Annotated[list[str] | None, typer.Option("--column", help="the file's column with the texts; or INPUT=COLUMN, for each of several")] = None,
    artefact: ArtefactOption = "model",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a run's model, in any of its forms, about texts, or about each row of a file."""
    from ftui.artifacts import exporting
    from ftui.artifacts.predicting import Predictor

    texts = texts or []
    if bool(texts) == bool(file):
        raise UserError("predict_nothing")

    found = homes.resolve(home).run(run)
    if not found.model.exists():
        raise UserError("run_without_model", run=found.id, state="-")
    if file:
        _print(_predict_file(found, artefact, file, out, column or []))
        return
    predictor = Predictor(exporting.folder_of(found, artefact))
    if (len(predictor.inputs) == 2) != (second is not None):
        raise UserError("context_missing" if second is None else "context_unused", inputs=" + ".join(predictor.inputs))
    answers = predictor.predict([dict(zip(predictor.inputs, (text, second or ""), strict=False)) for text in texts])
    if as_json:
        _print({"results": answers})
        return
    for text, answer in zip(texts, answers, strict=True):
        print(f"{predictor.task.said(answer)}\t{text}")


def _predict_file(run: Run, artefact: str, file: Path, out: Path | None, named: list[str]) -> dict:
    """Ask about each row of a file; what was done."""
    from ftui.artifacts import exporting
    from ftui.artifacts.predicting import Predictor
    from ftui.core import recipe as recipes
    from ftui.data import annotating, intake

    recipe = recipes.load(run.recipe)
    predictor = Predictor(exporting.folder_of(run, artefact))
    wanted = annotating.named(named, predictor.inputs)
    with annotating.opened(file) as (table, card):
        target = out or file.with_name(f"{file.name.split('.')[0]}-predictions.{card['format'] if card['format'] in annotating.FORMATS else 'csv'}")
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


@app.command()
def export(
    run: str,
    format: Annotated[str, typer.Option("--format", help="safetensors, adapter, onnx, onnx-int8 or torchscript")] = "safetensors",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the model out, and measure what is given: score, agreement, speed, memory, size."""
    from ftui import jobs
    from ftui.artifacts import exporting

    found = homes.resolve(home).run(run)
    exporting.check(found, format)
    job = jobs.start(found, "export", {"format": format})
    code = _finish(job)
    if code == OK:
        measured = exporting.card_of(found, format)
        _print({"run": found.id, "format": format, "path": str(found.exports / format), "measured": measured})
    raise typer.Exit(code)


@app.command()
def script(run: str, home: HomeOption = None) -> None:
    """Print the run as a plain Python script that needs transformers alone."""
    from ftui import jobs

    print(jobs.script(homes.resolve(home).run(run)))


@app.command()
def serve(
    run: str,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any free one")] = 8000,
    artefact: ArtefactOption = "model",
    home: HomeOption = None,
) -> None:
    """Serve a run's model, in any of its forms, over HTTP until Ctrl-C."""
    from ftui import jobs
    from ftui.artifacts import exporting

    found = homes.resolve(home).run(run)
    exporting.folder_of(found, artefact)
    job = jobs.start(found, "serve", {"host": host, "port": port, "artifact": artefact})
    told = False
    try:
        while (state := jobs.state(job)) not in ev.TERMINAL:
            ready = ev.last(ev.read(job.events)[0], "ready")
            if ready and not told:
                told = True
                print(f"{ready['url']}  (POST /predict, documentation at {ready['url']}/docs, Ctrl-C ends it)", file=sys.stderr)
            time.sleep(0.2)
    except KeyboardInterrupt:
        jobs.stop(job)
        raise typer.Exit(INTERRUPTED) from None
    failure = _failure(job)
    if failure:
        print(f"{failure['message']} {failure['hint']}", file=sys.stderr)
    raise typer.Exit(OK if state in (ev.FINISHED, ev.STOPPED) else FAILED)


def _finish(job: Job) -> int:
    """Follow a short job; its exit code."""
    status = _follow(job)
    if status is None:
        return INTERRUPTED
    return OK if status == ev.FINISHED else _exit_code(job)


def _print(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, default=str), flush=True)


def main() -> int:
    """Run a command; what the user can mend becomes one sentence and exit code 2."""
    lang = languages.of_terminal()
    try:
        code = app(standalone_mode=False)
        return code if isinstance(code, int) else OK
    except UserError as error:
        return _refuse(error, lang)
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click: wrong usage
            return _refuse(UserError("usage", problem=" ".join(error.format_message().split()).rstrip(".")), lang)
        told = of_system(error, "--home") if isinstance(error, OSError) else None
        if told is None:
            raise
        return _refuse(told, lang)


def _refuse(error: UserError, lang: str) -> int:
    """One sentence, or one JSON document where that is wanted; the exit code."""
    if "--json" in sys.argv:
        _print({"error": error.as_dict(lang)})
    else:
        print(f"{error.message(lang)} {error.hint(lang)}", file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    sys.exit(main())
