"""The pre-flight report: what is odd about the rows that are about to be learned from, with a cure where there is one.

Findings are made by a table of functions, here and in `report_texts`; the sentences stand in core/texts/findings.yaml.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import regex

from ftui.core import languages
from ftui.core.part import Part
from ftui.data import cleaning, forms, patterns, preparing, several, similar, values
from ftui.data.inspecting import sample
from ftui.data.intake import Dataset

MOST_ROWS = 100_000  # looked at; of more a random sample
RARE, FEW = 3, 10  # rows of a label: fewer cannot be in all three splits; fewer are hardly learned
IMBALANCE = 10
LEVELS = ("bad", "warn", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that is odd: `count` of something (mostly rows), the numbers of the rows in their data set, and as plain
    data the step of `data.clean` that cures it, or the other settings of `data` that do."""

    kind: str
    level: str  # one of LEVELS
    count: int
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    params: dict = field(default_factory=dict)
    cure: dict | None = None
    setting: dict | None = None

    def sentence(self, lang: str = "en") -> str:
        """What is odd, in one sentence."""
        return languages.finding(self.kind, lang, count=self.count, **self.params)

    def as_dict(self, lang: str = "en", most: int = 20) -> dict:
        """For a machine: stable keys, the first rows only."""
        shown = self.rows[:most].tolist()
        return {"kind": self.kind, "level": self.level, "count": self.count, "sentence": self.sentence(lang), "rows": shown, "cure": self.cure, "setting": self.setting}


@dataclass
class Sheet:
    """What findings are made from. `before`: rows that have text and label; `table`: those that the steps have left, as they
    left them (`outcomes`: step by step); `raw`: all rows that were looked at, of `total`, as they came, and `numbers` theirs
    in the data set; `others`: keys of own validation and test texts."""

    before: pa.Table
    table: pa.Table
    outcomes: list[cleaning.Outcome]
    raw: pa.Table
    numbers: np.ndarray
    total: int
    columns: dict[str, str]
    lacking: dict[str, int]
    others: dict[str, list[str]] = field(default_factory=dict)
    tokenizer: Path | None = None
    max_length: int = 512

    @cached_property
    def rows(self) -> np.ndarray:
        return self.table.column("row").to_numpy()

    @cached_property
    def texts(self) -> list[str]:
        return cleaning.texts(self.table)

    @cached_property
    def labels(self) -> list[str] | None:
        return self.table.column("label").to_pylist() if "label" in self.columns else None

    @cached_property
    def repeated(self) -> np.ndarray:
        """(N,) whether a row says all that an earlier one says."""
        return cleaning.duplicates(self.texts, cleaning.answers(self.table))

    @cached_property
    def keys(self) -> list[str]:
        return similar.keys(self.texts)

    @cached_property
    def groups(self) -> np.ndarray:
        return similar.groups(self.keys)

    def matching(self, mask: Iterator[bool] | np.ndarray) -> np.ndarray:
        """Numbers of the rows for which this is true, in order."""
        mask = mask if isinstance(mask, np.ndarray) else np.fromiter(mask, bool, len(self.rows))
        return self.rows[mask]


@dataclass(frozen=True)
class Report:
    """All findings, the gravest first; how many rows there are and how many were looked at."""

    findings: list[Finding]
    total: int
    looked_at: int

    def as_dict(self, lang: str = "en") -> dict:
        found = [finding.as_dict(lang) for finding in self.findings]
        return {"rows": self.total, "looked_at": self.looked_at, "findings": found}


def make(sheet: Sheet) -> Report:
    """The report on what `look` has brought."""
    found = [finding for make in finders() for finding in make(sheet) if finding.count]
    found.sort(key=lambda finding: LEVELS.index(finding.level))
    return Report(found, sheet.total, len(sheet.raw))


def look(dataset: Dataset, columns: dict[str, str], steps: Sequence[Part] = (), own: dict[str, Dataset] | None = None, tokenizer: Path | None = None) -> Sheet:
    """The rows of a data set after these steps. `columns`: role -> column; `own`: validation and test files."""
    whole = dataset.table()
    raw, numbers = sample(whole, MOST_ROWS)
    table, lacking = preparing.filled(raw, columns, forms.wanted(columns), numbers)
    outcomes = cleaning.run(table, steps)
    cleaned = outcomes[-1].table if outcomes else table
    sheet = Sheet(table, cleaned, outcomes, raw, numbers, len(whole), columns, dict(lacking), tokenizer=tokenizer)
    for split, other in (own or {}).items():
        there = {role: column for role, column in columns.items() if set(forms.names(role, column)) <= set(other.table().column_names)}
        if set(there) - {"label"}:
            rows, _ = preparing.filled(other.table(), there, forms.wanted(there))
            rows = cleaning.rewritten(rows, steps)
            sheet.others[split] = similar.keys(cleaning.texts(rows))
    return sheet


def finders() -> list[Callable[[Sheet], Iterator[Finding]]]:
    """All functions that find something."""
    from ftui.data import report_texts

    return [missing, labels_unfit, twins, rare, leaks, contradictions, duplicates, near_duplicates, imbalance, *report_texts.FINDERS, line_breaks]


# ---- rows and labels


def missing(sheet: Sheet) -> Iterator[Finding]:
    for reason, count in sheet.lacking.items():
        column = sheet.columns.get(reason.removeprefix("empty_"))
        if column is None or reason in ("empty_answers", "empty_number"):  # found while reading: no cell is empty
            yield Finding(reason, "warn", count)
            continue
        found = sheet.raw.column(column).to_pylist()
        empty = [value is None or value != value or not str(value).strip() for value in found]
        rows = sheet.numbers[np.array(empty, bool)]
        yield Finding("empty_cells", "warn", len(rows), rows, {"column": column})


def labels_unfit(sheet: Sheet) -> Iterator[Finding]:
    """Nothing to tell apart, or something that is no label."""
    if sheet.labels is None or not len(sheet.rows):
        return
    kinds = len(set(sheet.labels))
    if kinds < 2:
        yield Finding("one_label", "bad", len(sheet.rows), params={"column": sheet.columns["label"]})
    elif len(sheet.rows) >= 20 and kinds > len(sheet.rows) / 2:
        yield Finding("labels_like_text", "bad", kinds, params={"column": sheet.columns["label"], "rows": len(sheet.rows)})


def twins(sheet: Sheet) -> Iterator[Finding]:
    """Labels that differ only in case, width, spaces or punctuation."""
    counts = Counter(sheet.labels or [])
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in counts:
        alike[spelling(label)].append(label)
    merged = {}
    for names in alike.values():
        main = max(names, key=lambda name: (counts[name], name))
        merged |= {name: main for name in sorted(names) if name != main}
    if merged:
        pairs = ", ".join(f"{name} = {main}" for name, main in list(merged.items())[:4])
        rows = sheet.matching(label in merged for label in sheet.labels or [])
        cure = {"name": "merge_labels", "labels": merged}
        yield Finding("label_twins", "bad", len(merged), rows, {"pairs": pairs, "rows": len(rows)}, cure)


_BETWEEN = regex.compile(r"(?V1)(?<!\d)[\p{Z}\p{C}]+|[\p{Z}\p{C}]+(?!\d)")
_LOOSE = regex.compile(r"(?V1)(?<!\d)[\p{P}--[#%*&@\p{Pd}]]+|[\p{P}--[#%*&@\p{Pd}]]+(?!\d)|(?<=[\p{L}\d])\p{Pd}(?=\p{L})|(?<=\p{L})\p{Pd}(?=\d)")


def spelling(label: str) -> str:
    """What is left of a label without case, width, spaces and punctuation. Signs that tell labels apart stay: -1, 1.5, C++, A-.

    >>> spelling("Not-Spam.") == spelling("not_spam"), spelling("01") == spelling("1.0"), spelling("１") == spelling("1")
    (True, True, True)
    >>> [spelling(label) for label in ("-1", "1", "C", "C++", "C#", "A-", ">50K", "<=50K", "18-25")]
    ['-1.0', '1.0', 'c', 'c++', 'c#', 'a-', '>50k', '<=50k', '18-25']
    """
    plain = unicodedata.normalize("NFKC", label).casefold().strip()
    number = None if "_" in plain else several.number(plain)
    return str(number) if number is not None else _LOOSE.sub("", _BETWEEN.sub("", plain)) or plain


def rare(sheet: Sheet) -> Iterator[Finding]:
    counts = Counter(sheet.labels or [])
    if len(counts) > len(sheet.rows) / 2:
        return  # no labels at all; said elsewhere
    for kind, low, high in (("rare_labels", 1, RARE), ("few_rows", RARE, FEW)):
        small = {label for label, count in counts.items() if low <= count < high}
        names = ", ".join(sorted(small)[:5])
        rows = sheet.matching(label in small for label in sheet.labels or []) if small else np.zeros(0, np.int64)
        cure = {"name": "drop_rare_labels", "min_rows": RARE} if kind == "rare_labels" and len(counts) - len(small) >= 2 else None
        yield Finding(kind, "warn" if cure else "info", len(small), rows, {"names": names}, cure)


def imbalance(sheet: Sheet) -> Iterator[Finding]:
    counts = Counter(sheet.labels or []).most_common()
    if len(counts) > 1 and len(counts) <= len(sheet.rows) / 2 and counts[0][1] >= IMBALANCE * counts[-1][1]:
        (most, many), (least, few) = counts[0], counts[-1]
        rows = sheet.matching(label == least for label in sheet.labels or [])
        params = {"most": most, "many": many, "least": least, "few": few}
        yield Finding("imbalance", "info", round(many / few), rows, params, setting={"balance": "oversample"})


def duplicates(sheet: Sheet) -> Iterator[Finding]:
    rows = sheet.matching(sheet.repeated)
    copies = _whole_copies(sheet) if len(rows) else 0
    kind = "duplicates" if copies == len(rows) or len(sheet.columns) == len(sheet.raw.column_names) else "duplicates_some"
    yield Finding(kind, "warn", len(rows), rows, {"copies": copies}, {"name": "drop_duplicates"})


def _whole_copies(sheet: Sheet) -> int:
    """Rows that are like an earlier one in every column."""
    chosen = np.searchsorted(sheet.numbers, sheet.rows)
    columns = [values.strings(column.combine_chunks()).to_pylist() for column in sheet.raw.take(pa.array(chosen)).columns]
    every = list(zip(*columns, strict=True))
    return len(every) - len(set(every))


def near_duplicates(sheet: Sheet) -> Iterator[Finding]:
    if len(cleaning.text_roles(sheet.table)) > 1:  # several questions on one context are meant to be alike
        return
    near = cleaning.near_duplicates(sheet.groups, cleaning.answers(sheet.table, near=True)) & ~sheet.repeated
    yield Finding("near_duplicates", "info", int(near.sum()), sheet.matching(near), {}, {"name": "drop_near_duplicates"})


def contradictions(sheet: Sheet) -> Iterator[Finding]:
    if sheet.labels is None:
        return
    both = cleaning.contradicted(sheet.keys, sheet.labels)
    count = len({key for key, one in zip(sheet.keys, both, strict=True) if one})
    order = sorted(np.flatnonzero(both), key=lambda i: sheet.keys[i])  # those that contradict each other side by side
    params = {"rows": len(order)}
    yield Finding("contradictions", "warn", count, sheet.rows[np.array(order, np.int64)], params, {"name": "contradictions"})


def leaks(sheet: Sheet) -> Iterator[Finding]:
    """Rows that also stand in an own validation or test file, exactly or nearly."""
    for split, keys in sheet.others.items():
        leaked = preparing.leaked(sheet.keys, keys)
        yield Finding(f"leak_{split}", "bad", int(leaked.sum()), sheet.matching(leaked))


def line_breaks(sheet: Sheet) -> Iterator[Finding]:
    """Cells of any column that go over several lines: harmless here, but other programs stumble over them."""
    cells, found = 0, np.zeros(len(sheet.raw), bool)
    for column in sheet.raw.columns:
        if pa.types.is_string(column.type):
            hits = np.fromiter((bool(v and patterns.LINE_BREAK.search(v)) for v in column.to_pylist()), bool, len(column))
            cells, found = cells + int(hits.sum()), found | hits
    yield Finding("line_breaks", "info", cells, sheet.numbers[found])
