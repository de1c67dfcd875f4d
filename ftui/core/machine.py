"""What this machine computes with, found without torch."""

import contextlib
import functools
import os
import platform
import shutil
import subprocess
from pathlib import Path


@functools.cache
def gpus() -> tuple[str, ...]:
    """Devices besides the processor that are there: cuda where NVIDIA's driver lists a card, mps on Apple's chips."""
    found = []
    if shutil.which("nvidia-smi"):
        try:
            done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done and done.returncode == 0 and "GPU" in done.stdout:
            found.append("cuda")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        found.append("mps")
    return tuple(found)


def devices() -> list[str]:
    """What `device` in a recipe can be here."""
    return ["auto", "cpu", *gpus()]


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or what its container was given."""
    import psutil

    limits = [psutil.virtual_memory().total]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):  # cgroup v2, v1
        with contextlib.suppress(OSError, ValueError):  # "max": none is set
            limits.append(int(Path(path).read_text()))
    return min(limits)


def busy() -> float:
    """How many times as long work takes for what else is going on here: 1 on an idle machine, and where the system does not say."""
    return 1.0 + os.getloadavg()[0] / cores() if hasattr(os, "getloadavg") else 1.0
