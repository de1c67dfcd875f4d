"""JSON, Parquet, Excel, gzip: types kept, formats told by their content, damage named in one sentence."""

import datetime
import gzip
import io
import json
import random
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.data import grids, objects, reading, values

ROWS = [{"text": "好", "label": "正面"}, {"text": "bad", "label": "负面"}, {"text": "so\nso", "label": "中性"}]
JSONL = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)


def parquet(table: pa.Table | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table if table is not None else pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def workbook(*sheets: list[list]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


SHEET = workbook([["text", "label"], *([row["text"], row["label"]] for row in ROWS)])
CSV = 'text,label\n好,正面\nbad,负面\n"so\nso",中性\n'


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gz"])
@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (CSV.encode(), "a.csv", "csv"),
        (CSV.replace(",", "\t").encode("utf-16"), "a.tsv", "tsv"),
        (CSV.encode("gbk"), "a.txt", "txt"),
        (json.dumps(ROWS).encode(), "a.json", "json"),
        (json.dumps(ROWS, indent=2, ensure_ascii=False).encode("utf-16-le"), "a.json", "json"),
        (json.dumps({"version": 1, "data": ROWS, "more": []}).encode(), "a.json", "json"),
        (json.dumps({k: [row[k] for row in ROWS] for k in ROWS[0]}).encode(), "a.json", "json"),
        (json.dumps({k: {str(i): row[k] for i, row in enumerate(ROWS)} for k in ROWS[0]}).encode(), "a.json", "json"),
        (json.dumps({str(i): row for i, row in enumerate(ROWS)}).encode(), "a.json", "json"),
        (JSONL.encode(), "a.jsonl", "jsonl"),
        (JSONL.replace("\n", "\r\n\r\n").encode("utf-8-sig"), "a.ndjson", "jsonl"),
        (JSONL.encode("gbk"), "a.JSONL", "jsonl"),
        (parquet(), "a.parquet", "parquet"),
        (SHEET, "a.xlsx", "xlsx"),
        # the name says one thing, the content another
        (SHEET, "a.csv", "xlsx"),
        (parquet(), "a.csv", "parquet"),
        (parquet(), "a.json", "parquet"),
        (JSONL.encode(), "a.json", "jsonl"),
        (JSONL.encode(), "a.csv", "jsonl"),
        (json.dumps(ROWS).encode(), "a.jsonl", "json"),
        (json.dumps(ROWS).encode(), "a.txt", "json"),
        (json.dumps({"data": ROWS}, indent=1).encode(), "a.jsonl", "json"),
        (CSV.encode(), "a.xlsx", "csv"),
        (CSV.encode(), "a.dat", "txt"),
        (CSV.encode(), "no ending", "txt"),
    ],
)
def test_formats(load, content: bytes, name: str, format: str, pack) -> None:
    ending = ".gz" if pack is packed else ""
    dataset = load(pack(content), name + ending)
    assert dataset.card()["format"] == format
    assert dataset.table().to_pylist() == ROWS
    assert [p.name for p in dataset.path.glob("source.*")] == [f"source.{format}{ending}"]
    assert next(dataset.path.glob("source.*")).read_bytes() == pack(content)


def test_gzip_is_known_without_its_ending(load) -> None:
    assert load(gzip.compress(CSV.encode()), "a.csv").table().to_pylist() == ROWS


NESTED = [{"role": "user", "content": "好"}]


@pytest.mark.parametrize(
    ("values", "type", "expected"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, None], "int64", [1, None]),
        ([1, 0.5], "double", [1.0, 0.5]),
        ([True, False], "bool", [True, False]),
        ([1, "a"], "string", ["1", "a"]),
        ([True, 1, "x", None], "string", ["true", "1", "x", None]),
        ([True, 1], "string", ["true", "1"]),
        ([None, None], "string", [None, None]),
        ([["a"], []], "list<item: string>", [["a"], []]),
        ([NESTED, None], "list<item: struct<role: string, content: string>>", [NESTED, None]),
        ([{"a": 1}, {"b": "x"}], "struct<a: int64, b: string>", [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
        ([{"a": 1}, {"a": "好"}], "string", ['{"a": 1}', '{"a": "好"}']),
        ([["a"], "b"], "string", ['["a"]', "b"]),
        ([2**70, 1], "string", [str(2**70), "1"]),
        (["\ud800x", "y"], "string", ["?x", "y"]),
    ],
)
@pytest.mark.parametrize("apart", [0, 20_000], ids=["in one batch", "in two"])
def test_types_of_json_values(load, values: list, type: str, expected: list, apart: int) -> None:
    """The same, whether values that differ in type stand side by side or thousands of rows apart."""
    rows = [{"x": values[0]}] + [{}] * apart + [{"x": value} for value in values[1:]]
    dataset = load("\n".join(map(json.dumps, rows)), "a.jsonl")
    assert dataset.card()["columns"] == [{"name": "x", "type": type}]
    found = dataset.table().column("x").to_pylist()
    assert found[:1] + found[1 + apart :] == expected


def test_columns_that_come_late(load) -> None:
    rows = [{"a": 1}] * 20_000 + [{"b": "x", "a": 2}]
    table = load("\n".join(map(json.dumps, rows)), "a.jsonl").table()
    assert table.slice(0, 1).to_pylist() == [{"a": 1, "b": None}]
    assert table.slice(20_000).to_pylist() == [{"a": 2, "b": "x"}]


def test_parquet_keeps_types(load) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", "b", "a"], pa.large_string()),
            "label": pa.array(["x", None, "x"]).dictionary_encode(),
            "stars": pa.array([1, 2, 3], pa.int8()),
            "tags": [["a"], [], None],
            "nothing": pa.nulls(3),
        }
    )
    found = load(parquet(table), "a.parquet").table()
    assert [str(column.type) for column in found.schema] == [
        "string",
        "string",
        "int8",
        "list<element: string>",
        "string",
    ]
    assert found.to_pylist() == table.to_pylist()


def test_excel_types_titles_and_empty_sheets(load) -> None:
    day = datetime.datetime(2024, 3, 1)
    rows = [
        ["2024 年评论"],
        [],
        ["text", "label", "stars", "when"],
        ["好", 1, 4.5, day],
        [True, "x", 3, day],
        [None] * 4,
        [0, 0, 0, None],
    ]
    table = load(workbook([], [[None, None]], rows), "a.xlsx").table()
    assert table.to_pylist() == [
        {"text": "好", "label": "1", "stars": 4.5, "when": day},
        {"text": "true", "label": "x", "stars": 3.0, "when": day},
        {"text": "0", "label": "0", "stars": 0.0, "when": None},
    ]


def test_formula_cells_give_their_values(load) -> None:
    content = workbook([["text", "label"], ["a", "=1+1"], ["b", "=UPPER(A3)"]])
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith("sheet1.xml"):  # the values that Excel saves beside the formulas
                assert b"<f>1+1</f><v />" in data or b"<f>1+1</f><v></v>" in data
                for empty in (b"<v />", b"<v></v>"):
                    data = data.replace(b"<f>1+1</f>" + empty, b"<f>1+1</f><v>2</v>")
                    data = data.replace(b"<f>UPPER(A3)</f>" + empty, b"<f>UPPER(A3)</f><v>7</v>")
            new.writestr(item, data)
    assert load(sink.getvalue(), "a.xlsx").table().column("label").to_pylist() == [2, 7]


def far_row(number: int) -> bytes:
    """A sheet whose last row has this number; all that are missing before it are empty."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook([["text", "label"], ["a", "x"]]))) as old, zipfile.ZipFile(sink, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith("sheet1.xml"):
                last = f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>b</t></is></c></row></sheetData>'
                data = data.replace(b"</sheetData>", last.encode())
            new.writestr(item, data)
    return sink.getvalue()


def test_the_last_row_of_a_sheet_is_read(load) -> None:
    assert load(far_row(1_048_576), "a.xlsx").table().column("text").to_pylist() == ["a", "b"]


def test_many_keys_within_objects_are_kept_as_text(load) -> None:
    """A struct of all keys would hold rows times keys cells, two gigabytes here."""
    rows = [{"a": {f"k{i}": i}} for i in range(16_000)]
    table = load("\n".join(map(json.dumps, rows)), "a.jsonl").table()
    assert str(table.schema.field("a").type) == "string"
    assert table.column("a")[-1].as_py() == '{"k15999": 15999}'


def test_nested_objects_of_one_shape_stay_nested(load) -> None:
    rows = [{"a": {f"k{i}": i for i in range(20)}}] * 3000
    assert load("\n".join(map(json.dumps, rows)), "a.jsonl").table().to_pylist() == rows


def test_parquet_of_every_shape_is_measured_and_read(load) -> None:
    table = pa.table(
        {
            "map": pa.array([[("k", "v")], None, [("a", "bb"), ("c", None)]], pa.map_(pa.string(), pa.string())),
            "with.dot": ["x", None, "y"],
            "lists": [["a", "b"], [], None],
            "pairs": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int32(), 2)),
            "struct": [{"role": "u", "n": 1}, None, {"role": None, "n": 2}],
            "bytes": [b"1", b"2", None],
            "decimal": pa.array([1, 2, 3], pa.decimal128(9, 2)),
            "deep": [[{"a": "x", "b": ["q"]}], [], None],
        }
    )
    assert load(parquet(table), "a.parquet").table().to_pylist() == table.to_pylist()


@pytest.mark.parametrize(("rows", "width", "most"), [(40_000, 5, 2_000_000), (1000, 100, 20_000)])
def test_batches_are_bounded_by_cells(monkeypatch, rows: int, width: int, most: int) -> None:
    monkeypatch.setattr(values, "MOST_CELLS", most)
    header = [f"c{i}" for i in range(width)]
    sheets = grids.batches([header, *[["x"] * width] * rows], grids.Report(), "a.csv", texts=True)
    keys = objects.batches(((dict.fromkeys(header[: 1 + i % 2 * width], "x"), 1) for i in range(rows)), "a.jsonl")
    for found in (sheets, keys):
        batches = list(found)
        assert sum(map(len, batches)) == rows
        assert max(len(batch) * batch.num_columns for batch in batches) <= most
        if width == 5:
            assert [len(batch) for batch in batches] == [16_384, 16_384, 7232]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_what_is_written_is_counted(load, home, monkeypatch, name: str) -> None:
    """Rows of one cell under a header of a thousand names: nulls that stand nowhere in the file fill the disk."""
    monkeypatch.setattr(reading, "LARGEST_UNPACKED", 100_000)
    names = [f"c{i}" for i in range(1000)]
    cells = [random.Random(i).randbytes(5).hex() for i in range(8000)]
    content = ",".join(names) + "\n" + ("x" + "," * 999 + "\n") * 300 + "".join(f"{cell},\n" for cell in cells)
    if name == "a.jsonl":
        content = "\n".join(map(json.dumps, [dict.fromkeys(names, 1), *({"c0": cell} for cell in cells)]))
    with pytest.raises(UserError) as caught:
        load(packed(content.encode()) if name.endswith("gz") else content, name)
    assert caught.value.code == "file_bomb"
    assert list(home.datasets.iterdir()) == []


def _zip(name: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, CSV)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "code", "said"),
    [
        (b"", "a.csv", "file_empty", "a.csv"),
        (b"\xef\xbb\xbf\r\n \n", "a.csv", "file_empty", "a.csv"),
        (gzip.compress(b"", mtime=0), "a.csv.gz", "file_empty", "a.csv.gz"),
        (b"text,label\n", "a.csv", "file_no_rows", "a.csv"),
        (b"text,label\n\n,,\n", "a.csv", "file_no_rows", "a.csv"),
        (b"[]", "a.json", "file_no_rows", "a.json"),
        (workbook([["text", "label"]]), "a.xlsx", "file_no_rows", "a.xlsx"),
        (workbook([]), "a.xlsx", "xlsx_no_rows", "a.xlsx"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "a.csv", "file_binary", "a.csv"),
        (bytes(range(256)) * 100, "a.json", "file_binary", "a.json"),
        (bytes(range(256)) * 100, "a.xlsx", "file_damaged", "xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "a.xls", "file_old_excel", "a.xls"),
        (far_row(999_999_999_999), "a.xlsx", "xlsx_too_long", "1048576"),
        (_zip("a.csv"), "a.zip", "file_archive", "a.zip"),
        (SHEET[:-200], "a.xlsx", "file_damaged", "Excel"),
        (SHEET[:200] + bytes(400) + SHEET[600:], "a.xlsx", "file_damaged", "Excel"),
        (parquet()[:-20], "a.parquet", "file_damaged", "Parquet"),
        (b"PAR1", "a.parquet", "file_damaged", "Parquet"),
        (gzip.compress(CSV.encode() * 100, mtime=0)[:-20], "a.csv.gz", "file_damaged", "gzip"),
        (gzip.compress(parquet() * 9, mtime=0)[:-200], "a.parquet.gz", "file_damaged", "gzip"),
        (b"\x1f\x8bnonsense and so on", "a.csv.gz", "file_damaged", "gzip"),
        (b'{"text": "a"}\n\n{"text": "b",}\n', "a.jsonl", "json_broken", "line 3"),
        (b'{"text": "a", \n{"text": "b"}\n', "a.jsonl", "json_broken", "line 1"),
        (b'[\n {"text": "a"},\n {"text": }\n]', "a.json", "json_broken", "line 3"),
        (b"hello there", "a.json", "json_broken", "line 1"),
        (b"[" * 100_000, "a.json", "json_broken", "line 1"),
        (b'{"text": "a"}\n[1]\n', "a.jsonl", "json_line_not_object", "line 2"),
        (b"[1, 2, 3]", "a.json", "json_shape", "a.json"),
        (b'{"a": [1, 2], "b": [1]}', "a.json", "json_shape", "a.json"),
        (b'{"text": "one"}', "a.json", "json_shape", "a.json"),
    ],
)
def test_one_sentence_for_what_cannot_be_read(load, home, content: bytes, name: str, code: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load(content, name)
    assert caught.value.code == code
    assert said in caught.value.message("en")
    for lang in languages.LANGUAGES:
        assert "\n" not in caught.value.message(lang) + caught.value.hint(lang)
    assert not home.datasets.exists() or list(home.datasets.iterdir()) == []


def test_damage_of_any_kind_is_one_sentence_or_none(load) -> None:
    """Bytes changed, cut out, put in: an import works, or says why not; nothing else is ever raised."""
    rng = random.Random(3)
    files = [
        *((CSV.encode(codec), "a.csv") for codec in ("utf-8", "gbk", "utf-16")),
        *((content, name) for content, name in ((JSONL.encode(), "a.jsonl"), (json.dumps(ROWS).encode(), "a.json"))),
        *(
            (content, name)
            for content, name in ((parquet(), "a.parquet"), (SHEET, "a.xlsx"), (packed(SHEET), "a.xlsx.gz"))
        ),
    ]
    outcomes = set()
    for _ in range(400):
        content, name = rng.choice(files)
        content = bytearray(content)
        for _ in range(rng.choice([1, 2, 10])):
            place = rng.randrange(len(content))
            length = rng.randrange(20)
            content[place : place + length] = bytes(rng.choices(b'",\n\t{}[]:\x00\xff\xe4 1a', k=rng.randrange(20)))
        try:
            dataset = load(bytes(content), name)
            assert dataset.table().num_rows == dataset.card()["rows"] == len(dataset.table().to_pylist())
            outcomes.add("read")
        except UserError as error:
            assert error.message("en")
            assert error.message("zh")
            outcomes.add(error.code)
    assert {"read", "file_damaged", "json_broken"} <= outcomes


def test_all_sentences_are_there_in_both_languages() -> None:
    for code, entry in languages.catalogue("errors_data").items():
        assert set(entry) == set(languages.LANGUAGES), code
        blanks = [
            {part.split("}")[0] for part in "".join(texts).replace("{{", "").split("{")[1:]} for texts in entry.values()
        ]
        assert blanks[0] == blanks[1], code
        assert any("\u4e00" <= c <= "\u9fff" for c in "".join(entry["zh"])), code
