"""CSV and its kin: which delimiter, and the records one by one, whatever stray quotes there are."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

DELIMITERS = ",\t;|"
SAMPLE_RECORDS = 200
SAMPLE_CHARACTERS = 1_000_000

_NONE = "\x1f"  # "unit separator": stands for no delimiter
_END = "\x00\x01end\x02\x00"
_DECLARED = re.compile(r"sep=([^\w\s]|\t)\r?\n")
_ENOUGH_LINES = 50
_FAR = 1000
_AGAIN = 10  # so many times what was read may be read again because of stray quotes,
_AGAIN_ANYWAY = 10_000_000  # and so many characters in any case


@dataclass(frozen=True)
class Dialect:
    """How a file is cut into records."""

    delimiter: str | None  # None: one column
    quoted: bool = True  # False: a quote is a character like any other
    each_line: int | None = None  # so many delimiters stand in every line, if this is so (see `delimiters_each_line`)
    declared: bool = False  # whether the first line only says "sep=;"


def sniff(head: str, whole: bool, preferred: str) -> Dialect:
    """The delimiter under which the records of `head`, the beginning of a file, agree best on their number of fields.

    `whole` says that the file ends with `head`; `preferred` is the delimiter that the file's name suggests.
    """
    if declared := _DECLARED.match(head):
        return Dialect(declared[1], declared=True)
    best, chosen = 0.499, Dialect(None, quoted=_is_well_quoted(head, whole))
    for delimiter in (preferred, *(d for d in DELIMITERS if d != preferred)):
        for quoted in (True, False) if '"' in head else (True,):
            agreement = _agreement(_widths(head, whole, Dialect(delimiter, quoted)))
            needed = best if delimiter == preferred else max(best, 0.6)
            if agreement > needed + (0.0 if quoted else 0.05):
                best, chosen = agreement, Dialect(delimiter, quoted)
    return chosen


def _widths(head: str, whole: bool, dialect: Dialect) -> list[int]:
    """Numbers of fields of the first records that are not empty."""
    widths: list[int] = []
    stray: list[None] = []
    for record in records(io.StringIO(head, newline=""), dialect, lambda: stray.append(None)):
        if stray and not whole:
            return widths  # not a quote without end, only cut off
        if any(record):
            widths.append(len(record))
        if len(widths) > SAMPLE_RECORDS:
            break
    else:
        if whole or len(widths) < 2:
            return widths
    return widths[:-1]


def _is_well_quoted(head: str, whole: bool) -> bool:
    """Whether in lines without delimiters each quote that opens a line is closed at the end of one."""
    try:
        for _ in csv.reader(io.StringIO(head, newline=""), delimiter=_NONE, strict=True):
            pass
    except csv.Error as error:
        return not whole and "unexpected end" in str(error)
    return True


def _agreement(widths: list[int]) -> float:
    """Share of the records with the most frequent number of fields; 0 if that is one. A first record that differs from
    the others speaks against the delimiter, for a header has no stray ones."""
    if not widths:
        return 0.0
    width, count = Counter(widths).most_common(1)[0]
    share = count / len(widths) if width > 1 else 0.0
    return share if widths[0] == width else 0.8 * share


def _parse(lines: Iterable[str], delimiter: str | None, quoted: bool) -> Iterator[list[str]]:
    csv.field_size_limit(sys.maxsize)
    return csv.reader(lines, delimiter=delimiter or _NONE, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)


def delimiters_each_line(lines: Iterable[str], delimiter: str) -> int | None:
    """The number of delimiters that 99 % of a file's lines hold, if there is one: then cells do not go over lines.

    A handful of lines may agree by chance, but tabs hardly occur within texts.
    """
    counts: Counter[int] = Counter()
    for number, line in enumerate(lines):
        if not line.isspace():
            counts[line.count(delimiter)] += 1
        if number == 10_000 and _agreed(counts) is None:
            return None
    return _agreed(counts) if delimiter == "\t" or counts.total() >= _ENOUGH_LINES else None


def _agreed(counts: Counter[int]) -> int | None:
    delimiters, lines = counts.most_common(1)[0] if counts else (0, 0)
    return delimiters if delimiters and lines >= 0.99 * counts.total() else None


def records(lines: Iterable[str], dialect: Dialect, on_stray_quote: Callable[[], None]) -> Iterator[list[str]]:
    """The records of a file, blank lines left out. `lines` keep their line ends.

    A stray quote at the beginning of a cell would swallow what follows it, up to the next quote or the end of the file.
    It shows when the file ends within a cell, or when in a file with equally many delimiters in each line a record
    takes up several such lines. Then the first of its lines is read with quotes as plain characters, the others as if
    that one had not been, and `on_stray_quote` is told. Where that happens so often that it would never end, quotes mean
    nothing from there on.
    """
    seen = _Counted(lines)
    rest = iter(seen)
    if dialect.declared:
        next(rest)
    if not dialect.quoted:
        yield from filter(None, _parse(rest, dialect.delimiter, quoted=False))
        return
    again: list[str] = []  # lines to be read again, the next one last
    characters = 0  # that were read again
    while characters <= _AGAIN * seen.characters + _AGAIN_ANYWAY:
        held: list[str] = []  # the lines of the record that is being read
        for record in _parse(_feed(rest, again, held, dialect), dialect.delimiter, quoted=True):
            if record == [_END]:
                return
            if record and (record[-1].endswith(_END) or _are_records(held, dialect)):
                break
            held.clear()
            if record:
                yield record
        on_stray_quote()
        yield from _parse(held[:1], dialect.delimiter, quoted=False)
        again.extend(line for line in reversed(held[1:]) if line != _END)
        characters += sum(map(len, held[1:]))
    yield from filter(None, _parse(chain(reversed(again), rest), dialect.delimiter, quoted=False))


class _Counted:
    """Lines, and how many characters there were in those that were read."""

    def __init__(self, lines: Iterable[str]):
        self.lines, self.characters = lines, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.characters += len(line)
            yield line


def _feed(rest: Iterator[str], again: list[str], held: list[str], dialect: Dialect) -> Iterator[str]:
    """The lines to come and an end mark; those of the record that is being read are also in `held`."""
    while True:
        far = dialect.each_line and len(held) >= _FAR  # a stray quote; who knows how far the next one is
        line = _END if far else again.pop() if again else next(rest, _END)
        held.append(line)
        yield line
        if line is _END:
            return


def _are_records(lines: list[str], dialect: Dialect) -> bool:
    """Whether these are several lines, each with as many delimiters as every line of the file."""
    if dialect.each_line is None or len(lines) < 2:
        return False
    return all(line.count(dialect.delimiter) == dialect.each_line for line in lines if not line.isspace())
