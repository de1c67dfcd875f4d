"""What is taken away does not stay behind."""

import os
import tempfile
from pathlib import Path

from ftui.ui import downloads, recipe_box
from ftui.ui.downloads import KEPT


def test_a_download_is_removed_by_a_later_one(home, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = tmp_path / "ftui-other"
    others.mkdir()
    os.utime(others, (0, 0))
    first = Path(recipe_box.download(home, "en", "version: 1"))
    second = downloads.place("预测.csv")
    assert first.read_text() == "version: 1" and first.name == "recipe.yaml" and first.parent != second.parent
    old = first.parent.stat().st_mtime - KEPT - 60
    os.utime(first.parent, (old, old))
    downloads.place("third")
    assert not first.parent.exists() and second.parent.exists() and others.exists()
