"""What an augmentation with a model would make of a few texts: asked of a process of its own, for the page's never loads a model."""

import json
import os
import subprocess
import sys
import threading

from ftui.core.errors import UserError
from ftui.jobs import python_path

PATIENCE = 300  # seconds, a download included
_turn = threading.Lock()  # one model in memory at a time


def augmented(asked: dict) -> list[str]:
    """The texts after the step; `asked` as in ftui.training.augmenting.preview. Raises UserError."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(python_path())}
    command = [sys.executable, "-W", "ignore", "-m", "ftui.training.augmenting"]
    with _turn:
        try:
            done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False)
        except subprocess.TimeoutExpired as error:
            raise UserError("preview_failed", problem=f"{PATIENCE} s") from error
    lines = done.stdout.strip().splitlines() or [""]
    try:
        answer = json.loads(lines[-1])
    except ValueError as error:
        raise UserError("preview_failed", problem=(done.stderr.strip().splitlines() or ["?"])[-1][:200]) from error
    if "error" in answer:
        raise UserError(answer["error"]["code"], **answer["error"]["params"])
    return answer["texts"]
