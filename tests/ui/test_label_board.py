"""The board on which rows are labelled: what keys do, what is shown, what a run suggests. No browser, no model."""

import json
import re

import pytest

from ftui.core.home import write_json
from ftui.data import intake, labelling
from ftui.ui import label_boards, readings, suggesting, workshop
from ftui.ui import labelling as page


@pytest.fixture
def lines(home, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("这个很好\n太差了<b>\n一般般\n", encoding="utf-8")
    return intake.import_file(path, home)


def reading(dataset, task: str = "text-classification") -> str:
    return readings.written(dataset.id, readings.Reading(task, readings.of(task, {}).form, {"text": "column_1"}))


class Person:
    """Presses keys on the board that is before them."""

    def __init__(self, home, dataset, by: str = "me", task: str = "text-classification", which: str = "unlabelled", run: str = ""):
        self.on = (home, "en", dataset.id, reading(dataset, task))
        self.by, self.which, self.run = by, which, run
        self.board = list(page.choose(*self.on, which, run, by))[-1]

    @property
    def row(self) -> int:
        return int(re.search(r'data-row="(-?\d+)"', self.board)[1])

    def does(self, act: str, **said: object) -> "Person":
        home, lang, data_id, text = self.on
        seen = int(re.search(r'data-seen="(\d+)"', self.board)[1])
        of = re.search(r'data-of="(\w+)"', self.board)[1]
        pick = json.dumps({"act": act, "row": self.row, "seen": seen, "of": of, "by": self.by, **said})
        self.board, self.part = page.act(home, lang, pick, data_id, text, self.which, self.run)
        return self


def test_labels_row_by_row(home, lines) -> None:
    me = Person(home, lines)
    assert me.row == 0 and "0 of 3 labelled" in me.board
    me.does("label", name="好")
    assert me.row == 1 and 'data-name="好"' in me.board and "&lt;b&gt;" in me.board
    assert "1 of 3 labelled" in me.board and "1 by you" in me.board
    assert me.part.label == "Label by hand · 3 rows without a label · 1 labelled here"
    me.does("skip")
    assert me.row == 2
    me.does("label", name="坏").does("label", name="坏")
    assert me.row == -1 and "All of these rows are labelled" in me.board
    me.does("undo")
    assert me.row == 1 and labelling.book(lines.path, "label").values() == {0: "好", 2: "坏"}
    me.does("back")
    assert me.row == 2 and 'class="now"' in me.board


def test_what_is_no_label_is_said_at_its_place(home, lines) -> None:
    me = Person(home, lines).does("label", name=" " * 3)
    assert me.row == 0 and "needs a name" in me.board
    me.does("label", name="x" * 201)
    assert "at most 200" in me.board and labelling.book(lines.path, "label").values() == {}


def test_two_people_at_once(home, lines) -> None:
    me, other = Person(home, lines), Person(home, lines, "other")
    assert (me.row, other.row) == (0, 1)
    labelling.Book(lines.path, "label").say(0, "third", 0, value="好")
    me.does("label", name="坏")
    assert me.row == 0 and "Somebody else has labelled this row meanwhile: 好" in me.board
    me.does("label", name="坏")
    assert labelling.book(lines.path, "label").values() == {0: "坏"} and me.row == 2


def test_a_key_that_comes_late_changes_no_row_that_is_done(home, lines) -> None:
    """Two tabs of one person show the same row; so do two keys that are pressed before the next row is there."""
    one, other = Person(home, lines), Person(home, lines)
    assert (one.row, other.row) == (0, 0)
    one.does("label", name="好")
    other.does("label", name="坏")
    assert other.row == 1 and "It was not saved" in other.board
    assert labelling.book(lines.path, "label").values() == {0: "好"}
    other.does("label", name="坏").does("back").does("label", name="好")  # now it is seen
    assert labelling.book(lines.path, "label").values() == {0: "好", 1: "好"}


def test_finishing_opens_a_version_that_knows_its_columns(home, lines) -> None:
    assert "Nothing has been labelled" in page.finish(*Person(home, lines).on)[1]
    me = Person(home, lines).does("label", name="好")
    workshop.save(lines.path, "text-classification", {"text": "column_1"}, {"clean": [{"name": "strip_html"}]})
    made, notice = page.finish(*me.on)
    assert "lines-labelled.jsonl" in notice and made != lines.id
    kept = workshop.saved(home.dataset(made))
    assert (kept["columns"], kept["plan"]) == ({"text": "column_1", "label": "label"}, {"clean": [{"name": "strip_html"}]})
    assert page.save(*me.on, "csv").endswith("labels.csv")


def test_marks(home, lines) -> None:
    me = Person(home, lines, task="token-classification")
    me.does("mark", start=2, end=4, name="程度")
    assert me.row == 0 and 'data-label="程度"' in me.board and me.board.count('data-span="0"') == 2
    me.does("mark", start=3, end=4, name="味道")  # what it overlaps goes
    assert labelling.book(lines.path, "spans").last(0).value == [{"start": 3, "end": 4, "label": "味道"}]
    me.does("unmark", span=0)
    assert 'data-marks="0"' in me.board
    me.does("undo")
    assert 'data-marks="1"' in me.board and labelling.book(lines.path, "spans").values() == {}
    me.does("done")
    assert me.row == 1 and labelling.book(lines.path, "spans").values() == {0: [{"start": 3, "end": 4, "label": "味道"}]}
    me.does("mark", start=2, end=99, name="味道")
    assert "outside the text" in me.board


def test_letters_on_the_board_are_those_of_the_text() -> None:
    text = "Tim's  <b>, 北京 & 🐾!\n x"
    shown = label_boards.marking(text, [{"start": 0, "end": 9, "label": "A"}, {"start": 12, "end": 13, "label": "B"}], False, "en")
    inside = re.sub(r"<[^>]+>", "", shown)
    assert inside.replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'").replace("&amp;", "&") == text


def test_the_most_uncertain_row_comes_first(home, lines, finished) -> None:
    said = {0: {"label": "好", "scores": {"好": 0.9, "坏": 0.1}}, 2: {"label": "坏", "scores": {"好": 0.45, "坏": 0.55}}}
    place = suggesting._place(home, lines.path, finished.id, page.subject_of(lines.path, reading(lines)), "unlabelled")
    place.parent.mkdir(parents=True)
    write_json(place, {str(row): answer for row, answer in said.items()})
    me = Person(home, lines, run=finished.id)
    assert me.row == 2 and "Take “坏”" in me.board and 'class="best"' in me.board
    me.does("label", name="坏")
    assert me.row == 0
    me.does("label", name="好")
    assert me.row == 1 and "Take" not in me.board  # it was not asked about that one


def test_what_a_run_thinks_of_one_column_is_not_said_of_another(home, tmp_path, finished) -> None:
    path = tmp_path / "news.csv"
    path.write_text("title,body\n好消息,正文很长很长\n坏消息,正文也很长\n", encoding="utf-8")
    dataset = intake.import_file(path, home)
    texts = [readings.written(dataset.id, readings.Reading("text-classification", ("text", "label"), {"text": name})) for name in ("title", "body")]
    place = suggesting._place(home, dataset.path, finished.id, page.subject_of(dataset.path, texts[0]), "unlabelled")
    place.parent.mkdir(parents=True)
    write_json(place, {"0": {"label": "好", "scores": {"好": 0.9, "坏": 0.1}}})
    shown = [page.Desk(home, "en", dataset.path, text, "unlabelled", finished.id, "me").show(0) for text in texts]
    assert "Take “好”" in shown[0] and "Take" not in shown[1]


def test_runs_that_can_help_are_offered_and_a_damaged_one_hides_none(home, lines, finished) -> None:
    broken = home.runs / "20240101-000000-abcd"
    (broken / "model").mkdir(parents=True)
    (broken / "recipe.yaml").write_bytes(finished.recipe.read_bytes())
    _, runs, board = page.begin(home, "en", lines.id, reading(lines), "me")
    assert [run for _, run in runs.choices] == ["", finished.id] and 'data-row="0"' in board


def test_doubts_are_about_the_labels_that_rows_have() -> None:
    said = {"label": "a", "scores": {"a": 0.8, "b": 0.2}}
    assert suggesting.sureness(said, "b") == 0.2 and suggesting.sureness(said, None) == pytest.approx(0.6)
    assert suggesting.sureness({"entities": [{"score": 0.9}, {"score": 0.4}]}, None) == 0.4


def test_where_there_is_nothing_to_label(home, dataset) -> None:
    why, part, *_, board = page.show(home, "en", dataset.id, reading(dataset, "question-answering"), "me")
    assert (part.visible, board) == (False, "") and "“Question answering” learns from (question, context, answer) is not filled in here" in why
    why, part, *_ = page.show(home, "en", "", "{}", "me")
    assert (why, part.visible) == ("", False)


def test_another_reading_leaves_an_open_section_open(home, lines) -> None:
    _, part, which, _, board = page.show(home, "en", lines.id, reading(lines), "me")
    assert "open" not in part.constructor_args and which.value == "unlabelled" and 'data-row="0"' in board
    _, part, *others = page.show(home, "en", lines.id, reading(lines), "")  # closed: opening it fetches the rest
    assert part.visible and all("__type__" in one and len(one) == 1 for one in others)


def test_keys_on_a_board_of_another_reading_say_nothing(home, lines) -> None:
    me = Person(home, lines)
    me.on = (home, "en", lines.id, reading(lines, "token-classification"))
    me.does("label", name="好")
    assert "marked" in me.board and not (lines.path / "labels.jsonl").exists()


def test_several_labels_are_added_and_taken_away(home, lines) -> None:
    me = Person(home, lines, task="multi-label-classification")
    me.does("label", name="服务").does("label", name="价格")
    assert me.row == 0 and me.board.count('aria-pressed="true"') == 2 and "Done with 2 labels" in me.board
    me.does("label", name="服务")
    assert labelling.book(lines.path, "labels").last(0).value == ["价格"] and labelling.book(lines.path, "labels").values() == {}
    me.does("undo")
    assert labelling.book(lines.path, "labels").last(0).value == ["服务", "价格"]
    me.does("done")
    assert me.row == 1 and "No label applies" in me.board
    me.does("done")
    assert labelling.book(lines.path, "labels").values() == {0: ["服务", "价格"], 1: []}
    made, _ = page.finish(*me.on)
    assert intake.open_dataset(home.dataset(made)).table().column("labels").to_pylist() == [["服务", "价格"], []]
    assert workshop.saved(home.dataset(made))["columns"] == {"text": "column_1", "labels": "labels"}


def test_suggestions_of_several_labels_are_where_one_begins(home, lines, finished) -> None:
    said = {0: {"labels": ["好"], "scores": {"好": 0.9, "贵": 0.2}}, 2: {"labels": ["好", "贵"], "scores": {"好": 0.6, "贵": 0.55}}}
    place = suggesting._place(home, lines.path, finished.id, page.subject_of(lines.path, reading(lines)), "unlabelled")
    place.parent.mkdir(parents=True)
    write_json(place, {str(row): answer for row, answer in said.items()})
    me = Person(home, lines, task="multi-label-classification", run=finished.id)
    assert me.row == 2 and "Take “好, 贵”" in me.board
    me.does("label", name="贵").does("done")
    assert me.row == 0 and labelling.book(lines.path, "labels").values() == {2: ["好"]}
