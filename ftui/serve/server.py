"""The serving job: a uvicorn server on the loopback address (or where the options say) until asked to stop."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ftui.core import hosts
from ftui.core.errors import UserError
from ftui.core.events import RUNNING

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from ftui.core.context import Context
    from ftui.core.home import Run

KEPT_OPEN = 75  # seconds that an idle connection stays: longer than most proxies keep theirs
FAREWELL = 5  # seconds in which requests under way may end


def serve(context: Context) -> bool:
    """Options: host, port (0: any free one), artifact (model, or an export's name), others ([[run, artifact], ...]: further
    models), root_path (under which a proxy shows it), idle (seconds without a question after which it ends; None: never). The key is $FTUI_API_KEY."""
    import uvicorn

    from ftui.serve.app import create
    from ftui.training.models import device

    options = context.options
    host = options.get("host", "127.0.0.1")
    models = folders(context.job.run, options)
    key = os.environ.get("FTUI_API_KEY") or None
    app = create(models, device(options.get("device", "auto")), key, local=host in hosts.ADDRESSES)
    listener = listen(host, options.get("port", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(config(app, options.get("root_path", "")))

    def watch() -> None:
        idle = options.get("idle")
        while not server.should_exit:
            if context.should_stop() or (idle and time.monotonic() - app.state.asked > idle):
                server.should_exit = True
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    context.events.write("ready", url=f"http://{shown}:{port}", models=list(models), key=key is not None)
    context.events.state(RUNNING)
    server.run(sockets=[listener])
    return not context.should_stop()


def config(app: FastAPI, root_path: str) -> uvicorn.Config:
    """How a server is to run; a proxy in front of it has taken `root_path` away."""
    import uvicorn

    return uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", server_header=False, root_path=root_path,
        timeout_keep_alive=KEPT_OPEN, timeout_graceful_shutdown=FAREWELL,
    )  # fmt: skip


def folders(run: Run, options: dict) -> dict[str, Path]:
    """{name: folder} of all that is served: the run's id, with its artefact behind it where a run is served twice."""
    from ftui.artifacts import exporting

    found: dict[str, Path] = {}
    for id, artifact in [(run.id, options.get("artifact", "model")), *options.get("others", [])]:
        found[id if id not in found else f"{id}:{artifact}"] = exporting.folder_of(run.home.run(id), artifact)
    return found


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UserError where the port is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:  # an OverflowError: no port at all
        raise UserError("port_taken", host=host, port=port) from error
