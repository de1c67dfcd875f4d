"""A recipe's data to the tables that a training reads: columns found, empty rows dropped, splits made."""

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftui.core import languages, recipe
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.data import cleaning, conversations, forms, hub, inspecting, intake, reading, similar, values
from ftui.data.splitting import SPLITS, dated_rows, fold_rows, label_text, split_rows

LABEL = "label"
MOST_COMPARED = 300_000  # rows; of more, only equal ones are kept together (punctuation, spaces, width and case aside)


@dataclass(frozen=True)
class Prepared:
    """What a training reads.

    `splits`: for train, and where they are wanted validation and test, a table of `row` (int64, the row's number in its
    data set) and a column for each role: strings, but spans as `ftui.data.spans` has them. `dropped`: reason -> number
    of rows. `columns`: role, or part of the form that the rows are in -> column.
    `cleaned`: for each step of `data.clean` its name and how many rows it changed and dropped.
    """

    splits: dict[str, pa.Table]
    dropped: dict[str, int]
    columns: dict[str, str]
    cleaned: list[dict]


def prepare(data: recipe.Data, home: Home, roles: tuple[str, ...], stratify: str | None) -> Prepared:
    """The rows that a recipe's data section names, split so that each value of the role `stratify` has its share.

    Rows with an empty cell are dropped (`empty_text`, `empty_label` ...), rows of own validation and test files whose
    label no training row has (`unknown_label`), training rows that also stand in such a file (`leaked`), and
    validation rows that also stand in an own test file (`leaked_validation`).
    """
    whole, columns, dropped = usable(data.path, home, data.columns, roles)
    outcomes = cleaning.run(whole, data.clean)
    whole = outcomes[-1].table if outcomes else whole
    cleaned = [{"step": o.step.name, "changed": len(o.changed), "dropped": len(o.dropped)} for o in outcomes]
    if outcomes and not len(whole):
        raise UserError("nothing_left", dropped=sum(one["dropped"] for one in cleaned))
    paths = {"validation": data.validation_path, "test": data.test_path}
    own = {split: path for split, path in paths.items() if path}
    splits = _split(whole, data, stratify, own, sum(dropped.values()), columns, resolve(data.path, home).table())
    for split, path in own.items():
        splits[split] = _own(split, path, home, columns, roles, splits["train"], dropped, data)
        splits["train"] = _without_leaks(splits["train"], splits[split], dropped, "leaked")
    if "test" in own:
        splits["validation"] = _without_leaks(splits["validation"], splits["test"], dropped, "leaked_validation")
    return Prepared({split: splits[split] for split in SPLITS if len(splits[split])}, dict(+dropped), columns, cleaned)


def _without_leaks(rows: pa.Table, other: pa.Table, dropped: Counter[str], reason: str) -> pa.Table:
    both = leaked(*(similar.keys(cleaning.texts(table)) for table in (rows, other)))
    if both.all():
        return rows  # the same file twice: that is what was asked for
    dropped[reason] += int(both.sum())
    return rows.filter(pa.array(~both))


def leaked(keys: list[str], others: list[str]) -> np.ndarray:
    """(N,) which of these texts (by their keys) also are, or nearly are, among the others."""
    group = similar.clusters([*others, *keys])
    return np.isin(group[len(others) :], group[: len(others)])


def usable(
    path: str, home: Home, named: dict[str, str], roles: tuple[str, ...]
) -> tuple[pa.Table, dict[str, str], Counter[str]]:
    """All rows of a data set that have a value for each role (as in `Prepared.splits`), the roles' columns, and how many
    rows were dropped for which reason. Nothing is asked of the labels: one class alone may well be scored."""
    dataset = resolve(path, home)
    table = dataset.table()
    columns = find_columns(table, named, roles, dataset.card()["name"])
    made, dropped = filled(table, columns, roles)
    if len(table) and not len(made):
        reasons = {lang: " ".join(languages.log(f"dropped_{reason}", lang, rows=n) for reason, n in (+dropped).items()) for lang in languages.LANGUAGES}
        code = "no_conversations" if sum(dropped[reason] for reason in conversations.DROPPED) else "no_usable_rows"
        raise UserError(code, name=dataset.card()["name"], reasons=reasons)
    return made, columns, dropped


def resolve(path: str, home: Home) -> intake.Dataset:
    """The data set that `data.path` means: a folder of the home, a file, or a Hub id."""
    try:
        place = Path(path).expanduser()
        if (place / "card.json").is_file():
            return intake.open_dataset(place)
        if place.is_dir():
            raise UserError("data_is_folder", path=path)
        found = place.exists()
    except (OSError, RuntimeError):  # a name too long for any file; no home of that user
        raise UserError("file_missing", path=path[:200]) from None
    if found:
        return intake.import_file(place, home)
    if place.suffix.lower() in (*reading.SUFFIXES, ".gz") or not hub.is_id(path):
        raise UserError("file_missing", path=path)
    if Path(hub.repository(path)).exists():
        raise UserError("hub_or_folder", repo=path, folder=hub.repository(path))
    return intake.import_hub(path, home)


def find_columns(table: pa.Table, named: dict[str, str], roles: tuple[str, ...], name: str) -> dict[str, str]:
    """A column for each role: the one that is named, else the one that fits best among the others."""
    there = ", ".join(table.column_names)
    roles = forms.choose(roles, table, named)
    for role, column in named.items():
        if role not in roles:
            raise UserError("role_unknown", role=role, roles=", ".join(roles))
        for part in forms.names(role, column):
            if part not in table.column_names:
                raise UserError("column_missing", name=name, column=part, columns=there)
    free = [column for column in table.column_names if column not in named.values()]
    guessed = forms.guess(roles, table) or inspecting.guess(table.select(free), "text-classification")["columns"]
    columns = {role: named.get(role) or guessed.get(role) for role in roles}
    columns = {role: column for role, column in columns.items() if column or role not in forms.OPTIONAL}
    for role, column in columns.items():
        if column is None:
            raise UserError("column_not_guessed", name=name, role=role, columns=there)
    for first, second in itertools.combinations(columns, 2):
        if columns[first] == columns[second]:
            raise UserError("column_twice", column=columns[first], first=first, second=second)
    return columns


def filled(
    table: pa.Table, columns: dict[str, str], roles: tuple[str, ...], numbers: np.ndarray | None = None
) -> tuple[pa.Table, Counter[str]]:
    """row, and the roles, of the rows that have a value for each role; and why how many others were dropped.
    `numbers`: the rows' in their data set, where these are not all."""
    dropped: Counter[str] = Counter()
    found = {"row": pa.chunked_array([np.arange(len(table), dtype=np.int64) if numbers is None else numbers])}
    if roles in forms.FORMS:
        read, mended = forms.read(roles, table, columns)
        found |= {role: _texts(pa.chunked_array([a])) if pa.types.is_string(a.type) else a for role, a in read.items()}
        dropped.update(mended)
        for role in forms.OPTIONAL & set(columns) & set(roles):
            found[role] = _texts(table.column(columns[role]))
    else:
        for role, column in columns.items():
            found[role] = _labels(table.column(column)) if role == LABEL else _texts(table.column(column))
    made = pa.table(found)
    for role in found:
        empty = made.column(role).null_count
        if empty:
            told = sum(dropped[reason] for reason in conversations.DROPPED) if role == cleaning.TALK else 0
            dropped[f"empty_{role}"] += empty - told
            made = made.filter(pc.is_valid(made.column(role)))
    return made, dropped


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Strings as they are, other values as texts; blank ones null."""
    return pa.chunked_array([_without_blanks(values.strings(chunk)) for chunk in column.chunks], pa.string())


def _without_blanks(texts: pa.Array) -> pa.Array:
    blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(texts)), 0)
    return pc.if_else(blank, pa.scalar(None, pa.string()), texts) if pc.any(blank).as_py() else texts


def _labels(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Labels as they are shown; each distinct value is turned only once."""
    known: dict[object, str | None] = {}
    chunks = []
    for chunk in column.chunks:
        found = (values.strings(chunk) if pa.types.is_nested(chunk.type) else chunk).to_pylist()
        for value in set(found) - known.keys():
            known[value] = label_text(value)
        chunks.append(pa.array([known[value] for value in found], pa.string()))
    return pa.chunked_array(chunks, pa.string())


def _split(
    whole: pa.Table, data: recipe.Data, stratify: str | None, own: dict, dropped: int, columns: dict[str, str], raw: pa.Table
) -> dict[str, pa.Table]:
    """The rows, split; what has a file of its own is not split off."""
    labels = whole.column(stratify).to_pylist() if stratify else None
    sizes = {"test": data.test_size, "validation": data.validation_size} | dict.fromkeys(own, 0.0)
    parts = divide(whole, labels, data, sizes, raw)
    tables = {}
    for split, numbers in parts.items():
        if not len(numbers) and sizes.get(split, 1.0):
            if stratify and len(whole) >= 20:  # it is not the rows that are too few, but those of each class
                kinds, column = len(set(labels)), columns[stratify]
                raise UserError("labels_all_distinct", column=column, labels=kinds, rows=len(whole))
            raise UserError("too_few_rows", rows=len(whole), dropped=dropped, split=languages.split(split))
        mask = np.zeros(len(whole), bool)
        mask[numbers] = True
        tables[split] = whole.filter(pa.array(mask))
    return tables


def divide(
    whole: pa.Table, labels: list[str] | None, data: recipe.Data, sizes: dict[str, float], raw: pa.Table
) -> dict[str, np.ndarray]:
    """Places in `whole` of each split's rows, as the recipe says. `raw`: the data set, for columns that only split; `sizes`:
    shares of test and validation. Raises UserError for a column that is not there, and where one group would be all."""
    groups = together(whole, data, raw)
    n, test, validation = len(whole), sizes["test"], sizes["validation"]
    if data.folds:
        return fold_rows(labels, n, data.folds, data.fold, validation, data.seed, groups)
    if data.date_column:
        dates = _dates(_beside(whole, raw, data.date_column), data.date_column)
        return dated_rows(dates, n, test, validation, groups)
    return split_rows(labels, n, test, validation, data.seed, groups)


def together(whole: pa.Table, data: recipe.Data, raw: pa.Table) -> np.ndarray:
    """(N,) a number for each row, the same for rows that must stay on one side: (near) duplicates, and what the group
    column says."""
    groups = np.arange(len(whole))
    if data.keep_together != "none" and len(whole):
        keys = similar.keys(cleaning.texts(whole))
        near = data.keep_together == "near" and len(whole) <= MOST_COMPARED
        groups = similar.clusters(keys) if near else similar.same(keys)
    if data.group_column:
        named = _beside(whole, raw, data.group_column)
        chosen = similar.same([f"{i}" if value is None else f"={value}" for i, value in enumerate(named)])
        groups = similar.joined(groups, chosen)
        if len(whole) > 1 and len(np.unique(groups)) < 3:
            raise UserError("too_few_groups", column=data.group_column, groups=len(np.unique(groups)))
    return groups


def _beside(whole: pa.Table, raw: pa.Table, column: str) -> list:
    """The values of another column of the data set, for these rows."""
    if column not in raw.column_names:
        raise UserError("split_column_missing", column=column, columns=", ".join(raw.column_names))
    return raw.column(column).take(whole.column("row").combine_chunks()).to_pylist()


def _dates(found: list, column: str) -> np.ndarray:
    """(N,) as numpy dates; rows without one count as the oldest. UserError where most have none."""
    import pandas as pd

    plain = [values.text_of(value) if value is not None else None for value in found]
    plain = [re.sub("[年月]", "-", text).replace("日", " ").strip() if text else None for text in plain]
    dates = pd.to_datetime(pd.Series(plain, dtype="object"), errors="coerce", format="mixed", dayfirst=_day_first(plain), utc=True).to_numpy("datetime64[s]")
    readable = ~np.isnat(dates)
    if readable.mean() < 0.5:
        example = next((text for text, good in zip(plain, readable, strict=True) if text and not good), "")
        raise UserError("no_dates", column=column, example=str(example)[:40])
    return np.where(readable, dates, dates[readable].min())


_DAY_MONTH = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b")


def _day_first(dates: list[str | None]) -> bool:
    """Whether 03/05/2023 is the third of May in this column: so it is with dots, and where a first number is none of a month.

    >>> _day_first(["13/04/2023", "03/05/2023"]), _day_first(["04/13/2023"]), _day_first(["3.5.2023"]), _day_first(["2023-05-13"])
    (True, False, True, False)
    """
    found = [match for date in dates if date and (match := _DAY_MONTH.match(date))]
    return not any(int(match[2]) > 12 for match in found) and any(int(match[1]) > 12 or "." in match[0] for match in found)


def _own(
    split: str, path: str, home: Home, columns: dict[str, str], roles: tuple[str, ...], train: pa.Table, dropped: Counter[str],
    data: recipe.Data,
) -> pa.Table:
    """The rows of a validation or test file, whose columns are named as in the training data."""
    dataset = resolve(path, home)
    table, name, before = dataset.table(), dataset.card()["name"], sum(dropped.values())
    for role, column in columns.items():
        for part in forms.names(role, column):
            if part not in table.column_names:
                raise UserError("column_missing", name=name, column=part, columns=", ".join(table.column_names))
    found, empty = filled(table, columns, roles)
    dropped.update(empty)
    for outcome in cleaning.run(found, cleaning.for_others(data.clean)):
        found = outcome.table
    if LABEL in columns:
        known = pc.is_in(found.column(LABEL), value_set=pc.unique(train.column(LABEL)))
        dropped["unknown_label"] += len(found) - (pc.sum(known).as_py() or 0)
        found = found.filter(known)
    if not len(found):
        raise UserError("own_split_empty", name=name, split=languages.split(split), dropped=sum(dropped.values()) - before)
    return found
