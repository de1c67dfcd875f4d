"""One change to Gradio's own script, until Gradio makes it: with every message of every event it tells each component that any
event has touched how that event goes on, also where nothing of it is shown.

With the hundreds of components of these pages that took 0.1 s of a core for each message: two thirds of a core for as long as a
training's log was watched, now a quarter (benchmarks/watching.py), and clicks that waited for seconds while an answer was written.
"""

from __future__ import annotations

import functools
import gzip
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response

ALL = "Object.entries(this.loading_stati.current).map("
NEWS = """Object.entries(this.loading_stati.current).filter(([id, status]) => {
  const before = (this.shown ??= {})[id], now = this.shown[id] = status.show_progress !== "hidden";
  return now || before;
}).map("""


@functools.cache
def script() -> tuple[Path, bytes] | None:
    """(Gradio's file, what it is changed to, gzipped); None where this Gradio has no such place: then it runs as it is."""
    import gradio

    for path in (Path(gradio.__file__).parent / "templates" / "frontend" / "assets").glob("Blocks-*.js"):
        content = path.read_text(encoding="utf-8")
        if content.count(ALL) == 1:
            return path, gzip.compress(content.replace(ALL, NEWS).encode("utf-8"))
    return None


def add_route(web: FastAPI, root: str) -> None:
    """The changed file, under the address of the one that belongs to the Gradio app at `root`; to be added before that app."""
    changed = script()
    if changed is None:
        return
    path, content = changed

    @web.get(f"{root}/assets/{path.name}")
    def blocks() -> Response:
        headers = {"Content-Encoding": "gzip", "Cache-Control": "max-age=0, must-revalidate"}
        return Response(content, media_type="text/javascript", headers=headers)
