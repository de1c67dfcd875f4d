"""A file of any format to Arrow batches. The name's ending says the format, the content has the last word."""

import gzip
import io
import itertools
import json
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TextIO

import pyarrow as pa

from ftui.core.errors import UserError
from ftui.data import conll, delimited, encodings, grids, objects, parquet
from ftui.data.grids import Report

# The formats and the endings that suggest them.
SUFFIXES = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "txt", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".conll": "conll", ".bio": "conll", ".iob": "conll", ".bmes": "conll", ".parquet": "parquet", ".pq": "parquet", ".xlsx": "xlsx", ".xlsm": "xlsx",
}  # fmt: skip
_PREFERRED = {"tsv": "\t", "txt": "\t"}
_HEAD = 1 << 16
_LAST_ROW = 1_048_576  # of a sheet; a row may have any number, and those that are missing before it are filled in
_MOST_SHEETS = 100  # that are looked through for one with rows

# A packed file that becomes larger than this is none that anybody has written by hand: bytes, and times its size.
LARGEST_UNPACKED = 100_000_000
LARGEST_RATIO = 40

# What damaged files make the libraries raise.
PACKED = (EOFError, gzip.BadGzipFile, zlib.error)
EXCEL = (zipfile.BadZipFile, LookupError, ValueError, TypeError, AttributeError, SyntaxError, RuntimeError)
PARQUET = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass
class Source:
    """A file as it is read: `batches` can be consumed once, `report` is complete afterwards.

    `uniform` says that all batches have the same schema; else `values.common_schema` must bring them together.
    """

    format: str
    encoding: str | None
    delimiter: str | None
    uniform: bool
    batches: Iterator[pa.RecordBatch]
    report: Report = field(default_factory=Report)


@dataclass(frozen=True)
class Recognised:
    """What a file is: `format` is one of SUFFIXES' values, `packed` says that it is gzip."""

    path: Path
    name: str
    format: str
    packed: bool

    @property
    def suffix(self) -> str:
        """The ending that fits the content."""
        return f".{self.format}" + (".gz" if self.packed else "")

    def open(self) -> BinaryIO:
        """The file's bytes, unpacked."""
        return _Unpacked(self) if self.packed else open(self.path, "rb")

    def check_size(self, unpacked: int) -> None:
        """Raise UserError for a file that unpacks to so many bytes, if these are suspiciously many."""
        most = max(LARGEST_UNPACKED, LARGEST_RATIO * self.path.stat().st_size)
        if unpacked > most:
            raise UserError("file_bomb", name=self.name, megabytes=most // 1_000_000)

    def check_written(self, size: int) -> None:
        """The same for so many bytes of Arrow. Of packed text five times as many may be: an empty cell is one byte of
        text and takes up to five."""
        self.check_size(size // 5 if self.packed else size)


class _Unpacked(gzip.GzipFile):
    """The content of a gzip file, as far as it is not absurdly long."""

    def __init__(self, file: Recognised):
        super().__init__(file.path, "rb")
        self.file = file

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:  # in pieces, so that it can be broken off
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        return self._checked(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        return self._checked(super().read1(size))

    def _checked(self, data: bytes) -> bytes:
        self.file.check_size(self.tell())
        return data


def recognise(path: Path, name: str) -> Recognised:
    """What the file at `path`, which a user knows as `name`, is; a UserError where it is nothing that can be read."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    suggested = SUFFIXES.get(suffixes[-1] if suffixes else "", "txt")
    found = Recognised(path, name, suggested, packed)
    with damaged(name, "gzip", PACKED), found.open() as file:
        head = file.read(_HEAD)
    return Recognised(path, name, _format(head, found), packed)


def _format(head: bytes, file: Recognised) -> str:
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe,;|\""):  # delimiters alone are no table either
        raise UserError("file_empty", name=file.name)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UserError("file_old_excel", name=file.name)
    if file.format in ("parquet", "xlsx") and encodings.looks_binary(head):
        raise UserError("file_damaged", name=file.name, format=file.format, problem="its content is something else")
    if encodings.looks_binary(head):
        raise UserError("file_binary", name=file.name)
    return _text_format(head, file.format)


def _text_format(head: bytes, suggested: str) -> str:
    """csv, tsv, txt, json or jsonl, for a file that is text."""
    start = head.translate(None, b"\x00\xef\xbb\xbf\xff\xfe").lstrip()  # no byte order mark, and UTF-16 as ASCII
    first, newline, rest = start.partition(b"\n")
    whole = _is_json(first)
    if suggested in ("conll", "txt", "tsv") and conll.is_conll(start.decode("utf-8", "replace").split("\n")[: conll.LOOKED_AT]):
        return "conll"
    if suggested not in ("json", "jsonl") and not whole:
        return suggested if suggested in ("csv", "tsv", "txt") else "csv"
    if start.startswith(b"["):
        return "json"
    if whole and rest.strip():
        return "jsonl"
    if not start.startswith(b"{") or (newline and first.strip() == b"{"):
        return "json"
    return "jsonl" if suggested == "jsonl" else "json"


def _is_json(line: bytes) -> bool:
    """Whether this is an object or a list of objects."""
    try:
        value = json.loads(line.decode("latin-1"))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) or isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def read(file: Recognised) -> Source:
    """The file as batches. Errors in the content come up, as UserError, while the batches are consumed."""
    report = Report()
    if file.format == "parquet":
        return Source("parquet", None, None, True, _parquet(file), report)
    if file.format == "xlsx":
        return Source("xlsx", None, None, False, grids.batches(_sheet(file), report, file.name, texts=False), report)
    with damaged(file.name, "gzip", PACKED):
        encoding = encodings.detect(file.open)
        if encoding.damaged:
            report.notes["note_undecodable"] = {"count": encoding.damaged, "encoding": encoding.name}
        if file.format in ("json", "jsonl"):
            return Source(file.format, encoding.name, None, False, _json(file, encoding), report)
        if file.format == "conll":
            return Source("conll", encoding.name, None, False, _conll(file, encoding), report)
        dialect = _dialect(file, encoding)
    prose = dialect.delimiter is None and file.format == "txt"
    found = grids.batches(_records(file, encoding, dialect, report), report, file.name, texts=True, prose=prose)
    return Source(file.format, encoding.name, dialect.delimiter, True, found, report)


@contextmanager
def damaged(name: str, format: str, kinds: tuple[type[Exception], ...]) -> Iterator[None]:
    """What a library raises when it meets a damaged file, as one sentence."""
    try:
        yield
    except kinds as error:
        raise UserError("file_damaged", name=name, format=format, problem=" ".join(str(error).split())[:120]) from error


def _text(file: Recognised, encoding: encodings.Encoding) -> TextIO:
    return io.TextIOWrapper(file.open(), encoding.name, encoding.errors, newline="")


def _json(file: Recognised, encoding: encodings.Encoding) -> Iterator[pa.RecordBatch]:
    with damaged(file.name, "gzip", PACKED), _text(file, encoding) as text:
        found = objects.lines(text, file.name) if file.format == "jsonl" else objects.document(text.read(), file.name)
        yield from objects.batches(found, file.name)


def _conll(file: Recognised, encoding: encodings.Encoding) -> Iterator[pa.RecordBatch]:
    with damaged(file.name, "gzip", PACKED), _text(file, encoding) as text:
        yield from objects.batches(conll.sentences(text), file.name)


def _dialect(file: Recognised, encoding: encodings.Encoding) -> delimited.Dialect:
    with _text(file, encoding) as text:
        head = text.read(delimited.SAMPLE_CHARACTERS)
        dialect = delimited.sniff(head, not text.read(1), _PREFERRED.get(file.format, ","))
    if dialect.delimiter is None and file.format == "txt":
        return replace(dialect, quoted=False)  # prose: its quotes belong to it
    if not dialect.quoted or dialect.delimiter is None:
        return dialect
    with _text(file, encoding) as text:
        return replace(dialect, each_line=delimited.delimiters_each_line(text, dialect.delimiter))


def _records(
    file: Recognised, encoding: encodings.Encoding, dialect: delimited.Dialect, report: Report
) -> Iterator[list[str]]:
    with damaged(file.name, "gzip", PACKED), _text(file, encoding) as text:
        yield from delimited.records(text, dialect, lambda: report.count("note_stray_quote"))


@contextmanager
def _seekable(file: Recognised) -> Iterator[BinaryIO]:
    """Formats with their index at the end are unpacked first."""
    with file.open() as source:
        if not file.packed:
            yield source
            return
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(source, unpacked, 1 << 20)
            unpacked.seek(0)
            yield unpacked


def _parquet(file: Recognised) -> Iterator[pa.RecordBatch]:
    with damaged(file.name, "Parquet", (*PACKED, *PARQUET)), _seekable(file) as source:
        yield from parquet.batches(source, file.name, file.check_size)


def _sheet(file: Recognised) -> Iterator[list]:
    """The rows of the first sheet that has any; formula cells give the values that were saved with them."""
    import openpyxl

    with damaged(file.name, "Excel", (*PACKED, *EXCEL)), _seekable(file) as source:
        with zipfile.ZipFile(source) as archive:
            file.check_size(sum(part.file_size for part in archive.infolist()))
            if "xl/workbook.xml" not in archive.namelist():
                raise UserError("file_archive", name=file.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of styles, validations and the like, which are not read
            book = openpyxl.load_workbook(source, read_only=True, data_only=True)
        for sheet in book.worksheets[:_MOST_SHEETS]:
            sheet.reset_dimensions()  # some programs write wrong ones
            rows = filter(None, map(_filled, _sound(sheet.iter_rows(values_only=True), file)))
            first = next(rows, None)
            if first is not None:
                yield from itertools.chain([first], rows)
                return
    raise UserError("xlsx_no_rows", name=file.name)


def _sound(rows: Iterable[tuple], file: Recognised) -> Iterator[tuple]:
    """The rows that have cells, as long as there are no more than a sheet can have and their texts, which may be shared,
    are not absurdly long."""
    characters = 0
    for number, row in enumerate(rows, 1):
        if number > _LAST_ROW:
            raise UserError("xlsx_too_long", name=file.name, most=_LAST_ROW)
        if row:
            characters += sum(len(cell) for cell in row if isinstance(cell, str))
            file.check_size(characters)
            yield row


def _filled(row: tuple) -> list:
    """The cells up to the last that is not empty."""
    return list(row[: max((i for i, cell in enumerate(row, 1) if cell not in (None, "")), default=0)])
