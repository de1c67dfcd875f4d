"""Charts and figures of the tasks' evaluations, from the reports that they are made of."""

import json

import numpy as np
import pytest

from ftui.core.home import write_json
from ftui.tasks import answer_report, entity_report, regression_report, writing_report
from ftui.ui import beside
from ftui.ui.task_views import entities, evaluation, numbers, several, writing
from tests.ui.conftest import make_run


def bars(figure) -> dict:
    return json.loads(figure.to_json())


def marked(labels: list[str]) -> list[dict]:
    return [{"label": label, "f1": 0.5, "support": 100 - i} for i, label in enumerate(labels)]


@pytest.mark.parametrize(
    "labels",
    [["101", "205", "1000"], ["2024-01-01", "2024-06-30"], ["complaint about the delivery: late", "complaint about the delivery: lost"]],
)
def test_each_label_has_a_bar_of_its_own_whatever_it_looks_like(labels):
    drawn = bars(entities.by_label(marked(labels), "en"))
    assert drawn["data"][0]["y"] == drawn["layout"]["yaxis"]["tickvals"] == list(range(len(labels)))
    assert len(drawn["layout"]["yaxis"]["ticktext"]) == len(labels)
    assert [one[0] for one in drawn["data"][0]["customdata"]] == labels


def test_of_many_labels_it_is_said_how_many_there_are():
    drawn = bars(several.by_label(marked([f"c{i}" for i in range(200)]), "en"))
    assert len(drawn["data"][0]["x"]) == 20
    assert drawn["layout"]["xaxis"]["title"]["text"] == "F1 of the 20 most frequent of 200 labels"
    assert bars(several.by_label(marked(["a", "b"]), "zh"))["layout"]["xaxis"]["title"]["text"] == "F1"


def report_of(home, dataset, task: str, part: dict):
    run, *_ = make_run(home, dataset)
    write_json(run.report, {"version": 1, "task": task, "labels": [], "splits": {"test": part}})
    return run


@pytest.mark.parametrize(
    ("task", "part", "second"),
    [
        ("token-classification", entity_report.build([[], []], [[], []]), "nothing to count"),
        ("text2text-generation", {**writing_report.build([]), "scores": {"edges": [0, 1], "counts": [0]}}, "nothing to count"),
        ("question-answering", answer_report.build([["x"]], ["x"]), "Every question has an answer"),
    ],
)
def test_a_chart_without_bars_says_so_under_its_own_heading(home, dataset, task, part, second):
    shown = evaluation.show(home, "en", report_of(home, dataset, task, part).id, "test")
    figures = [json.loads(figure)["layout"] for figure in shown[1:3]]
    assert all(layout["meta"]["title"] for layout in figures)
    assert second in figures[1]["annotations"][0]["text"]
    assert ("Every question" in shown[1] + shown[2]) == (task == "question-answering")


def test_figures_say_on_how_many_rows_they_were_measured():
    row = {"reference": "abcd", "text": None, "loss": 4.0, "tokens": 2, "characters": 4}
    part = writing_report.build([{**row, "text": "abcd"}, row, row])
    tiles = evaluation.tiles(("rougeL", "perplexity"), part, "test", "en").split('class="tile')
    before = {"name": "before_tuning", "split": "test", "rows": 3, "metrics": part["metrics"]}
    table = beside.before({"baseline": before, "splits": {"test": part}}, "test", ("rougeL", "perplexity"), "en")
    assert "on the same 3 rows" in table and "ROUGE-L · n = 1<" in table and "Perplexity<" in table
    assert "ROUGE-L" in tiles[1] and "test, 1 rows" in tiles[1] and "test, 3 rows" in tiles[2]


def test_the_last_turn_that_is_counted_stands_for_all_later_ones():
    found = [{"reference": "a", "text": None, "loss": 1.0, "tokens": 14, "characters": 1, "turns": {n: (1, 1.0) for n in range(1, 15)}}]
    drawn = bars(writing.figures(writing_report.build(found), [], "en")["errors"])["data"][0]
    assert drawn["x"][-2:] == ["11<br>n = 1", "12+<br>n = 3"]


def test_small_and_large_numbers_keep_their_figures():
    true = np.array([1e-8, 2e-8, 3e-8, 9.5e6])
    points = regression_report.build(true * 1.1, true, 1.0)["points"]
    assert points["true"] == [1e-8, 2e-8, 3e-8, 9.5e6] and points["predicted"][0] == 1.1e-8
    assert [numbers.shown(value) for value in (1e-8, 0.12345, 999.96, 9999.6, 123456.7)] == ["1e-08", "0.1235", "1,000", "10,000", "123,457"]
    tiles = evaluation.tiles(("rmse",), {"metrics": {"rmse": 0.00042}, "rows": 5, "interval": {"rmse": [0.0003, 0.0005]}}, "test", "en")
    assert "0.00042" in tiles and "0.0003–0.0005" in tiles
