"""Labels that people give: kept at each keystroke, not overwritten unseen, taken back, made into a version of the data set."""

import json
import threading

import pytest

from ftui.core.errors import UserError
from ftui.data import inspecting, intake, label_rows, labelling

LINES = "这个很好\n太差了\n一般般\n\n还行吧\n"


@pytest.fixture
def dataset(home, tmp_path) -> intake.Dataset:
    """A text file without labels."""
    path = tmp_path / "lines.txt"
    path.write_text(LINES, encoding="utf-8")
    return intake.import_file(path, home)


def subject(dataset: intake.Dataset, kind: str = "label") -> label_rows.Subject:
    return label_rows.subject(dataset.path, inspecting.guess(dataset.table())["columns"], kind)


def test_a_text_file_without_labels_is_a_starting_point(dataset, home) -> None:
    what = subject(dataset)
    assert (what.column, label_rows.waiting(what).tolist(), what.texts(1)) == ("label", [0, 1, 2, 3], ["太差了"])
    with pytest.raises(UserError, match="Nothing has been labelled"):
        label_rows.finish(dataset.path, what, home)
    book = labelling.book(dataset.path, what.column)
    book.say(0, "me", 0, value="好")
    book.say(1, "me", 0, value="坏")
    made, columns = label_rows.finish(dataset.path, what, home)
    assert made.table().column("label").to_pylist() == ["好", "坏", None, None]
    assert columns == {"text": "column_1", "label": "label"}
    assert made.card()["made_from"] == {"dataset": dataset.id, "labelled": 2}
    again, _ = label_rows.finish(dataset.path, what, home)
    assert again.id == made.id != dataset.id
    assert label_rows.waiting(subject(made)).tolist() == [2, 3]


def test_a_column_with_gaps_keeps_its_labels(load, home) -> None:
    dataset = load("text,label\n好东西啊,正面\n差得很呢,\n又一条呢,负面\n还有一条,\n")
    what = label_rows.subject(dataset.path, {"text": "text", "label": "label"})
    assert label_rows.waiting(what).tolist() == [1, 3]
    labelling.book(dataset.path, "label").say(1, "me", 0, value="负面")
    made, _ = label_rows.finish(dataset.path, what, home)
    assert made.table().column("label").to_pylist() == ["正面", "负面", "负面", None]


def test_each_act_is_on_the_disk_and_another_process_reads_it(dataset) -> None:
    book = labelling.Book(dataset.path, "label")
    book.say(2, "me", 0, value="好")
    book.say(3, "me", 0, skipped=True)
    lines = [json.loads(line) for line in book.path.read_text(encoding="utf-8").splitlines()]
    assert [(line["row"], line.get("value"), line["by"]) for line in lines] == [(2, "好", "me"), (3, None, "me")]
    with book.path.open("ab") as file:
        file.write(b'{"row": 0, "col')  # somebody's line that is not whole yet
    fresh = labelling.Book(dataset.path, "label").read()
    assert fresh.values() == {2: "好"} and fresh.names == ["好"]
    assert labelling.Book(dataset.path, "another").read().values() == {}


def test_two_people_do_not_overwrite_each_other_unseen(dataset) -> None:
    one, other = labelling.Book(dataset.path, "label"), labelling.Book(dataset.path, "label")
    assert one.say(0, "one", 0, value="好") is None
    theirs = other.say(0, "other", 0, value="坏")  # whose page still shows the row without a label
    assert theirs is not None and theirs.value == "好"
    assert other.values() == {0: "好"}
    assert other.say(0, "other", theirs.number, value="坏") is None  # now they have seen it
    assert one.read().values() == {0: "坏"}


def test_two_people_are_given_different_rows(dataset) -> None:
    book = labelling.Book(dataset.path, "label")
    rows = [0, 1, 2]
    assert [book.next(rows, "one"), book.next(rows, "other"), book.next(rows, "one")] == [0, 1, 0]
    book.say(0, "one", 0, value="好")
    assert book.next(rows, "one") == 2


def test_many_at_once_lose_nothing(dataset) -> None:
    books = [labelling.Book(dataset.path, "label") for _ in range(4)]

    def work(number: int) -> None:
        for i in range(25):
            books[number].say(100 * number + i, str(number), 0, value=f"l{i}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(labelling.Book(dataset.path, "label").read().values()) == 100


def test_undo_goes_back_step_by_step(dataset) -> None:
    book = labelling.Book(dataset.path, "label")
    book.say(0, "me", 0, value="好")
    book.say(0, "me", book.version(0), value="坏")
    book.say(1, "me", 0, value="坏")
    assert book.undo("me") == 1 and book.values() == {0: "坏"}
    assert book.undo("me") == 0 and book.values() == {0: "好"}
    assert book.undo("me") == 0 and book.values() == {}
    assert book.undo("me") is None and book.undo("other") is None


def test_what_others_have_gone_on_from_is_not_taken_back(dataset) -> None:
    book = labelling.Book(dataset.path, "label")
    book.say(0, "me", 0, value="好")
    book.say(0, "other", book.version(0), value="坏")
    assert book.undo("me") is None and book.values() == {0: "坏"}


def test_undoing_ones_own_correction_leaves_what_another_has_said(dataset) -> None:
    book = labelling.Book(dataset.path, "label")
    for by, value in (("me", "好"), ("other", "坏"), ("me", "一般")):
        book.say(0, by, book.version(0), value=value)
    assert book.undo("me") == 0 and book.values() == {0: "坏"}
    assert book.undo("me") is None and book.values() == {0: "坏"}


def test_half_a_line_takes_no_other_with_it(dataset) -> None:
    """The disk was full, or the process was killed, while a label was written down."""
    book = labelling.Book(dataset.path, "label")
    book.say(0, "me", 0, value="好")
    with book.path.open("ab") as file:
        file.write(b'{"row": 1, "column": "la')
    book.say(2, "me", 0, value="坏")
    book.say(3, "me", 0, value="好")
    assert book.values() == labelling.Book(dataset.path, "label").read().values() == {0: "好", 2: "坏", 3: "好"}


def test_skipped_rows_come_last_and_back_leads_to_the_row_before(dataset) -> None:
    book = labelling.Book(dataset.path, "label")
    book.say(0, "me", 0, skipped=True)
    assert book.next([0, 1], "me", after=0) == 1
    book.say(1, "me", 0, value="好")
    assert book.next([0, 1], "me", after=1) == 0
    assert (book.before("me", 0), book.before("me", 1), book.before("other", 1)) == (None, 0, None)


def test_the_same_text_with_two_labels_is_found(load) -> None:
    dataset = load("text,label\n一样的话,正\n另一句话,正\n一样的话！,负\n")
    what = label_rows.subject(dataset.path, {"text": "text", "label": "label"})
    assert label_rows.contradictory(what).tolist() == [0, 2]


def test_marks_make_a_version_of_the_rows_that_are_ready(dataset, home) -> None:
    what = subject(dataset, kind="spans")
    book = labelling.book(dataset.path, what.column)
    spans = labelling.checked_spans([{"start": 2, "end": 4, "label": " 程度 "}], 4)
    book.say(0, "me", 0, value=spans)
    book.say(1, "me", 0, value=[], done=True)
    assert set(book.values()) == {1}  # of the first row nobody has said that it is ready
    book.say(0, "me", book.version(0), value=spans, done=True)
    made, columns = label_rows.finish(dataset.path, what, home)
    assert made.table().to_pylist() == [
        {"column_1": "这个很好", "spans": [{"start": 2, "end": 4, "label": "程度"}]},
        {"column_1": "太差了", "spans": []},
    ]
    assert inspecting.guess(made.table()) == {"task": "token-classification", "columns": columns}


def test_words_with_tags_become_texts_with_marks(load, home) -> None:
    dataset = load('tokens,ner_tags\n"Tim lives","B-PER O"\n"in Rome",\n')
    what = label_rows.subject(dataset.path, {"tokens": "tokens", "ner_tags": "ner_tags"}, "spans")
    assert (what.texts(1), what.given(0), what.given(1)) == (["in Rome"], [{"start": 0, "end": 3, "label": "PER"}], None)
    assert (label_rows.waiting(what).tolist(), what.names()) == ([1], ["PER"])
    labelling.book(dataset.path, what.column).say(1, "me", 0, value=[{"start": 3, "end": 7, "label": "LOC"}], done=True)
    made, _ = label_rows.finish(dataset.path, what, home)
    assert [(row["text"], [s["label"] for s in row["spans"]]) for row in made.table().to_pylist()] == [("Tim lives", ["PER"]), ("in Rome", ["LOC"])]


def test_columns_for_each_label_become_lists_of_labels(load, home) -> None:
    dataset = load("text,贵,慢\n好东西啊,0,1\n差得很呢,,\n又一条呢,1,1\n没人说过,,\n")
    what = label_rows.subject(dataset.path, {"text": "text", "flags": "贵, 慢"}, "labels")
    assert (label_rows.waiting(what).tolist(), what.names(), what.given(2), what.given(1)) == ([1, 3], ["贵", "慢"], ["贵", "慢"], None)
    labelling.book(dataset.path, what.column).say(1, "me", 0, value=[], done=True)
    made, columns = label_rows.finish(dataset.path, what, home)
    assert columns == {"text": "text", "labels": "labels"}
    assert made.table().to_pylist() == [{"text": "好东西啊", "labels": ["慢"]}, {"text": "差得很呢", "labels": []}, {"text": "又一条呢", "labels": ["贵", "慢"]}]
    label_rows.export(dataset.path, what, "csv", made.path / "out.csv")
    label_rows.export(dataset.path, what, "label-studio", made.path / "out.json")
    assert '"[""贵"", ""慢""]"' in (made.path / "out.csv").read_text(encoding="utf-8-sig")
    choices = [task["annotations"][0]["result"][0]["value"]["choices"] for task in json.loads((made.path / "out.json").read_text()) if task["annotations"]]
    assert choices == [["慢"], [], ["贵", "慢"]]


@pytest.mark.parametrize("spans", [[(0, 9)], [(2, 2)], [(0, 3), (2, 4)], [(-1, 2)]])
def test_marks_that_do_not_fit_are_refused(spans) -> None:
    with pytest.raises(UserError):
        labelling.checked_spans([{"start": a, "end": b, "label": "x"} for a, b in spans], 5)


def test_labels_stay_when_a_data_set_is_read_anew(dataset, home, tmp_path) -> None:
    labelling.Book(dataset.path, "label").say(0, "me", 0, value="好")
    card = dataset.card()
    (dataset.path / "card.json").write_text(json.dumps({**card, "version": 0}))  # as an older ftui wrote it
    again = intake.import_file(tmp_path / "lines.txt", home)
    assert again.id == dataset.id and labelling.Book(again.path, "label").read().values() == {0: "好"}
