"""Files and Hub data sets into the home directory: <home>/datasets/<id>/ with the source, data.arrow and card.json."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ftui.core import languages
from ftui.core.errors import UserError, of_system
from ftui.core.home import Home, publish, write_json
from ftui.data import reading, values

VERSION = 1
Progress = Callable[[int], None]  # is told the number of rows so far

_ID = re.compile(r"[0-9a-f]{16}")
_turns: defaultdict[str, threading.Lock] = defaultdict(
    threading.Lock
)  # who imports the same content waits for the first


@dataclass(frozen=True)
class Dataset:
    """A folder of the home: source.<ext> as it came, data.arrow, card.json."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    def card(self) -> dict:
        """What is known of it: id, name, format, encoding, delimiter, rows, columns, bytes, created, notes ..."""
        return json.loads((self.path / "card.json").read_text(encoding="utf-8"))

    def table(self) -> pa.Table:
        """All rows, memory-mapped: what is not looked at costs no memory."""
        with pa.memory_map(str(self.path / "data.arrow")) as source:
            return pa.ipc.open_file(source).read_all()


def notes(card: dict, lang: str = "en") -> list[str]:
    """The notes of a card as sentences."""
    return [" ".join(languages.error(note["code"], lang)).format(**note["params"]).strip() for note in card["notes"]]


def open_dataset(path: Path) -> Dataset:
    """The data set in this folder, or a UserError."""
    if not (path / "card.json").is_file():
        raise UserError("dataset_unknown", dataset=path.name)
    return Dataset(path)


def list_datasets(home: Home) -> list[Dataset]:
    """All data sets of a home, newest first."""
    if not home.datasets.is_dir():
        return []
    found = [Dataset(p) for p in home.datasets.iterdir() if _ID.fullmatch(p.name) and (p / "card.json").is_file()]
    return sorted(found, key=lambda dataset: dataset.card()["created"], reverse=True)


def import_file(source: Path, home: Home, name: str | None = None, progress: Progress | None = None) -> Dataset:
    """The data set made of a file; `name` is what the user calls it. The same content gives the same folder."""
    source = Path(source)
    try:
        if not source.is_file():
            code = "data_is_folder" if source.is_dir() else "file_special" if source.exists() else "file_missing"
            raise UserError(code, path=source)
    except OSError as error:  # a name too long for any file; a folder that is closed
        raise UserError("file_unreadable", name=str(source)[-120:], problem=error.strerror) from error
    name = clean_name(name or source.name)
    with _explained(source, name, home):
        dataset = Dataset(home.datasets / _digest(source))
        with _turns[dataset.id]:
            if not _renewed(dataset, name):
                _publish(source, dataset, name, progress)
    return dataset


def _renewed(dataset: Dataset, name: str) -> bool:
    """Whether the data set is there already: then it is the newest again, under the name that it has now."""
    if not (dataset.path / "card.json").is_file():
        return False
    card = dataset.card()
    if card["version"] == VERSION:
        write_json(dataset.path / "card.json", {**card, "name": name, "created": time.time()})
    return card["version"] == VERSION


def _publish(source: Path, dataset: Dataset, name: str, progress: Progress | None) -> None:
    file = reading.recognise(source, name)
    read = reading.read(file)
    with _replaced(dataset) as folder:
        rows, schema = _write(read.batches, read.uniform, folder / "data.arrow", progress, file)
        if not rows:
            raise UserError("file_no_rows", name=name)
        shutil.copyfile(source, folder / f"source{file.suffix}")
        card = _card(dataset.id, name, read.format, rows, schema, source.stat().st_size)
        card |= {"encoding": read.encoding, "delimiter": read.delimiter, "skipped_rows": read.report.skipped_rows}
        card["notes"] = [{"code": code, "params": params} for code, params in read.report.notes.items()]
        write_json(folder / "card.json", card)


@contextmanager
def _replaced(dataset: Dataset) -> Iterator[Path]:
    """A folder to fill in the place of the data set's; what people have made beside an older one stays."""
    with publish(dataset.path) as folder:
        for name in ("labels.jsonl", "plan.json"):
            if (dataset.path / name).exists():
                shutil.copyfile(dataset.path / name, folder / name)
        yield folder


@contextmanager
def _explained(source: Path, name: str, home: Home) -> Iterator[None]:
    """What the system says of files, as one sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, PermissionError) and Path(error.filename or source) == source:
            raise UserError("file_unreadable", name=name, problem=error.strerror) from error
        raise (of_system(error, home.path) or error) from error


def import_hub(repo_id: str, home: Home, split: str | None = None) -> Dataset:
    """The data set made of one split of a Hub data set (`owner/name`, or `owner/name:config`): `split`, else "train",
    else the only one. HF_ENDPOINT and HF_TOKEN are respected; no code of the repository is run."""
    from ftui.data import hub

    home.datasets.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".hub-", dir=home.datasets) as temporary:
        data = Path(temporary) / "data.arrow"
        rows, schema = _write(hub.batches(repo_id, split), True, data, None)
        if not rows:
            raise UserError("file_no_rows", name=repo_id)
        dataset = Dataset(home.datasets / _digest(data))
        if _renewed(dataset, repo_id):
            return dataset
        with _replaced(dataset) as folder:
            size = data.stat().st_size
            os.replace(data, folder / "data.arrow")
            card = _card(dataset.id, repo_id, "hub", rows, schema, size)
            write_json(folder / "card.json", card)
    return dataset


def _card(id: str, name: str, format: str, rows: int, schema: pa.Schema, size: int) -> dict:
    columns = [{"name": column.name, "type": str(column.type)} for column in schema]
    return {
        "version": VERSION, "id": id, "name": name, "format": format, "encoding": None, "delimiter": None, "rows": rows,
        "columns": columns, "bytes": size, "created": time.time(), "skipped_rows": 0, "notes": [],
    }  # fmt: skip


def clean_name(name: str) -> str:
    """A name fit to be shown: no folders, no control or direction characters, not too long.

    >>> clean_name("../../etc/re\\nviews.csv")
    'reviews.csv'
    """
    last = re.split(r"[/\\\\]", name)[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") and c not in _DIRECTIONS)
    return kept.strip()[-120:] or "data"


_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _digest(path: Path) -> str:
    """The first 16 hexadecimal digits of the content's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _write(
    batches: Iterator[pa.RecordBatch], uniform: bool, path: Path, progress: Progress | None, file: reading.Recognised | None = None
) -> tuple[int, pa.Schema]:
    """Stream batches, of a file if it is one, into an Arrow file; returns the number of rows and the schema.

    Where types show only as the file is read, batches wait in a spool beside it until the types of all are known.
    """
    counted = _counted(batches, progress)
    if uniform:
        return _write_file(_measured(counted, file), None, path)
    spool = path.with_name("spool")
    schema = None
    with pa.OSFile(str(spool), "wb") as sink:
        for batch in _measured(counted, file):
            schema = values.common_schema(schema, batch.schema)
            if file:
                values.check_columns(len(schema), file.name)
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
    schema = values.settled(schema or pa.schema([]))
    fitted = (values.fit(batch, schema) for batch in _spooled(spool))
    written = _write_file(_measured(fitted, file), schema, path)
    spool.unlink()
    return written


def _counted(batches: Iterator[pa.RecordBatch], progress: Progress | None) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += len(batch)
        if progress:
            progress(rows)
        yield batch


def _measured(batches: Iterator[pa.RecordBatch], file: reading.Recognised | None) -> Iterator[pa.RecordBatch]:
    """The batches as long as they are not absurdly large for this file."""
    size = 0
    for batch in batches:
        size += batch.nbytes
        if file:
            file.check_written(size)
        yield batch


def _spooled(spool: Path) -> Iterator[pa.RecordBatch]:
    """The batches of a spool: Arrow streams one after the other, each with a schema of its own."""
    with pa.OSFile(str(spool), "rb") as source:
        while source.tell() < source.size():
            yield from pa.ipc.open_stream(source)


def _write_file(batches: Iterator[pa.RecordBatch], schema: pa.Schema | None, path: Path) -> tuple[int, pa.Schema]:
    first = next(batches, None)
    if first is None:
        return 0, schema or pa.schema([])
    schema, rows = schema or first.schema, 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        while first is not None:
            writer.write_batch(first)
            rows += len(first)
            first = next(batches, None)
    return rows, schema
