"""Matrix, rows of answers, and what stands beside a model: without Gradio's server."""

import csv
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftui.ui import answer_rows, beside, charts, matrix
from ftui.ui.task_views import classes
from tests.ui.conftest import LABELS


def rows_of(shown: tuple) -> int:
    return shown[3].count("<tr>") - 1 - shown[3].count('class="none"')


class TestMatrix:
    def test_each_cell_is_a_button_that_says_what_it_counts(self):
        shown = matrix.confusion([[90, 10], [5, 15]], ["正面", "负面"], "zh")
        assert re.findall(r'data-pick="([\d,]+)"', shown) == ["0,0", "0,1", "1,0", "1,1"]
        assert 'aria-label="真实 正面，预测 负面：10 行，占该标签的 10.0%"' in shown and "<b>90</b>" in shown
        assert shown.count('tabindex="0"') == 1  # one stop for the tab key, arrows from there

    def test_what_a_label_holds_is_no_html(self):
        shown = matrix.confusion([[1, 1], [1, 1]], ['<b onclick="x">', "a" * 300], "en")
        assert "<b onclick" not in shown and "a" * 201 not in shown

    def test_thirteen_classes_are_a_matrix_with_upright_names(self):
        shown = matrix.confusion([[1] * 13] * 13, [f"学科门类{i}" for i in range(13)], "zh")
        assert shown.count("<button") == 169 and "upright" in shown

    def test_many_classes_are_a_list_of_confusions(self):
        counts = [[0] * 150 for _ in range(150)]
        for i in range(150):
            counts[i][i] = 20
        counts[3][7], counts[8][9] = 6, 2
        shown = matrix.confusion(counts, [f"class {i}" for i in range(150)], "en")
        assert re.findall(r'data-pick="([\d,]+)"', shown) == ["3,7", "8,9"]
        assert "<td class=\"num\">6</td>" in shown and "23%" in shown

    def test_the_list_says_how_many_there_are(self):
        counts = [[1] * 30 for _ in range(30)]
        shown = matrix.confusion(counts, [f"c{i}" for i in range(30)], "en")
        assert "The 50 most frequent of 870 pairs" in shown


class TestRows:
    def test_the_second_text_of_a_pair_stands_below_the_first(self, home, finished):
        table = pq.read_table(finished.predictions)
        pq.write_table(table.append_column("text_pair", pa.array([f"second {i}" for i in range(len(table))])), finished.predictions)
        shown = answer_rows.show(home, "en", finished.id, "test", "", answer_rows.ALL, "second 7", 1)
        assert 0 < rows_of(shown) < 60 and shown[3].count('class="second"') == rows_of(shown)
        assert "text_pair" in Path(answer_rows.save(home, "en", finished.id)).read_text(encoding="utf-8-sig").splitlines()[0]

    def test_errors_first_with_their_number(self, home, finished):
        shown = answer_rows.show(home, "en", finished.id, "test", "", None, "", 1)
        assert "Wrong answers: 12 of 60" in shown[0] and "rows 1–12 of 12" in shown[0] and rows_of(shown) == 12
        assert not shown[1].visible and shown[4].visible is False
        sure = [float(part.split("<")[0]) for part in shown[3].split('<td class="num">')[1:]]
        assert sure == sorted(sure, reverse=True)

    @pytest.mark.parametrize("cell", ["0,1", "1,0", "0,0"])
    def test_a_cell_shows_exactly_its_rows(self, home, finished, cell):
        i, j = map(int, cell.split(","))
        count = json.loads(finished.report.read_text(encoding="utf-8"))["splits"]["test"]["confusion"][i][j]
        chosen, *shown = classes.pick(home, "en", cell, finished.id, "test", "")
        assert chosen == cell and f"{count} rows" in shown[0] and LABELS[i] in shown[0] and shown[1].visible
        assert rows_of(shown) == min(count, answer_rows.PAGE_ROWS)
        emptied, *all_again = classes.back(home, "en", finished.id, "test", "")
        assert emptied == "" and "12 of 60" in all_again[0] and not all_again[1].visible

    def test_pages_never_cut_silently(self, home, finished):
        first = answer_rows.show(home, "en", finished.id, "test", "", answer_rows.ALL, "", 1)
        last = answer_rows.show(home, "en", finished.id, "test", "", answer_rows.ALL, "", 9)
        assert "rows 1–20 of 60" in first[0] and " 3" in first[4].label
        assert "rows 41–60 of 60" in last[0] and last[4].value == 3

    def test_a_search_is_said(self, home, finished):
        shown = answer_rows.show(home, "zh", finished.id, "test", "", answer_rows.ALL, "文本 17", 1)
        assert rows_of(shown) == 1 and "包含“文本 17”" in shown[0]
        assert "No row here" in answer_rows.show(home, "en", finished.id, "test", "", None, "nowhere", 1)[3]

    @pytest.mark.parametrize("cell", ["9,9", "x", "1", "-1,0", "0,1,2", "<b>"])
    def test_a_cell_that_there_is_not_shows_the_errors(self, home, finished, cell):
        assert "12 of 60" in answer_rows.show(home, "en", finished.id, "test", cell, None, "", 1)[0]

    def test_all_predictions_as_csv(self, home, finished):
        path = answer_rows.save(home, "en", finished.id)
        assert not path.startswith(str(home.path))
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 90 and list(rows[0])[-2:] == [f"p({label})" for label in LABELS]
        assert sum(float(rows[0][f"p({label})"]) for label in LABELS) == pytest.approx(1, abs=1e-5)


class TestBeside:
    @pytest.mark.parametrize(
        ("difference", "interval", "words"),
        [(0.05, [0.02, 0.08], "more than chance"), (0.01, [-0.02, 0.04], "may well be chance"), (-0.05, [-0.08, -0.02], "TF-IDF is better")],
    )
    def test_the_verdict_is_honest(self, finished, difference, interval, words):
        report = json.loads(finished.report.read_text(encoding="utf-8"))
        simple = {"metrics": {"f1_macro": 0.7}, "interval": {"f1_macro": [0.6, 0.8]}}
        versus = {"difference": difference, "interval": interval, "chance": interval[0] <= 0 <= interval[1]}
        report["baseline"] = {**simple, "split": "test", "rows": 210, "majority": {"label": "正面", **simple}, "versus": versus}
        shown = beside.simple(report, "test", "en")
        assert words in shown and shown.count('role="img"') == 3 and "Always “正面”" in shown
        assert ("more labelled rows" in shown) == (difference < 0.02)
        assert beside.simple(report, "validation", "en") == ""

    def test_a_report_of_an_older_version_has_no_bars_but_for_what_it_knows(self, finished):
        report = json.loads(finished.report.read_text(encoding="utf-8"))
        report["baseline"] = {"split": "test", "rows": 9, "metrics": {"f1_macro": 0.7, "accuracy": 0.7}}
        assert beside.simple(report, "test", "en").count('role="img"') == 2


def test_of_many_curves_the_average_and_one_are_drawn():
    curves = [{"label": f"c{i}", "auc": 0.9, "ap": 0.8, "x": [0, 1], "y": [0, 1]} for i in range(40)]
    average = {"auc": 0.9, "ap": 0.8, "roc": {"x": [0, 1], "y": [0, 1]}, "pr": {"x": [0, 1], "y": [1, 0]}}
    names = [trace.name for trace in charts.roc(curves, "en", average, "c7").data]
    assert names == [None, "average of all · AUC 0.900", "c7 · AUC 0.900"]
    assert len(charts.precision_recall(curves[:3], "en", average).data) == 4
