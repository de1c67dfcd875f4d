"""From a recipe's data section to the tables that a training reads."""

from pathlib import Path

import pyarrow as pa
import pytest

from ftui.core.errors import UserError
from ftui.core.recipe import Data
from ftui.data import intake
from ftui.data.preparing import Prepared, prepare, usable


@pytest.fixture
def run(home, tmp_path: Path):
    """Prepare data: main file and own files as CSV texts, the rest as in a recipe."""

    def run(main: str, validation: str | None = None, test: str | None = None, **settings) -> Prepared:
        files = {"path": main, "validation_path": validation, "test_path": test}
        for key, content in files.items():
            if content is not None:
                (tmp_path / f"{key}.csv").write_text(content, encoding="utf-8")
        paths = {key: str(tmp_path / f"{key}.csv") for key, content in files.items() if content is not None}
        return prepare(Data(**paths, **settings), home, ("text", "label"), "label")

    return run


def reviews(rows: int, header: str = "评论内容,情感标签") -> str:
    return header + "\n" + "".join(f"第{i}条评论,{'正面' if i % 3 else '负面'}\n" for i in range(rows))


def numbers(prepared: Prepared, split: str) -> list[int]:
    return prepared.splits[split].column("row").to_pylist()


def test_splits_hold_every_row_once_with_its_text_and_label(run) -> None:
    prepared = run(reviews(1000))
    assert {name: len(table) for name, table in prepared.splits.items()} == {
        "train": 720,
        "validation": 80,
        "test": 200,
    }
    assert prepared.columns == {"text": "评论内容", "label": "情感标签"}
    assert prepared.dropped == {}
    assert sorted(sum((numbers(prepared, name) for name in prepared.splits), [])) == list(range(1000))
    for table in prepared.splits.values():
        assert table.schema == pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.string())])
        for row in table.to_pylist():
            assert row["text"] == f"第{row['row']}条评论"
            assert row["label"] == ("正面" if row["row"] % 3 else "负面")
        assert abs(table.column("label").to_pylist().count("负面") / len(table) - 1 / 3) < 0.02


def test_seed_and_sizes(run) -> None:
    first, same, other = run(reviews(300)), run(reviews(300)), run(reviews(300), seed=7)
    assert numbers(first, "test") == numbers(same, "test") != numbers(other, "test")
    assert set(run(reviews(300), test_size=0, validation_size=0).splits) == {"train"}
    assert set(run(reviews(300), test_size=0.5, validation_size=0).splits) == {"train", "test"}


def test_empty_cells_are_dropped_and_counted(run) -> None:
    content = reviews(50) + ",正面\n  ,负面\nno label\nblank label,  \n,\n"
    prepared = run(content)
    assert prepared.dropped == {"empty_text": 2, "empty_label": 2}
    assert sum(map(len, prepared.splits.values())) == 50


def test_texts_stay_as_they_are_and_labels_are_trimmed(run) -> None:
    content = "text,label\n" + '" two\nlines ", a\nother,b \n' * 10
    rows = [row for table in run(content).splits.values() for row in table.to_pylist()]
    assert {(row["text"], row["label"]) for row in rows} == {(" two\nlines ", "a"), ("other", "b")}


def test_values_that_are_no_strings(home, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    made = {"text": list(range(20)), "label": [i % 2 == 0 for i in range(19)] + [None]}
    pq.write_table(pa.table(made), path)
    prepared = prepare(Data(path=str(path), columns={"text": "text"}), home, ("text", "label"), "label")
    assert prepared.dropped == {"empty_label": 1}
    rows = [row for table in prepared.splits.values() for row in table.to_pylist()]
    assert {(row["text"], row["label"]) for row in rows} == {(str(i), str(i % 2 == 0).lower()) for i in range(19)}


def test_floats_as_labels(home, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(f'{{"text": "t {i}", "label": {i % 2}.0}}\n' for i in range(20)) + '{"text": "t", "label": NaN}\n'
    )
    prepared = prepare(Data(path=str(path)), home, ("text", "label"), "label")
    assert set(prepared.splits["train"].column("label").to_pylist()) == {"0", "1"}
    assert prepared.dropped == {"empty_label": 1}


def test_own_files_are_used_as_they_are(run) -> None:
    more = "情感标签,评论内容\n正面,好\n未知,谁知道\n,没有标签\n负面,坏\n"
    prepared = run(reviews(100), validation=more, test=reviews(9))
    assert [len(table) for table in prepared.splits.values()] == [91, 2, 9]  # what is tested is not trained on
    assert prepared.splits["validation"].to_pylist() == [
        {"row": 0, "text": "好", "label": "正面"},
        {"row": 3, "text": "坏", "label": "负面"},
    ]
    assert prepared.dropped == {"unknown_label": 1, "empty_label": 1, "leaked": 9}
    half = run(reviews(100), test=reviews(9))
    assert {name: len(table) for name, table in half.splits.items()} == {"train": 82, "validation": 9, "test": 9}
    assert half.dropped == {"leaked": 8, "leaked_validation": 1}  # nor is the best checkpoint chosen by it


def test_named_columns_come_before_guessed_ones(run) -> None:
    content = "text,label,title,class\n" + "".join(f"some text {i},{i % 2},a title {i},c{i % 3}\n" for i in range(60))
    assert run(content).columns == {"text": "text", "label": "label"}
    assert run(content, columns={"label": "class"}).columns == {"text": "text", "label": "class"}
    assert run(content, columns={"text": "title"}).columns == {"text": "title", "label": "label"}
    assert run(content, columns={"label": "class", "text": "label"}).columns == {"text": "label", "label": "class"}


def test_usable_rows_of_one_class(home, load) -> None:
    """What is to be scored needs no second class, and is not split."""
    dataset = load("评论,标签\n好,正面\n,正面\n很好,正面\n")
    table, columns, dropped = usable(str(dataset.path), home, {}, ("text", "label"))
    assert table.to_pylist() == [{"row": 0, "text": "好", "label": "正面"}, {"row": 2, "text": "很好", "label": "正面"}]
    assert (columns, dropped) == ({"text": "评论", "label": "标签"}, {"empty_text": 1})


def test_a_class_with_one_row_is_trained_on(run) -> None:
    prepared = run(reviews(30) + "only one,中性\n")
    assert "中性" in prepared.splits["train"].column("label").to_pylist()


def test_other_roles_without_labels(home, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(reviews(10), encoding="utf-8")
    prepared = prepare(Data(path=str(tmp_path / "a.csv")), home, ("text",), None)
    assert prepared.columns == {"text": "评论内容"}
    assert [len(table) for table in prepared.splits.values()] == [7, 1, 2]


def test_a_data_set_of_the_home(home, load) -> None:
    dataset = load(reviews(30), "mine.csv")
    prepared = prepare(Data(path=str(dataset.path)), home, ("text", "label"), "label")
    assert sum(map(len, prepared.splits.values())) == 30
    assert [d.card()["name"] for d in intake.list_datasets(home)] == ["mine.csv"]


IDS = "text,label\n" + "".join(f"text number {i},{i}\n" for i in range(40))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({"main": reviews(30), "columns": {"label": "标签"}}, "column_missing", "评论内容, 情感标签"),
        ({"main": reviews(30), "columns": {"txt": "评论内容"}}, "role_unknown", "text, label"),
        ({"main": reviews(30), "columns": {"text": "情感标签", "label": "情感标签"}}, "column_twice", "情感标签"),
        ({"main": "en,zh\n" + "".join(f"sentence {i},句子 {i}\n" for i in range(9))}, "column_not_guessed", "en, zh"),
        ({"main": "text,label\ngood,1\nbad,0\n"}, "too_few_rows", "2"),
        ({"main": "text,label\n,1\n,0\ngood,\n"}, "no_usable_rows", "path.csv"),
        ({"main": reviews(30), "test": reviews(9, "text,label")}, "column_missing", "test_path.csv"),
        ({"main": reviews(30), "validation": "评论内容,情感标签\n好,未知\n"}, "own_split_empty", "validation"),
        ({"main": "text,label\n"}, "file_no_rows", "path.csv"),
    ],
)
def test_what_the_user_can_mend(run, arguments: dict, code: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        run(**arguments)
    assert caught.value.code == code
    for lang in ("en", "zh"):
        assert said in caught.value.message(lang) + caught.value.hint(lang)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("missing.csv", "file_missing"),
        ("missing.csv.gz", "file_missing"),
        ("/nowhere/at/all", "file_missing"),
        ("~/nothing/there/is", "file_missing"),
        ("中文路径", "file_missing"),
        ("很长" * 2000, "file_missing"),
        ("nul\x00byte.csv", "file_missing"),
        ("~nobody-of-this-name/a.csv", "file_missing"),
        ("FOLDER", "data_is_folder"),
        ("owner/name-that-nobody-has", "hub_unreachable"),
    ],
)
def test_paths_that_lead_nowhere(home, tmp_path: Path, path: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        prepare(Data(path=path.replace("FOLDER", str(tmp_path))), home, ("text", "label"), "label")
    assert caught.value.code == code


def test_real_gbk_file(home, data_folder: Path) -> None:
    path = data_folder / "zh_messy_medical_gbk" / "medical_qa_gbk.csv"
    prepared = prepare(Data(path=str(path)), home, ("text", "label"), "label")
    assert prepared.columns == {"text": "ask", "label": "department"}
    assert sum(map(len, prepared.splits.values())) == 7644
    assert all(len(set(table.column("label").to_pylist())) == 11 for table in prepared.splits.values())
