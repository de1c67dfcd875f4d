"""Where a file lies that a visitor takes away: a copy outside the home, for an hour. Gradio hands out a copy of its own."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "ftui-download-"
KEPT = 3600  # seconds


def place(name: str) -> Path:
    """A path for a new file of this name, in a folder of its own. What earlier downloads have left, also those of a server
    that was killed, goes."""
    for folder in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        if _age(folder) > KEPT:
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX)) / name


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.lstat().st_mtime
    except FileNotFoundError:  # another download has removed it
        return 0.0
