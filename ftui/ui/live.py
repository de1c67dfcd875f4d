"""What a page asks for again and again, also from a background tab where gr.Timer does not tick: GET /live.

New log lines, the state for the tab's title, a mark that changes whenever there is something to draw, and whether a
run that somebody waits for has ended.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.jobs import queue
from ftui.jobs.following import follow
from ftui.ui import charts, lines, pieces, sidebar, style
from ftui.ui.page import find_run

MOST_AWAITED = 20  # runs in one question


def add_route(web: FastAPI, home_of: Callable[[Request], Home], admitted: Callable[[Request], bool]) -> None:
    """GET /live. `home_of(request)` is the visitor's home (it raises UserError for one who has none); a request that
    is not `admitted`, for want of a login, learns nothing."""

    @web.get("/live")
    def live(
        request: Request, lang: str = "en", run: str = "", after: int = 0, level: str = "all", find: str = "", wait: str = ""
    ) -> JSONResponse:
        if not admitted(request):
            return JSONResponse({}, 401)
        try:
            home = home_of(request)
        except UserError:
            return JSONResponse({}, 403)
        lang = lang if lang in languages.LANGUAGES else "en"
        level = level if level in lines.LEVELS else "all"
        answer = news(home, lang, run, max(0, after), level, find[:200])
        answer["ended"] = ended(home, lang, [name for name in wait.split(",") if name][:MOST_AWAITED])
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def news(home: Home, lang: str, run_id: str, after: int, level: str, find: str) -> dict:
    """{"state", "over", "title", "mark", "first", "total", "lines"} of a run; {"state": ""} where there is none.

    `title` is what a browser's tab says, `mark` changes with everything that the log tab draws; `lines` are those from
    number `first` on, each time, level and sentence, `total` is how many match `level` and `find` by now.
    """
    run = find_run(home, run_id)
    job = run.training() if run else None
    if run is None or job is None:
        return {"state": "", "over": True, "title": "", "mark": "", "first": 0, "total": 0, "lines": []}
    state = jobs.state(job)
    told = follow(job)
    place = queue_place(run) if state == ev.QUEUED else 0
    moved = (told.progress or {}).get("time")
    found = lines.lines(job, lang, level, find)
    first, new = found.after(after)
    return {
        "state": state,
        "over": state in ev.TERMINAL,
        "title": title(jobs.summary(run), place),
        "mark": f"{run.id} {state} {place} {told.attempt} {told.points_seen} {moved}",
        "first": first,
        "total": first + len(new),
        "lines": new,
    }


def queue_place(run: Run) -> int:
    """1 for the next one, 0 for a run that does not wait."""
    order = queue.waiting(run.home)
    return order.index(run.id) + 1 if run.id in order else 0


def title(line: dict, place: int) -> str:
    """A run in the few characters of a browser's tab: "42 %", "✓ 0.91", "◷ 2"."""
    icon = style.STATE_ICONS[line["state"]]
    if line["state"] in (ev.RUNNING, ev.STOPPING) and line["max_steps"]:
        return f"{(line['step'] or 0) / line['max_steps']:.0%}".replace("%", " %")
    if line["state"] == ev.QUEUED and place:
        return f"{icon} {place}"
    if line["state"] == ev.FINISHED and line["value"] is not None:
        return f"{icon} {line['value']:.2f}"
    return icon


def ended(home: Home, lang: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
    """{run: {"title", "text"}} of those that have ended: a notification's words. One that is gone has none."""
    found = {}
    for run_id in run_ids:
        run = find_run(home, run_id)
        if run is None:
            found[run_id] = {"title": "", "text": ""}
            continue
        line = jobs.summary(run)
        if line["state"] in ev.TERMINAL:
            said = [languages.text("took_plain", lang, span=pieces.duration(line["seconds"], lang))]
            if line["value"] is not None and line["state"] == ev.FINISHED:
                said.insert(0, f"{charts.metric_name(line['metric'], lang)} {line['value']:.3f}")
            state = languages.log("state_" + line["state"], lang)
            head = f"{style.STATE_ICONS[line['state']]} {sidebar.name_of(line, lang)}: {state}"
            found[run.id] = {"title": head, "text": " · ".join(said)}
    return found
