"""One artefact, served without a home directory, as a container does it: python -m ftui.serve FOLDER [--port 8000]"""

import argparse
import os
from pathlib import Path

import uvicorn

from ftui.core import hosts
from ftui.core.errors import UserError
from ftui.serve import server
from ftui.serve.app import create
from ftui.training.models import device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an artefact: a run's model/, or one of its exports")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--root-path", default=os.environ.get("FTUI_ROOT_PATH", ""))
    given = parser.parse_args()
    key = os.environ.get("FTUI_API_KEY") or None
    try:
        app = create({"model": given.folder}, device(given.device), key, local=given.host in hosts.ADDRESSES)
        listener = server.listen(given.host, given.port)
    except UserError as error:
        parser.error(str(error))
    uvicorn.Server(server.config(app, given.root_path)).run(sockets=[listener])


if __name__ == "__main__":
    main()
