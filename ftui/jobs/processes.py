"""Is the process that wrote this still there? A pid alone is no answer, since pids are used again."""

import functools
import socket
from pathlib import Path

import psutil


def identity(pid: int) -> dict:
    """{"pid", "start", "host"}: names a process for good."""
    return {"pid": pid, "start": _start(psutil.Process(pid)), "host": socket.gethostname()}


def _start(process: psutil.Process) -> str | float:
    """When the process began: on Linux which boot, and how many ticks after it, for the clock may be set; elsewhere seconds."""
    try:
        ticks = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        return f"{_boot()} {ticks}"
    except (OSError, IndexError):
        return process.create_time()


@functools.cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def kill(card: dict) -> None:
    """Kill that very process and its children, if it is still running here."""
    if not alive(card):
        return
    try:
        parent = psutil.Process(card["pid"])
        for process in [parent, *parent.children(recursive=True)]:
            process.kill()
    except psutil.Error:
        pass  # it has just ended


def here(card: dict) -> bool:
    """Whether the process belongs to this machine."""
    return card.get("host") == socket.gethostname()


def alive(card: dict) -> bool:
    """Whether that very process is still running here."""
    if "pid" not in card or not here(card):
        return False
    try:
        process = psutil.Process(card["pid"])
        began = card["start"]
        same = began == _start(process) if isinstance(began, str) else abs(process.create_time() - began) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
