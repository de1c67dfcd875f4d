"""What this machine has."""

from pathlib import Path

import psutil
import pytest

from ftui.core import machine


@pytest.mark.parametrize(("limit", "expected"), [("1073741824\n", 1 << 30), ("max\n", None), ("9223372036854771712\n", None)])
def test_memory_is_what_the_container_was_given(monkeypatch, limit, expected):
    usual = Path.read_text

    def read(path, *given, **options):
        return limit if str(path).startswith("/sys/fs/cgroup/") else usual(path, *given, **options)

    monkeypatch.setattr(Path, "read_text", read)
    assert machine.memory() == (expected or psutil.virtual_memory().total)
