"""Data sets, and the disk that everything takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftui.cli.following import HomeOption, JsonOption, print_json
from ftui.core import home as homes
from ftui.core import languages

data_app = typer.Typer(no_args_is_help=True, help="Report on a file; list and delete data sets.")


@data_app.command("report")
def data_report(
    file: Annotated[Path, typer.Argument(help="A file with rows of text.")],
    text: Annotated[str | None, typer.Option(help="The column with the texts (default: guessed).")] = None,
    label: Annotated[str | None, typer.Option(help="The column with the labels (default: guessed).")] = None,
    test: Annotated[Path | None, typer.Option(help="A file of test rows: which rows are in both?")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report on a file: its columns and labels, and what is odd about it (duplicates, contradictory labels, damaged texts ...)."""
    from ftui.data import inspecting, intake, preparing, report

    at = homes.resolve(home)
    dataset = intake.import_file(file, at)
    table = dataset.table()
    guessed = inspecting.guess(table)
    named = {role: column for role, column in (("text", text), ("label", label)) if column}
    columns = preparing.find_columns(table, named, tuple({**guessed["columns"], **named}), dataset.card()["name"])
    counts = inspecting.label_counts(table, columns["label"]) if "label" in columns else []
    own = {"test": intake.import_file(test, at)} if test else None
    made = None
    if "text" in columns:
        made = report.make(report.look(dataset, columns, own=own, tokenizer=homes.starter_tokenizer()))
    lang = languages.of_terminal()
    facts = {**dataset.card(), **guessed, "columns": columns, "labels": dict(counts)}
    if as_json:
        print_json(
            {
                **facts,
                "looked_at": made.looked_at if made else 0,
                "findings": made.as_dict(lang)["findings"] if made else [],
            }
        )
        return
    for key, value in facts.items():
        print(f"{key:<10} {value}")
    for finding in made.findings if made else []:
        shown = ", ".join(str(row + 1) for row in finding.rows[:5].tolist())
        print(
            f"{'!' if finding.level != 'info' else '-'} {finding.sentence(lang)}" + (f" [{shown} ...]" if shown else "")
        )


@data_app.command("list")
def data_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List data sets, newest first, and how many runs use each."""
    from ftui.data import intake, versions

    at = homes.resolve(home)
    used = versions.used(at)
    lines = [
        {**{k: d.card()[k] for k in ("id", "name", "rows", "bytes")}, "runs": used.get(d.id, [])}
        for d in intake.list_datasets(at)
    ]
    if as_json:
        print_json({"datasets": lines})
        return
    lang = languages.of_terminal()
    for line in lines:
        rows, runs = languages.text("n_rows", lang, n=line["rows"]), languages.log("n_runs", lang, rows=len(line["runs"]))
        print(f"{line['id']}  {rows:>14}  {runs}  {line['name']}")


@data_app.command("delete")
def data_delete(
    dataset: Annotated[str, typer.Argument(help="A data set: its id, as `data list` shows it.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also where runs use it: those can then not be repeated.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a data set that no run uses."""
    from ftui.data import versions

    versions.delete(homes.resolve(home), dataset, force)
    print_json({"dataset": dataset, "status": "deleted"}) if as_json else print(f"{dataset} {languages.log('deleted', languages.of_terminal())}")


def disk(
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove what can go without harm (asks first).")
    ] = False,
    part: Annotated[
        list[str] | None, typer.Option("--part", help="With --clean: only this part; may be given several times.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --clean: do not ask.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what takes up the disk, and clean up."""
    from ftui.jobs import disk as disks

    found, lang = homes.resolve(home), languages.of_terminal()
    freed: dict[str, int] = {}
    if clean:
        parts = part or [name for name, safe in disks.PARTS.items() if safe]
        freeable = disks.removable(found)
        question = ", ".join(f"{name} {freeable.get(name, 0) / 1e6:.1f} MB" for name in parts)
        if yes or typer.confirm(languages.log("remove_these", lang, parts=question), err=True):
            freed = disks.clean(found, parts)
    use = disks.use(found)
    if as_json:
        print_json({**use, "removable": disks.removable(found), "removed": freed})
        return
    for name, size in use.items():
        print(f"{name:<21} {size / 1e6:>12,.1f} MB")
    for key, sizes in (("removable", disks.removable(found)), ("removed", freed)):
        for name, size in sizes.items():
            print(f"{languages.log(key, lang)} {name:<21} {size / 1e6:>1,.1f} MB")
