"""A file in, a table out, in every format."""

import json
import math

import openpyxl
import pyarrow as pa
import pytest

from ftui.core.errors import UserError
from ftui.data import annotating
from ftui.tasks import question_answering, text_classification


def ask(rows: list[dict]) -> list[dict]:
    return [{"label": row["text"].upper(), "scores": {row["text"].upper(): 0.75}} for row in rows]


def through(path, format: str, out):
    with annotating.opened(path) as (table, card):
        columns = annotating.find_columns(table, ("text",), {}, {"text": "text"}, card["name"])
        *_, (rows, made) = annotating.annotate(table, columns, ask, text_classification.cell)
        annotating.write(made, out, format)
    return rows


SOURCES = {
    "a.csv": "id,text,prediction\n1,a,old\n2,,old\n3,c,old\n",
    "a.tsv": "id\ttext\tprediction\n1\ta\told\n2\t\told\n3\tc\told\n",
    "a.jsonl": "".join(json.dumps({"id": str(i), "text": t, "prediction": "old"}) + "\n" for i, t in ((1, "a"), (2, ""), (3, "c"))),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("format", annotating.FORMATS)
def test_columns_and_order_stay(tmp_path, name, format):
    (tmp_path / name).write_text(SOURCES[name], encoding="utf-8")
    out = tmp_path / f"out.{format}"
    assert through(tmp_path / name, format, out) == 3
    with annotating.opened(out) as (table, _):
        assert table.column_names == ["id", "text", "prediction", "prediction_2", "confidence"]
        rows = table.to_pylist()
    assert [str(row["id"]) for row in rows] == ["1", "2", "3"]
    assert [row["prediction_2"] or None for row in rows] == ["A", None, "C"]
    assert float(rows[0]["confidence"]) == 0.75


def test_numbers_of_a_workbook_stay_numbers_and_texts_no_formulas(tmp_path):
    book = openpyxl.Workbook()
    for row in (["price", "text"], [1234567.25, "=1+1x"], [2, "b"]):
        book.active.append(row)
    book.active["B2"].data_type = "s"
    book.save(tmp_path / "a.xlsx")
    through(tmp_path / "a.xlsx", "xlsx", tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert [cell.value for cell in sheet[2]] == [1234567.25, "=1+1x", "=1+1X", 0.75]
    assert sheet["B2"].data_type == "s"
    through(tmp_path / "a.xlsx", "csv", tmp_path / "out.csv")
    assert "1234567.25,=1+1x" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")


def test_no_number_is_written_as_none(tmp_path):
    """pandas writes NaN where there is no value; JSON has no such number."""
    rows = pa.table({"text": ["a", "b"], "score": [1.5, math.nan]})
    for format in ("jsonl", "csv"):
        annotating.write(rows, tmp_path / "out", format)
        assert "nan" not in (tmp_path / "out").read_text(encoding="utf-8").lower()


def test_batches_and_progress(tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "x\n" * 150)
    sizes = []

    def counted(texts):
        sizes.append(len(texts))
        return ask(texts)

    with annotating.opened(tmp_path / "a.csv") as (table, _):
        done = [n for n, _ in annotating.annotate(table, {"text": "text"}, counted, text_classification.cell)]
    assert sizes == [64, 64, 22] and done == [64, 128, 150, 150]


def test_each_input_has_its_column_and_rows_that_lack_one_are_not_asked(tmp_path):
    (tmp_path / "a.csv").write_text("id,passage,Frage\n1,alpha beta,which\n2,,what\n3,gamma,\n", encoding="utf-8")
    seen = []

    def answer(rows):
        seen.extend(rows)
        return [{"answer": row["context"].split()[0], "start": 0, "end": 5, "score": 0.5} for row in rows]

    with annotating.opened(tmp_path / "a.csv") as (table, card):
        wanted = annotating.named(["question=Frage"], question_answering.INPUTS)
        columns = annotating.find_columns(table, question_answering.INPUTS, wanted, {}, card["name"])
        *_, (_, made) = annotating.annotate(table, columns, answer, question_answering.cell)
    assert columns == {"question": "Frage", "context": "passage"} and seen == [{"question": "which", "context": "alpha beta"}]
    assert made["prediction"].to_pylist() == ["alpha", None, None] and made["confidence"].to_pylist() == [0.5, None, None]


def test_what_cannot_be_done_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("text,other\na,b\n")
    with annotating.opened(tmp_path / "a.csv") as (table, card), pytest.raises(UserError) as caught:
        annotating.find_columns(table, ("text",), {"text": "none"}, {"text": "text"}, card["name"])
    assert caught.value.code == "column_missing"
    with pytest.raises(UserError) as caught:
        annotating.format_of(tmp_path / "out.docx", "csv")
    assert "out.docx" in caught.value.message()
