"""Data sets in the home: whole or not there, the same for the same content, named as the user named them."""

import errno
import gzip
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from ftui.core.errors import UserError
from ftui.data import intake, reading

CSV = "text,label\n好,正面\nbad,负面\n"


def test_card(load) -> None:
    dataset = load(CSV.encode("gbk"), "reviews.csv")
    card = dataset.card()
    assert card.pop("created") > 1.7e9
    assert card == {
        "version": 1,
        "id": dataset.id,
        "name": "reviews.csv",
        "format": "csv",
        "encoding": "gb18030",
        "delimiter": ",",
        "rows": 2,
        "columns": [{"name": "text", "type": "string"}, {"name": "label", "type": "string"}],
        "bytes": len(CSV.encode("gbk")),
        "skipped_rows": 0,
        "notes": [],
    }
    assert sorted(p.name for p in dataset.path.iterdir()) == ["card.json", "data.arrow", "source.csv"]


def test_id_is_the_content(load, home) -> None:
    import hashlib

    first = load(CSV, "a.csv")
    assert first.id == hashlib.sha256(CSV.encode()).hexdigest()[:16]
    assert first.path == home.datasets / first.id
    assert load(CSV + "more,正面\n", "a.csv").id != first.id


def test_the_same_content_again_is_the_same_folder_under_its_new_name(load, home) -> None:
    first = load(CSV, "a.csv")
    before = (first.path / "data.arrow").stat()
    other = load(CSV.replace("bad", "worse"), "other.csv")
    assert [d.id for d in intake.list_datasets(home)] == [other.id, first.id]
    again = load(CSV, "b.csv")
    assert again == first
    assert again.card()["name"] == "b.csv"
    assert (first.path / "data.arrow").stat().st_mtime_ns == before.st_mtime_ns
    assert [d.id for d in intake.list_datasets(home)] == [first.id, other.id]


def test_a_card_of_another_version_is_made_anew(load) -> None:
    dataset = load(CSV)
    card = dataset.card()
    (dataset.path / "card.json").write_text(json.dumps({**card, "version": 0, "rows": 99}))
    assert load(CSV).card()["rows"] == 2


def test_the_table_is_mapped_not_read(load) -> None:
    dataset = load("text,label\n" + f"{'x' * 1000},1\n" * 20_000)
    before = pa.total_allocated_bytes()
    table = dataset.table()
    assert table.num_rows == 20_000
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_progress_counts_rows(load, home, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "good,1\n" * 40_000)
    told: list[int] = []
    intake.import_file(path, home, progress=told.append)
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == 40_000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("reviews.csv", "reviews.csv"),
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\Users\\me\\评论.csv", "评论.csv"),
        ("a\nb\x00c\x1b[31m.csv", "abc[31m.csv"),
        ("\u202egpj.csv", "gpj.csv"),
        ("数据👨‍👩‍👧.csv", "数据👨‍👩‍👧.csv"),
        ("x" * 300 + ".csv", "x" * 116 + ".csv"),
        ("/", "data"),
        ("  ", "data"),
    ],
)
def test_names(load, home, name: str, shown: str) -> None:
    dataset = load(CSV, name)
    assert dataset.card()["name"] == shown
    assert dataset.path.parent == home.datasets


def test_name_is_the_files_own_where_none_is_given(home, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CSV)
    assert intake.import_file(path, home).card()["name"] == "mine.csv"


def test_missing_file_folder_and_unknown_data_set(home, tmp_path: Path) -> None:
    for act, code in [
        (lambda: intake.import_file(tmp_path / "none.csv", home), "file_missing"),
        (lambda: intake.import_file(tmp_path, home), "data_is_folder"),
        (lambda: intake.open_dataset(tmp_path), "dataset_unknown"),
    ]:
        with pytest.raises(UserError) as caught:
            act()
        assert caught.value.code == code
    assert intake.list_datasets(home) == []


def test_list_passes_over_what_is_no_data_set(load, home) -> None:
    dataset = load(CSV)
    (home.datasets / ".half").mkdir()
    (home.datasets / "0123456789abcdef").mkdir()
    (home.datasets / "notes.txt").write_text("x")
    assert intake.list_datasets(home) == [dataset]
    assert intake.open_dataset(dataset.path) == dataset


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied"), "file_unreadable"),
    ],
)
def test_what_the_system_says(load, home, monkeypatch, error: OSError, code: str) -> None:
    def fail(*_):
        raise error

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(UserError) as caught:
        load(CSV)
    assert caught.value.code == code
    assert list(home.datasets.iterdir()) == []
    monkeypatch.undo()
    assert load(CSV).card()["rows"] == 2


def test_several_at_a_time(home, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV * 1000)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: intake.import_file(path, home), range(24)))
    assert len(set(found)) == 1
    assert found[0].table().num_rows == found[0].card()["rows"] > 2000
    assert [p.name for p in home.datasets.iterdir()] == [found[0].id]


def test_a_crash_in_the_middle_leaves_nothing(load, home, monkeypatch) -> None:
    load(CSV)
    monkeypatch.setattr(reading, "read", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load(CSV + "c,负面\n")
    assert len(list(home.datasets.iterdir())) == 1


def test_notes_as_sentences(load) -> None:
    content = ("很好,正面\n" * 20 + "a,b,c\n").encode() + "坏\xff,负面\n".encode("latin-1", "ignore") + b"x\xff,\n"
    card = load(gzip.compress(content), "a.csv.gz").card()
    english, chinese = intake.notes(card), intake.notes(card, "zh")
    assert [note["code"] for note in card["notes"]] == ["note_undecodable", "note_no_header", "note_skipped_rows"]
    assert "utf-8" in english[0]
    assert "record 21" in english[2]
    assert "第 21 条" in chinese[2]
    assert all(line == line.strip() for line in english + chinese)
