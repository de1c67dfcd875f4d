"""Is the process that wrote this still there? A pid alone is no answer, since pids are used again."""

import socket

import psutil


def identity(pid: int) -> dict:
    """{"pid", "start", "host"}: names a process for good. `start` is in seconds since the epoch."""
    return {"pid": pid, "start": psutil.Process(pid).create_time(), "host": socket.gethostname()}


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
        return abs(process.create_time() - card["start"]) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
