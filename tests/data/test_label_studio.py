"""Label Studio's JSON comes in as its guide shows it, and goes out so that it comes in again as it was."""

import json

from ftui.data import inspecting, intake, label_rows, label_studio, labelling

# As https://labelstud.io/guide/task_format shows a task, with the text and the controls of its sentiment and entity templates.
TEXT = "Opossums 🐾 live in North America"
TASK = {
    "id": 1,
    "created_at": "2021-03-09T21:52:49.513742Z",
    "updated_at": "2021-03-09T22:16:08.746926Z",
    "project": 83,
    "data": {"text": TEXT, "source": "zoo"},
    "annotations": [
        {
            "id": "1001",
            "result": [
                {"from_name": "sentiment", "id": "Dx_aB91ISN", "to_name": "text", "type": "choices", "value": {"choices": ["Positive"]}},
                {
                    "from_name": "label", "id": "Dx_aB91ISM", "to_name": "text", "type": "labels",
                    "value": {"start": 19, "end": 32, "text": "North America", "labels": ["Location"]},
                },
            ],
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": "2021-03-09T22:16:08.728353Z",
            "updated_at": "2021-03-09T22:16:08.728378Z",
            "lead_time": 4.288,
            "result_count": 0,
            "task": 1,
            "completed_by": 10,
        }
    ],
    "predictions": [{"model_version": "model 1", "result": [{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": ["Negative"]}}]}],
}  # fmt: skip


def load(home, tmp_path, tasks: list[dict]) -> list[dict]:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return intake.import_file(path, home).table().to_pylist()


def test_a_task_as_the_guide_shows_it(home, tmp_path) -> None:
    waiting = {"id": 2, "data": {"text": "Not yet", "source": "zoo"}, "annotations": [], "predictions": []}
    spans = [{"start": 19, "end": 32, "label": "Location"}]
    assert TEXT[19:32] == "North America"
    assert load(home, tmp_path, [TASK, waiting]) == [
        {"text": TEXT, "source": "zoo", "sentiment": "Positive", "label": spans},
        {"text": "Not yet", "source": "zoo", "sentiment": None, "label": None},
    ]


def test_places_counted_as_browsers_do(home, tmp_path) -> None:
    task = json.loads(json.dumps(TASK))
    task["annotations"][0]["result"][1]["value"] |= {"start": 20, "end": 33}  # the animal is two there
    assert load(home, tmp_path, [task])[0]["label"] == [{"start": 19, "end": 32, "label": "Location"}]


def test_which_annotation_counts() -> None:
    def said(choice: list[str], **more: object) -> dict:
        return {"result": [{"from_name": "s", "to_name": "text", "type": "choices", "value": {"choices": choice}}], **more}

    def read(*annotations: dict, key: str = "annotations") -> object:
        return next(label_studio.rows([{"data": {"text": "x"}, key: list(annotations)}])).get("s")

    assert read(said(["a"], updated_at="2024"), said(["b"], updated_at="2025")) == "b"
    assert read(said(["a"], ground_truth=True, updated_at="2024"), said(["b"], updated_at="2025")) == "a"
    assert read(said(["a"]), said(["b"], was_cancelled=True)) == "a"
    assert read(said(["a", "b"])) == ["a", "b"]
    assert read(said(["a"]), key="completions") == "a"
    assert read() is None


def test_labels_go_out_and_come_in_again(home, tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in (("good", "pos"), ("bad 🐾", None), ("so so", None))))
    dataset = intake.import_file(path, home)
    what = label_rows.subject(dataset.path, {"text": "text", "label": "label"})
    labelling.book(dataset.path, "label").say(1, "me", 0, value="neg")
    label_rows.export(dataset.path, what, "label-studio", tmp_path / "out.json")
    tasks = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [len(task["annotations"]) for task in tasks] == [1, 1, 0]
    assert set(tasks[0]) <= set(TASK) and set(tasks[0]["annotations"][0]["result"][0]) == set(TASK["annotations"][0]["result"][0])
    again = intake.import_file(tmp_path / "out.json", home)
    assert again.table().to_pylist() == [{"text": "good", "label": "pos"}, {"text": "bad 🐾", "label": "neg"}, {"text": "so so", "label": None}]


def test_marks_go_out_and_come_in_again(home, tmp_path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("🐾 Tim 去北京\nnothing here\n", encoding="utf-8")
    dataset = intake.import_file(path, home)
    what = label_rows.subject(dataset.path, {"text": "column_1"}, "spans")
    marks = [{"start": 2, "end": 5, "label": "PER"}, {"start": 7, "end": 9, "label": "地点"}]
    book = labelling.book(dataset.path, what.column)
    book.say(0, "me", 0, value=marks, done=True)
    book.say(1, "me", 0, value=[], done=True)
    label_rows.export(dataset.path, what, "label-studio", tmp_path / "out.json")
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))[0]["annotations"][0]["result"]
    assert [one["value"]["text"] for one in result] == ["Tim", "北京"]
    again = intake.import_file(tmp_path / "out.json", home)
    assert again.table().column("entities").to_pylist()[0] == marks
    assert inspecting.guess(again.table())["task"] == "token-classification"
