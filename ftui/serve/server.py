"""The serving job: a uvicorn server on the loopback address (or where the options say) until asked to stop."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from ftui.core.events import RUNNING

if TYPE_CHECKING:
    from ftui.core.context import Context


def serve(context: Context) -> bool:
    """Options: host, port (0: any free one), artifact (model, or an export's name), idle (seconds without a question after which it ends; None: never)."""
    import uvicorn

    from ftui.artifacts import exporting
    from ftui.serve.app import create
    from ftui.training.models import device

    options = context.options
    host = options.get("host", "127.0.0.1")
    run = context.job.run
    app = create(exporting.folder_of(run, options.get("artifact", "model")), device(options.get("device", "auto")))
    listener = socket.create_server((host, options.get("port", 0)))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))

    def watch() -> None:
        idle = options.get("idle")
        while not server.should_exit:
            if context.should_stop() or (idle and time.monotonic() - app.state.asked > idle):
                server.should_exit = True
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
    context.events.write("ready", url=f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}")
    context.events.state(RUNNING)
    server.run(sockets=[listener])
    return not context.should_stop()
