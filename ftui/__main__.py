"""python -m ftui: the command line. Thin: every command calls what the page calls."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from ftui import __version__
from ftui.cli import data, helping, models, runs, searching, smaller
from ftui.cli.following import BAD_INPUT, INTERRUPTED, OK, HomeOption, print_json
from ftui.core import home as homes
from ftui.core import languages
from ftui.core.errors import UserError, of_system

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fine-tune, evaluate, export and serve transformers.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"ftui {__version__}")
        raise typer.Exit


@app.callback()
def common(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False) -> None:
    """What is true of all commands."""


@app.command()
def ui(
    host: Annotated[str, typer.Option(envvar="GRADIO_SERVER_NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="GRADIO_SERVER_PORT", help="Port; 0 takes any free one.")] = 7860,
    share: Annotated[
        bool, typer.Option("--share", help="Make a public link (gradio.live); a login is made up unless given.")
    ] = False,
    auth: Annotated[str | None, typer.Option(envvar="FTUI_AUTH", help="USER:PASSWORD for the login.")] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="No login although others can reach the page.")] = False,
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo", envvar="FTUI_DEMO", help="Open to everybody: each visitor sees only their own data and runs, within limits (default on a Space without --auth)."
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", envvar="FTUI_ROOT_PATH", help="The path under which a proxy shows the page, and which it takes away.")
    ] = "",
    home: HomeOption = None,
) -> None:
    """Open the dashboard."""
    from ftui.ui.app import serve_ui

    if demo is None:
        demo = bool(os.environ.get("SPACE_ID")) and auth is None
    serve_ui(homes.resolve(home), host=host, port=port, share=share, auth=auth, no_auth=no_auth, demo=demo, root_path=root_path)


for command in (runs.train, runs.estimate, runs.race, searching.search, models.evaluate, models.predict, models.export, models.bundle, models.push, models.script, models.serve, data.disk):
    app.command()(command)
for command in (smaller.distil, smaller.prune, smaller.ensemble):
    app.command()(command)
app.add_typer(runs.runs_app, name="runs")
app.add_typer(data.data_app, name="data")


def main() -> int:
    """Run a command; what the user can mend becomes one sentence and exit code 2."""
    lang = languages.of_terminal()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal in GBK has no emoji
    try:
        command = typer.main.get_command(app)
        helping.translate(command, lang)
        code = command(standalone_mode=False)
        return code if isinstance(code, int) else OK
    except UserError as error:
        return _refuse(error, lang)
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click: wrong usage
            problem = helping.problem(error.format_message(), lang)
            return _refuse(UserError("usage", problem=problem), lang) if problem else BAD_INPUT  # nothing was asked for: the help stands there
        told = of_system(error, "--home") if isinstance(error, OSError) else None
        if told is None:
            raise
        return _refuse(told, lang)


def _refuse(error: UserError, lang: str) -> int:
    """One sentence, or one JSON document where that is wanted; the exit code."""
    if "--json" in sys.argv:
        print_json({"error": error.as_dict(lang)})
    else:
        print(f"{error.message(lang)} {error.hint(lang)}", file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    sys.exit(main())
