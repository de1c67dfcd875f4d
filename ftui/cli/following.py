"""What the commands share: options, exit codes, and following a job on a terminal."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from pathlib import Path
from typing import Annotated, Any

import typer

from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import told_by
from ftui.core.home import Job

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where data sets and runs live (default: $FTUI_HOME or ~/.ftui).")
]
RunArgument = Annotated[str, typer.Argument(help="A run: its id, or the beginning or end of one that no other has.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
ArtefactOption = Annotated[
    str, typer.Option("--artefact", help="Which form of the model: model, or the name of an export.")
]
OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def print_json(document: Any) -> None:
    """One line of JSON on stdout, escaped where that cannot show every character."""
    narrow = (sys.stdout.encoding or "").lower().replace("-", "") not in ("utf8", "")
    print(json.dumps(document, ensure_ascii=narrow, default=str), flush=True)


def padded(word: str, width: int) -> str:
    """A word filled up to so many columns of a terminal, in which a Chinese character takes two."""
    return word + " " * (width - sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in word))


def follow_training(job: Job) -> int:
    status = follow(job)
    if status is None:
        print(languages.log("goes_on", languages.of_terminal(), run=job.run.id), file=sys.stderr)
        return INTERRUPTED
    metrics: dict[str, float] = {}
    for event in ev.read(job.events)[0]:
        if event["type"] == "metric":
            metrics |= event["values"]
    model = str(job.run.model) if job.run.model.exists() else None
    line = {"run": job.run.id, "status": status, "metrics": metrics, "model": model}
    failure = failure_of(job)
    if failure:
        line["error"] = failure
    print_json(line)
    if status == ev.FINISHED:
        return OK
    return (
        BAD_INPUT if failure and languages.knows_error(failure["code"]) and exit_code_of(job) == BAD_INPUT else FAILED
    )


def follow(job: Job) -> str | None:
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


def failure_of(job: Job) -> dict | None:
    event = ev.last([e for e in ev.read(job.events)[0] if e["attempt"] == job.card()["attempt"]], "error")
    if event is None:
        return None
    message, hint = told_by(event, languages.of_terminal())
    return {"code": event["code"], "message": message, "hint": hint}


def exit_code_of(job: Job) -> int:
    return (ev.last(ev.read(job.events)[0], "state") or {}).get("exit_code", FAILED)


def finish(job: Job, as_json: bool = False) -> int:
    """Follow a short job; its exit code. With `as_json` what has gone wrong is told on stdout as well."""
    status = follow(job)
    if status is None:
        return INTERRUPTED
    failure = failure_of(job) if as_json else None
    if failure:
        print_json({"error": failure})
    return OK if status == ev.FINISHED else exit_code_of(job)
