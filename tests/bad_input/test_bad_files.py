"""Files that are no tables, or strange ones: refused in one sentence by command line and page, or read and noted."""

import gzip
import io
import json
import os
import random
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftui.core import languages
from ftui.data import intake, reading
from ftui.ui import data_tab, sources
from tests.bad_input.conftest import one_sentence, tree, words

GOOD = "text,label\ngood one,a\nbad one,b\nanother,a\n"


def sheet(*rows: list, sheets: int = 1) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def archive(**files: bytes | str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return sink.getvalue()


def without_sheets() -> bytes:
    """A workbook whose part xl/workbook.xml lists none."""
    source = zipfile.ZipFile(io.BytesIO(sheet(["text", "label"])))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        for name in source.namelist():
            content = source.read(name)
            if name == "xl/workbook.xml":
                start, end = content.index(b"<sheets>"), content.index(b"</sheets>")
                content = content[: start + 8] + content[end:]
            made.writestr(name, content)
    return sink.getvalue()


def parquet(**columns: list) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def folded(shape: str) -> bytes:
    """A Parquet file of some kB whose one long text, or one number, stands in very many places."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 4096, pa.int32()), ["a" * 200_000])
    if shape == "nested":
        column = pa.ListArray.from_arrays(pa.array(range(4097), pa.int32()), column)
    if shape == "numbers":
        column = pa.ListArray.from_arrays(pa.array([0, 20_000_000], pa.int32()), pa.nulls(20_000_000, pa.int64()))
    if shape == "fixed":
        column = pa.array([b"a" * 50_000] * 4096, pa.binary(50_000))
    encoding: dict = {}
    if shape == "beginnings":
        column = pa.array([f"{'a' * 200_000}{i}" for i in range(600)])
        encoding = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": column}), sink, compression="zstd", **encoding)
    return sink.getvalue()


def shared() -> bytes:
    """A workbook in which 150 cells hold the same text of a million characters, which is written once."""
    source = zipfile.ZipFile(io.BytesIO(sheet(["text", "label"])))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        for name in source.namelist():
            content = source.read(name)
            if name == "[Content_Types].xml":
                kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
                content = content.replace(b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind)
            content = content.replace(b"</sheetData>", b'<row><c t="s"><v>0</v></c></row>' * 150 + b"</sheetData>")
            made.writestr(name, content)
        made.writestr("xl/sharedStrings.xml", b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>%s</t></si></sst>' % (b"a" * 1_000_000))
    return sink.getvalue()


WIDE = ",".join(f"c{i}" for i in range(2001))

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + random.Random(0).randbytes(3000)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + random.Random(1).randbytes(3000)

# name, content, code of the refusal
REFUSED = [
    ("empty.csv", b"", "file_empty"),
    ("blank.csv", b"\n \r\n\t\n", "file_empty"),
    ("bom.csv", b"\xef\xbb\xbf", "file_empty"),
    ("header.csv", b"text,label\n", "file_no_rows"),
    ("header.csv", "text,label\n".encode("utf-16"), "file_no_rows"),
    ("delimiters.csv", b",,,\n,,,\n", "file_empty"),
    ("delimiters.tsv", b"\t\t\n" * 50, "file_empty"),
    ("quotes.csv", b'"","",""\n"",""\n', "file_empty"),
    ("nul.csv", bytes(5000), "file_empty"),
    ("picture.csv", PNG, "file_binary"),
    ("picture.png", PNG, "file_binary"),
    ("program.csv", ELF, "file_binary"),
    ("model.safetensors", (80).to_bytes(8, "little") + b'{"a":1}' + random.Random(2).randbytes(900), "file_binary"),
    ("pickle.csv", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00" + random.Random(3).randbytes(900), "file_binary"),
    ("archive.zip", archive(a_csv=GOOD), "file_archive"),
    ("archive.csv", archive(a_csv=GOOD), "file_archive"),
    ("text.xlsx", b"\x00\x01" * 4000, "file_damaged"),
    ("broken.xlsx", b"PK\x03\x04" + bytes(500), "file_damaged"),
    ("no-sheet.xlsx", without_sheets(), "xlsx_no_rows"),
    ("empty-sheet.xlsx", sheet(), "xlsx_no_rows"),
    ("header.xlsx", sheet(["text", "label"]), "file_no_rows"),
    ("password.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "file_old_excel"),
    ("bomb.xlsx", archive(xl__workbook_xml=b" " * 120_000_000), "file_bomb"),
    ("cut.parquet", parquet(text=["a"] * 99, label=["b"] * 99)[:-30], "file_damaged"),
    ("head.parquet", b"PAR1", "file_damaged"),
    ("middle.parquet", parquet(text=["abc"] * 999)[:50] + bytes(90) + parquet(text=["abc"] * 999)[140:], "file_damaged"),
    ("none.parquet", parquet(text=[], label=[]), "file_no_rows"),
    ("no-columns.parquet", parquet(), "file_no_rows"),
    ("broken.csv.gz", gzip.compress(GOOD.encode() * 500, mtime=0)[:-40], "file_damaged"),
    ("not.csv.gz", b"\x1f\x8b\x08\x00rubbish rubbish rubbish", "file_damaged"),
    ("bomb.csv.gz", b"text,label\n" + bytes(0), "bomb"),
    ("bomb.json.gz", b"[" + b" " * 0, "bomb"),
    ("bomb.parquet.gz", b"PAR1", "bomb"),
    ("line.jsonl", b'{"text": "a", "label": "b"}\n{"text": "a", "label\n{"text": "c", "label": "d"}\n', "json_broken"),
    ("number.jsonl", b'{"text": "a"}\n17\n', "json_line_not_object"),
    ("list.json", b"[1, 2, 3]", "json_shape"),
    ("text.json", b'"hello"', "json_shape"),
    ("null.json", b"null", "json_shape"),
    ("cut.json", b'[{"text": "a", "label": "b"}, {"text": ', "json_broken"),
    ("deep.json", b"[" * 200_000, "json_broken"),
    ("folded.parquet", folded("flat"), "file_bomb"),
    ("folded-lists.parquet", folded("nested"), "file_bomb"),
    ("beginnings.parquet", folded("beginnings"), "file_bomb"),
    ("fixed.parquet", folded("fixed"), "file_bomb"),
    ("numbers.parquet", folded("numbers"), "file_bomb"),
    ("shared.xlsx", shared(), "file_bomb"),
    ("wide.csv", f"{WIDE}\n{WIDE}\n".encode(), "too_many_columns"),
    ("wide.xlsx", sheet(["text", "label"], *([[None] * 2000 + ["x"]] * 9)), "too_many_columns"),
    ("wide.parquet", parquet(**dict.fromkeys(WIDE.split(","), ["x"])), "too_many_columns"),
    ("keys.jsonl", b"".join(json.dumps({f"k{row}_{i}": 1 for i in range(700)}).encode() + b"\n" for row in range(3)), "too_many_columns"),
    ("digits.json", b'[{"text": ' + b"9" * 10_000 + b"}]", "json_broken"),
]  # fmt: skip


def made(tmp_path, name: str, content: bytes, code: str):
    """The file; a bomb is a small gzip that unpacks to 150 MB."""
    path = tmp_path / name
    if code != "bomb":
        path.write_bytes(content)
        return path, code
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(content)
        for _ in range(150):
            file.write(b"a" * 999_999 + b"\n")
    return path, "file_bomb"


@pytest.mark.parametrize(("name", "content", "code"), REFUSED, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(REFUSED)])
def test_a_file_that_is_no_table(tmp_path, home, refused, name, content, code):
    path, code = made(tmp_path, name, content, code)
    said = refused("data", "report", path)
    assert said["code"] == code
    assert name in said["en"] and name in said["zh"]
    for lang in languages.LANGUAGES:
        *_, (chosen, notice, zone) = sources.add_files(home, lang, [str(path)])
        assert isinstance(chosen, dict) and zone is None  # an update that leaves the chosen data set chosen
        assert words(said[lang]) in words(notice) and 'role="alert"' in notice
    assert not home.datasets.exists() or list(home.datasets.iterdir()) == []


# name, content, rows, columns, notes
READ = [
    ("ragged.csv", b"text,label\na,x\nb\nc,y,too,many\nd,x\n", 3, ["text", "label"], {"note_skipped_rows"}),
    ("twice.csv", b"text,text,label\na,b,x\nc,d,y\n", 2, ["text", "text_2", "label"], set()),
    ("nameless.csv", b",text,,label\n1,a,q,x\n2,b,r,y\n", 2, ["column_1", "text", "column_3", "label"], set()),
    ("nul.csv", b"text,label\na\x00b,x\nc,y\n", 2, ["text", "label"], set()),
    ("no-bom.csv", GOOD.encode("utf-16-le"), 3, ["text", "label"], set()),
    ("big-endian.csv", GOOD.encode("utf-16-be"), 3, ["text", "label"], set()),
    ("gbk.csv", "文本,标签\n这个东西很好,好\n这个东西不好,坏\n".encode("gbk"), 2, ["文本", "标签"], set()),
    ("mixed.csv", "文本,标签\n".encode() + "这个东西很好我喜欢,好\n".encode() * 60 + "不好,坏\n".encode("gbk"), 61, ["文本", "标签"], {"note_undecodable"}),
    ("big-cell.csv", b"text,label\n" + b"word " * 2_100_000 + b",x\nb,y\n", 2, ["text", "label"], set()),
    ("formulas.csv", b"text,label\n=1+1,x\n@SUM(A1),y\n-3,x\n+4,y\n", 4, ["text", "label"], set()),
    ("formula.xlsx", sheet(["text", "label"], ["=A1", "x"], ["b", "y"]), 2, ["text", "label"], set()),
    ("really-csv.xlsx", GOOD.encode(), 3, ["text", "label"], set()),
    ("really-xlsx.csv", sheet(["text", "label"], ["a", "x"], ["b", "y"]), 2, ["text", "label"], set()),
    ("really-parquet.csv", parquet(text=["a", "b"], label=["x", "y"]), 2, ["text", "label"], set()),
    ("really-json.csv", json.dumps([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]).encode(), 2, ["text", "label"], set()),
    ("really-plain.csv.gz", GOOD.encode(), 3, ["text", "label"], set()),
    ("markup.csv", b"<script>,label\n<img src=x onerror=alert(1)>,<b>x</b>\nb,y\n", 2, ["<script>", "label"], set()),
]


@pytest.mark.parametrize(("name", "content", "rows", "columns", "notes"), READ, ids=[row[0] for row in READ])
def test_a_strange_file_that_can_be_read(tmp_path, home, name, content, rows, columns, notes):
    path = tmp_path / name
    path.write_bytes(content)
    dataset = intake.import_file(path, home)
    card = dataset.card()
    assert (card["rows"], [column["name"] for column in card["columns"]]) == (rows, columns)
    assert {note["code"] for note in card["notes"]} == notes
    for lang in languages.LANGUAGES:
        reading = data_tab.show(home, lang, dataset.id)[5]
        table, _ = data_tab.view_rows(home, lang, dataset.id, reading, "", 1)
        for text in intake.notes(card, lang):
            one_sentence(text, lang)
        assert "<script>" not in table and "<img" not in table and "<b>x" not in table
        assert len(table) < 100_000  # a page of the table never holds the whole of a huge cell


class TestPlaces:
    """What is at a path: nothing, a folder, a device, a pipe, a file of somebody else, a link."""

    def test_nothing(self, tmp_path, refused):
        assert refused("data", "report", tmp_path / "none.csv")["code"] == "file_missing"

    def test_a_folder(self, tmp_path, refused):
        assert refused("data", "report", tmp_path)["code"] == "data_is_folder"

    def test_a_device_without_end(self, refused):
        assert refused("data", "report", "/dev/zero")["code"] == "file_special"

    def test_a_pipe_that_nobody_writes_to(self, tmp_path, refused):
        os.mkfifo(tmp_path / "pipe.csv")
        assert refused("data", "report", tmp_path / "pipe.csv")["code"] == "file_special"

    @pytest.mark.parametrize("name", ["a" * 300 + ".csv", "x/" * 3000 + "y.csv"], ids=["long", "deep"])
    def test_a_path_that_cannot_be(self, refused, name):
        assert refused("data", "report", name)["code"] == "file_unreadable"

    def test_a_link_to_nothing_and_one_to_itself(self, tmp_path, refused):
        (tmp_path / "gone.csv").symlink_to(tmp_path / "none.csv")
        (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
        for name in ("gone.csv", "loop.csv"):
            assert refused("data", "report", tmp_path / name)["code"] == "file_missing"

    def test_a_link_to_a_table_is_that_table(self, tmp_path, home):
        (tmp_path / "real.csv").write_text(GOOD)
        (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
        dataset = intake.import_file(tmp_path / "link.csv", home)
        assert dataset.card()["rows"] == 3
        assert not any(path.is_symlink() for path in dataset.path.iterdir())

    def test_a_file_that_may_not_be_read(self, refused, somebody, open_folder):
        path = open_folder / "private.csv"
        path.write_text(GOOD)
        path.chmod(0)
        said = refused("data", "report", path, who=somebody)
        assert said["code"] == "file_unreadable"
        assert "private.csv" in said["zh"]


NAMES = ["../x.csv", "/etc/x.csv", "a\x00b.csv", "line\nbreak.csv", "\x1b[31mred.csv", "😀.csv", "x" * 300 + ".csv", "\u202egnp.csv", "<script>alert(1)</script>.csv", "..", "CON", "=1+1.csv", " ", "a/b\\c.csv"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_can_be_shown_and_leads_nowhere(tmp_path, home, name):
    (tmp_path / "upload").write_text(GOOD)
    dataset = intake.import_file(tmp_path / "upload", home, name=name)
    shown = dataset.card()["name"]
    assert shown and len(shown) <= 120 and shown.isprintable() and not {"/", "\\"} & set(shown)
    assert {path.name for path in dataset.path.iterdir()} <= {"source.csv", "source.txt", "data.arrow", "card.json"}
    assert set(tree(tmp_path)) == {"upload", "home", *(p for p in tree(tmp_path) if p.startswith("home/"))}


def test_a_bomb_is_given_up_early(tmp_path, home, monkeypatch):
    """The limit counts what is unpacked, not what is kept: 100 MB at least, or forty times the file."""
    assert reading.LARGEST_UNPACKED == 100_000_000
    monkeypatch.setattr(reading, "LARGEST_UNPACKED", 10_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"".join(b"row %d,x\n" % i for i in range(30_000)), 1))
    assert intake.import_file(path, home).card()["rows"] == 30_000  # dense enough to be real
    path.write_bytes(gzip.compress(b"text,label\n" + b"a,x\n" * 30_000))
    with pytest.raises(reading.UserError) as caught:
        intake.import_file(path, home)
    assert caught.value.code == "file_bomb"
