"""Charts from plain data: what they show, that they stay small, and that a label cannot bring markup along."""

import json

import numpy as np
import pytest

from ftui.ui import charts, layers

CALIBRATION = {"ece": 0.03, "bins": [{"low": 0.5, "high": 0.6, "count": 10, "confidence": 0.55, "accuracy": 0.5}]}


def trace(figure, number: int = 0) -> dict:
    return json.loads(figure.to_json())["data"][number]


def test_curves_have_one_line_a_metric_and_the_colour_of_its_split():
    figure = charts.curves({"loss": [(1, 0.9), (2, 0.8)], "validation_loss": [(2, 0.7)]}, "en")
    assert [line.name for line in figure.data] == ["train", "validation"]
    assert [line.line.color for line in figure.data] == ["var(--train)", "var(--validation)"]
    assert list(figure.data[0].y) == [0.9, 0.8]
    assert charts.curves({"loss": []}, "en") is None


def test_two_metrics_of_one_split_are_told_apart_by_name_and_dash():
    figure = charts.curves({"validation_accuracy": [(1, 0.5)], "validation_f1_macro": [(1, 0.4)]}, "zh")
    assert [line.name for line in figure.data] == ["准确率", "F1（宏平均）"]
    assert len({line.line.dash for line in figure.data}) == 2


def test_a_long_line_is_thinned_without_losing_its_spike():
    points = [(i, 0.0) for i in range(100_000)]
    points[70_123] = (70_123, 9.0)
    kept = charts.thin(points)
    assert len(kept) <= charts.MOST_POINTS + 4
    assert (70_123, 9.0) in kept and kept[0] == points[0] and kept[-1] == points[-1]
    assert kept == sorted(kept)


def test_many_labels_become_one_bar_of_the_rest():
    figure = charts.label_counts([(f"label {i}", 1000 - i) for i in range(500)], "en")
    bars = trace(figure)
    assert len(bars["x"]) == charts.MOST_BARS + 1
    assert sum(figure.data[0].x) == sum(1000 - i for i in range(500))
    assert figure.layout.yaxis.ticktext[-1] == "480 more"


def test_the_cut_is_marked_where_it_lies_in_the_chart():
    data = {"unit": "tokens", "edges": [0, 256, 512, 768], "counts": [5, 3, 1]}
    assert "512" in charts.lengths(data, 512, "en").layout.annotations[0].text
    assert not charts.lengths(data, 5000, "en").layout.annotations
    assert charts.lengths(data, None, "zh").layout.xaxis.title.text == "token 数"


def test_roc_and_precision_recall_name_label_and_area():
    roc = charts.roc([{"label": "正面", "auc": 0.97, "x": [0, 1], "y": [0, 1]}], "zh")
    assert roc.data[-1].name == "正面 · AUC 0.970"
    pr = charts.precision_recall([{"label": "正面", "ap": 0.9, "x": [0, 1], "y": [1, 0]}], "zh")
    assert pr.layout.xaxis.title.text == "召回率"
    assert charts.roc([], "en") is None


def test_calibration_and_confidence():
    figure = charts.calibration(CALIBRATION, "en")
    assert list(figure.data[0].y) == [0.5]
    assert charts.calibration({"ece": 0.0, "bins": []}, "en") is None
    figure = charts.confidence({"edges": [0, 0.5, 1.0], "right": [0, 7], "wrong": [0, 2]}, "en")
    assert figure.layout.xaxis.range == (0.5, 1.0)
    assert charts.confidence({"edges": [0, 1], "right": [0], "wrong": [0]}, "en") is None


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "<b>bold</b>", "a\nb", "", "x" * 500])
def test_labels_are_text_never_markup(label):
    shown = charts.short(label)
    assert "<" not in shown and "\n" not in shown and 0 < len(shown) < 140
    figure = charts.label_counts([(label, 3), ("b", 2)], "en")
    assert "<script>" not in figure.to_json()


@pytest.mark.parametrize("points", [1, 2, 5000])
def test_layers_of_any_number_of_points(points):
    rate = np.full((3, points), 1e-4)
    rate[0] = np.nan
    norm = np.where(np.isnan(rate), np.nan, 1.0)
    norm[2, points // 2] = 50.0
    told = {"names": ["embeddings", "decoder 1", "head"], "epochs": np.linspace(1, 3, points), "learning_rate": rate, "grad_norm": norm}
    for figure in (layers.rates(told, "en"), layers.norms(told, "en")):
        heat, frozen = (trace(figure, i) for i in range(2))
        assert heat["y"] == ["embeddings", "decoder 1", "head"] and frozen["y"] == ["embeddings"]
        assert len(heat["x"]) == len(heat["z"][0]) + 1 <= layers.MOST_COLUMNS + 1 and heat["x"] == sorted(set(heat["x"]))
    assert max(heat["customdata"][2]) == 50.0  # no spike is lost


def test_layers_of_which_nothing_is_measured():
    rate, norm = np.full((1, 2), np.nan), np.full((1, 2), np.nan)
    told = {"names": ["1"], "epochs": np.array([1.0, 2.0]), "learning_rate": rate, "grad_norm": norm}
    assert trace(layers.norms(told, "en"))["z"] == [[None, None]] == trace(layers.rates(told, "en"))["z"]
