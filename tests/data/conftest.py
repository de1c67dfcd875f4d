"""What the tests of the data floor share: an empty home, an import in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ftui.core.home import Home
from ftui.data import intake


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def load(tmp_path: Path, home: Home) -> Callable[[bytes | str, str], intake.Dataset]:
    """Write a file and import it."""

    def load(content: bytes | str, name: str = "data.csv") -> intake.Dataset:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return intake.import_file(path, home, name)

    return load
