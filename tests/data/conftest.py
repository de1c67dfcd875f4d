"""What the tests of the data floor share: an empty home, an import in one line, the real data sets."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftui.core.home import Home
from ftui.data import intake

REPOSITORY = Path(__file__).parents[2]


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


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """A file of the real data sets: $FTUI_TEST_DATA, else ../shared/data. Missing, the test is skipped, on CI it fails."""

    def find(name: str) -> Path:
        path = Path(os.environ.get("FTUI_TEST_DATA") or REPOSITORY.parent / "shared" / "data") / name
        if not path.exists() and not os.environ.get("CI"):
            pytest.skip(f"no {path}: set FTUI_TEST_DATA")
        assert path.exists(), f"no {path}: set FTUI_TEST_DATA"
        return path

    return find
