"""CSV and its kin: delimiters, quotes, headers, ragged rows."""

import csv
import io
import random

import pytest

from ftui.data import delimited, grids, values


def columns(dataset) -> list[str]:
    return dataset.table().column_names


def cells(dataset) -> list[tuple]:
    return list(zip(*(column.to_pylist() for column in dataset.table().columns), strict=True))


@pytest.mark.parametrize(
    ("delimiter", "name"),
    [
        (",", "a.csv"),
        (";", "a.csv"),
        ("\t", "a.tsv"),
        ("|", "a.txt"),
        ("\t", "a.csv"),
        (",", "a.txt"),
        (";", "noending"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(load, delimiter: str, name: str, end: str) -> None:
    rows = [["text", "label"], ["好, 很好; 真的", "正面"], ["bad | worse", "负面"], ["so so", "中性"]]
    lines = [delimiter.join(f'"{cell}"' if set(cell) & set(",;|") else cell for cell in row) for row in rows]
    dataset = load(end.join(lines), name)
    assert dataset.card()["delimiter"] == delimiter
    assert columns(dataset) == rows[0]
    assert cells(dataset) == [tuple(row) for row in rows[1:]]


def test_quotes_newlines_nuls_and_blank_lines(load) -> None:
    dataset = load('text,label\n"line one\nline ""two"", still",1\n\n\n"",0\na\x00b,1\n  ,2\n')
    assert cells(dataset) == [('line one\nline "two", still', "1"), (None, "0"), ("a\x00b", "1"), ("  ", "2")]
    assert dataset.card()["notes"] == []


def test_what_python_writes_comes_back(load) -> None:
    rng = random.Random(0)
    for delimiter in delimited.DELIMITERS:
        rows = [["text", "label", "more"]]
        for _ in range(300):
            text = "".join(rng.choices("ab很好\"\n\r,;|\t '", k=rng.randrange(1, 12)))
            rows.append([f"x{text}", rng.choice("01"), rng.choice(["", "y z"])])
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter).writerows(rows)
        dataset = load(file.getvalue())
        assert dataset.card()["delimiter"] == delimiter
        assert cells(dataset) == [tuple(cell or None for cell in row) for row in rows[1:]]


def test_ten_megabytes_in_a_cell(load) -> None:
    long = "好" * 4_000_000
    dataset = load(f'text,label\n"{long}",1\nshort,0\n')
    assert cells(dataset) == [(long, "1"), ("short", "0")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,label,\ngood,1,\nbad,0,\n", [("good", "1"), ("bad", "0")]),  # a delimiter at the end of each line
        ("text,label\ngood\nbad,0\n", [("good", None), ("bad", "0")]),
        ("text,label\ngood,1,,\nbad,0\n", [("good", "1"), ("bad", "0")]),
        ("text,label\n,\ngood,1\n,,\n", [("good", "1")]),
    ],
)
def test_ragged_rows_that_lose_nothing(load, content: str, expected: list) -> None:
    dataset = load(content)
    assert cells(dataset) == expected
    assert dataset.card()["skipped_rows"] == 0
    assert dataset.card()["notes"] == []


def test_rows_that_are_too_long_are_counted(load) -> None:
    dataset = load("text,label\ngood,1\nwell, well,1\nbad,0\na,b,c,d\nfine,1\nworse,0\n")
    assert cells(dataset) == [("good", "1"), ("bad", "0"), ("fine", "1"), ("worse", "0")]
    card = dataset.card()
    assert card["skipped_rows"] == 2
    assert card["notes"] == [{"code": "note_skipped_rows", "params": {"count": 2, "first": 3}}]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("text,label\ngood,1\nbad,0\n", ["text", "label"]),
        ("评论内容,情感标签\n好,正面\n坏,负面\n", ["评论内容", "情感标签"]),
        ("text,,text, \na,b,c,d\ne,f,g,h\n", ["text", "column_2", "text_2", "column_4"]),
        (",text,label\n0,good,1\n1,bad,0\n", ["column_1", "text", "label"]),
        ("text,label\n0,good,1\n1,bad,0\n2,fine,1\n", ["column_1", "text", "label"]),  # as R writes row names
        ("foo,bar\nquite a long sentence of words,1\nanother quite long sentence,0\n", ["foo", "bar"]),
        ("a,b\nc,d\ne,f\n", ["a", "b"]),
        ("0,1\ngood things,yes\nbad things,no\n", ["0", "1"]),
        ("Reviews of 2024\ntext,label\ngood,1\nbad,0\nfine,1\n", ["text", "label"]),  # a title above the header
        ("text,label\na,b,c,d\ne,f,g,h\n", ["text", "label", "column_3", "column_4"]),
        ("text\ntext,label\nlabel,text\na,b\n", ["text", "label"]),
        ("text,label\nspam,1\nham,0\nspam,1\n", ["text", "label"]),
    ],
)
def test_headers(load, content: str, names: list[str]) -> None:
    assert columns(load(content)) == names


@pytest.mark.parametrize(
    "rows",
    [
        [("服务非常好，下次还会来", "正面"), ("房间太小，隔音也很差", "负面"), ("早餐丰富", "正面"), ("价格太贵", "负面")],
        [("an intelligent romantic thriller .", "1"), ("worth the price", "1"), ("simply dull", "0"), ("a mess", "0")],
        [("spam", "win a prize now"), ("ham", "see you at eight"), ("spam", "free money"), ("ham", "ok then")],
        [("1", "first"), ("2", "second"), ("3", "third"), ("4", "fourth")],
        [("2024-01-01", "good"), ("2024-01-02", "bad"), ("2024-01-03", "good"), ("2024-01-04", "bad")],
    ],
)  # fmt: skip
def test_files_without_a_header(load, rows: list[tuple]) -> None:
    dataset = load("\n".join(",".join(row) for row in rows))
    assert columns(dataset) == ["column_1", "column_2"]
    assert cells(dataset) == rows
    assert [note["code"] for note in dataset.card()["notes"]] == ["note_no_header"]


def plainly_unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        unique, count = name, 1
        while unique in found:
            count += 1
            unique = f"{name}_{count}"
        found.append(unique)
    return found


def test_repeated_names_get_the_next_free_number() -> None:
    rng = random.Random(0)
    for _ in range(200):
        names = rng.choices(["a", "a_2", "a_2_2", "a_3", "b", "b_2"], k=rng.randrange(30))
        assert values.unique_names(names) == plainly_unique(names)


def test_a_name_repeated_very_often() -> None:
    assert values.unique_names(["a"] * 100_000)[-1] == "a_100000"  # counted from 2 each time: for hours


def test_one_column(load) -> None:
    dataset = load('text\n"well, well"\nso it is\n"two\nlines"\n')
    assert (columns(dataset), cells(dataset)) == (["text"], [("well, well",), ("so it is",), ("two\nlines",)])
    assert dataset.card()["delimiter"] is None


def test_lines_of_prose(load) -> None:
    lines = ["Once, upon a time", '"Well," she said, "well."', "the end; or not", "好，很好"]
    dataset = load("\n".join(lines), "story.txt")
    assert (columns(dataset), cells(dataset)) == (["column_1"], [(line,) for line in lines])
    assert dataset.card()["notes"] == []
    named = load("text\n" + "\n".join(lines), "story.txt")
    assert (columns(named), cells(named)) == (["text"], [(line,) for line in lines])


def test_excel_says_its_separator(load) -> None:
    dataset = load("sep=;\ntext;label\ngood, really;1\nbad, alas;0\n")
    assert (columns(dataset), cells(dataset)) == (["text", "label"], [("good, really", "1"), ("bad, alas", "0")])


def test_stray_quotes_swallow_nothing(load) -> None:
    """A lone quote at the beginning of a cell, again and again: as many rows as lines, every quote kept."""
    lines = [f'"word {i}\t{i % 2}' if i % 7 == 0 else f"word {i}\t{i % 2}" for i in range(3000)]
    dataset = load("text\tlabel\n" + "\n".join(lines), "a.tsv")
    assert cells(dataset) == [tuple(line.split("\t")) for line in lines]
    stray = sum('"' in line for line in lines)
    assert dataset.card()["notes"] == [{"code": "note_stray_quote", "params": {"count": stray}}]


def test_a_quote_that_is_never_closed(load) -> None:
    dataset = load('text,label\n"one, and\nmore",1\ntwo,0\n"three,1\nfour,0\nfive,1\n')
    assert cells(dataset) == [("one, and\nmore", "1"), ("two", "0"), ('"three', "1"), ("four", "0"), ("five", "1")]
    assert dataset.card()["notes"] == [{"code": "note_stray_quote", "params": {"count": 1}}]


def open_ended(lines: int) -> list[str]:
    """Lines whose quotes pair up over line ends without end: each must be read plainly before the next one can be."""
    return ['x"y,"z\n' if i % 2 else 'x"y,u,"z\n' for i in range(lines)]


def test_quotes_mean_nothing_after_too_many_in_vain(monkeypatch) -> None:
    """Every line makes the parser read all others: of 20,000 lines two hundred million, if it went on like that."""
    plain = [line.rstrip("\n").split(",") for line in open_ended(20_000)]
    read, stray = 0, 0

    def lines():
        nonlocal read
        for line in open_ended(20_000):
            read += 1
            yield line

    def count() -> None:
        nonlocal stray
        stray += 1

    monkeypatch.setattr(delimited, "_AGAIN_ANYWAY", 100_000)
    found = list(delimited.records(lines(), delimited.Dialect(","), count))
    assert (read, found) == (20_000, plain)
    assert 0 < stray < 100


def test_a_few_in_vain_leave_other_quotes_their_meaning() -> None:
    stray: list[None] = []
    lines = ["text,label\n", *['"two\n', 'lines",1\n'] * 50, *open_ended(20)]
    found = list(delimited.records(lines, delimited.Dialect(","), lambda: stray.append(None)))
    assert found[1:51] == [["two\nlines", "1"]] * 50
    assert found[51:] == [line.rstrip("\n").split(",") for line in open_ended(20)]
    assert len(stray) == 20


def test_cells_of_several_lines_are_not_taken_for_stray_quotes(load) -> None:
    """Hardly any cell has a line break, and the lines of those that do hold a delimiter each."""
    rows = (
        [["text", "label", "more"]]
        + [["plain", "1", "x"]] * 2000
        + [["one, two\nthree", "0", "x"], ["a\nb, c", "1", "y"]]
    )
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    assert cells(load(file.getvalue())) == [tuple(row) for row in rows[1:]]


def test_batches_are_bounded_by_characters() -> None:
    rows = [["text", "label"], *([["x" * 1_000_000, "1"]] * 40)]
    sizes = [len(batch) for batch in grids.batches(rows, grids.Report(), "a.csv", texts=True)]
    assert sum(sizes) == 40
    assert max(sizes) <= grids.BATCH_CHARACTERS // 1_000_000
