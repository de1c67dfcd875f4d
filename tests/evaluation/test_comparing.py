import doctest
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from ftui.evaluation import comparing
from ftui.tasks import classification_report, resampling, tfidf, writing_report
from ftui.ui import beside
from tests.conftest import reviews


def predictions(path, true, predicted):
    n = len(true)
    table = {"split": ["test"] * n, "row": list(range(n)), "text": ["t"] * n, "label": list(true), "prediction": list(predicted)}
    pq.write_table(pa.table(table), path)
    return path


@pytest.fixture
def three(tmp_path):
    """Truth, a good model, a bad one, on 400 rows of three labels."""
    rng = np.random.default_rng(1)
    true = rng.choice(["a", "b", "c"], 400)
    good = np.where(rng.random(400) < 0.9, true, rng.choice(["a", "b", "c"], 400))
    bad = np.where(rng.random(400) < 0.5, true, rng.choice(["a", "b", "c"], 400))
    return true, good, predictions(tmp_path / "good", true, good), bad, predictions(tmp_path / "bad", true, bad)


def test_the_difference_and_whether_it_is_chance(three):
    true, good, good_path, bad, bad_path = three
    told = comparing.compare(bad_path, good_path)
    assert told["rows"] == 400
    assert told["metrics"]["accuracy"] == pytest.approx([accuracy_score(true, bad), accuracy_score(true, good)])
    expected = [f1_score(true, bad, average="macro"), f1_score(true, good, average="macro")]
    assert told["metrics"]["f1_macro"] == pytest.approx(expected)
    assert told["interval"][0] < told["difference"] < told["interval"][1]
    assert not told["chance"]
    assert told["p_value"] < 1e-6
    same = comparing.compare(good_path, good_path)
    assert same["difference"] == 0
    assert same["p_value"] == 1
    assert same["chance"]


def test_only_shared_rows_count(three, tmp_path):
    true, good, good_path, *_ = three
    half = predictions(tmp_path / "half", true[:100], good[:100])
    assert comparing.compare(good_path, half)["rows"] == 100
    other = predictions(tmp_path / "other", ["z"] * 5, ["z"] * 5)
    assert comparing.compare(good_path, other) == {"tested": [400, 5], "shared": 0}


def test_too_few_shared_rows_are_no_comparison(three, tmp_path):
    true, good, *_ = three
    table = pq.read_table(predictions(tmp_path / "a", true[:100], good[:100]))
    moved = table.set_column(1, "row", pa.array(range(60, 160)))
    pq.write_table(moved, tmp_path / "b")
    told = comparing.compare(tmp_path / "a", tmp_path / "b")
    assert told["tested"] == [100, 100]
    assert "metrics" not in told


def test_each_run_has_an_interval_of_its_own(three):
    true, good, good_path, bad, bad_path = three
    told = comparing.compare(bad_path, good_path)
    for values, ends in zip(told["metrics"]["accuracy"], told["intervals"]["accuracy"], strict=True):
        assert ends[0] < values < ends[1]
    assert told["intervals"]["f1_macro"][0][1] < told["intervals"]["f1_macro"][1][0]


def test_two_preference_runs_by_how_many_pairs_are_the_right_way_round(tmp_path):
    rng = np.random.default_rng(2)
    paths = []
    for name, shift in (("weak", 0.2), ("strong", 1.0)):
        margins = rng.normal(shift, 0.7, 200)
        paths.append(predictions(tmp_path / name, ["better"] * 200, [None] * 200))
        table = pq.read_table(paths[-1])
        pq.write_table(table.append_column("nats", pa.array(np.ones(200))).append_column("margin", pa.array(margins)), paths[-1])
        paths.append((margins > 0).mean())
    told = comparing.compare(paths[0], paths[2], task="preference-tuning")
    assert told["metrics"] == {"reward_accuracy": pytest.approx([paths[1], paths[3]])}, "one figure, told once"
    assert told["difference"] == pytest.approx(paths[3] - paths[1]) and not told["chance"] and not told["lower"]
    assert told["only_second"] - told["only_first"] == round(200 * told["difference"])
    assert "Reward accuracy" in beside.runs(told, "en")


def test_runs_that_write_are_compared_by_the_figures_of_their_reports(tmp_path):
    """Of conversations of three turns the reference is the last answer, the loss that of all three."""
    rng = np.random.default_rng(3)
    reported, paths = [], []
    for name, hard in (("one", 1.0), ("two", 1.3)):
        each = {"characters": 90, "tokens": 40, "asked": "?", "reference": "c" * 30, "text": None}
        found = [{**each, "loss": hard * loss} for loss in rng.uniform(90, 110, 60)]
        reported.append(writing_report.build(found)["metrics"]["perplexity_character"])
        table = pa.table({"split": ["test"] * 60, **writing_report.predictions(pa.table({"row": range(60)}), found)})
        paths.append(tmp_path / name)
        pq.write_table(table, paths[-1])
    told = comparing.compare(*paths, task="text-generation")
    assert told["metrics"] == {"perplexity_character": pytest.approx(reported)}
    pq.write_table(table.drop_columns("characters"), paths[-1])
    one, two = comparing.compare(*paths, task="text-generation")["metrics"]["perplexity_character"]
    assert np.log(two) == pytest.approx(1.3 * np.log(one), rel=0.02), "beside a file of an older version both are counted alike"


def test_the_interval_holds_the_value_and_is_that_of_drawing_rows(three):
    true, good, *_ = three
    told = resampling.interval(confusion_matrix(true, good))
    rng = np.random.default_rng(0)
    drawn = [f1_score(true[i], good[i], average="macro") for i in (rng.integers(0, 400, 400) for _ in range(1000))]
    assert told["f1_macro"] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)
    assert told["accuracy"][0] < accuracy_score(true, good) < told["accuracy"][1]


def test_examples_in_docstrings():
    assert doctest.testmod(comparing).failed == 0


def test_tfidf_learns_in_both_languages():
    rows = reviews(300)
    table = pa.table({"text": [t for t, _ in rows], "label": [label for _, label in rows]})
    told = tfidf.score(table.slice(0, 200), table.slice(200))
    assert told["metrics"]["accuracy"] > 0.95
    assert told["rows"] == 200
    assert len(told["predicted"]) == 100
    assert told["majority"]["metrics"]["accuracy"] == pytest.approx(0.5)
    assert told["majority"]["label"] in {label for _, label in rows}
    english = pa.table({"text": ["good film", "bad film"] * 30, "label": ["p", "n"] * 30})
    assert tfidf.score(english, english)["metrics"]["accuracy"] == 1


def test_report_against_hand_worked_numbers():
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    told = classification_report.build(scores, np.array([0, 1, 1, 1]), ["n", "p"], {})
    assert told["confusion"] == [[1, 0], [1, 2]]
    assert told["per_class"][1] == {"label": "p", "precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8), "support": 3}
    assert [curve["label"] for curve in told["roc"]] == ["p"]
    assert told["roc"][0]["auc"] == 1.0
    # bins: 0.6 (wrong), 0.7 (right), 0.8 (right), 0.9 (right): mean of |confidence - right| = (0.6 + 0.3 + 0.2 + 0.1) / 4
    assert told["calibration"]["ece"] == pytest.approx(0.3)
    assert sum(told["confidence"]["wrong"]) == 1


def test_report_with_a_label_that_never_occurs():
    scores = np.eye(3)[[0, 1, 0, 1]] * 0.9 + 0.05
    told = classification_report.build(scores, np.array([0, 1, 1, 0]), ["a", "b", "c"], {})
    assert told["per_class"][2]["support"] == 0
    assert {curve["label"] for curve in told["roc"]} == {"a", "b"}


def test_the_average_curve_counts_every_label_the_same():
    rng = np.random.default_rng(3)
    true = rng.choice(4, 300, p=[0.7, 0.1, 0.1, 0.1])
    scores = rng.dirichlet(np.ones(4), 300) + np.eye(4)[true] * 0.5
    scores /= scores.sum(1, keepdims=True)
    told = classification_report.build(scores, true, list("abcd"), {})
    assert told["average"]["auc"] == pytest.approx(np.mean([curve["auc"] for curve in told["roc"]]))
    assert told["average"]["ap"] == pytest.approx(np.mean([curve["ap"] for curve in told["pr"]]))
    assert told["average"]["auc"] == pytest.approx(np.trapezoid(told["average"]["roc"]["y"], told["average"]["roc"]["x"]), abs=0.01)
    assert classification_report.build(scores[:, :2], true.clip(0, 1), ["a", "b"], {})["average"] is None


def test_many_labels_have_all_their_curves_in_little_room():
    import json

    rng = np.random.default_rng(4)
    true = np.arange(3000) % 150
    told = classification_report.build(rng.dirichlet(np.ones(150), 3000), true, [f"c{i}" for i in range(150)], {})
    assert len(told["roc"]) == len(told["pr"]) == 150
    assert len(json.dumps(told)) < 500_000


class TestOtherTasks:
    """Entities and labels by the counts of both lists, questions by the F1 of each."""

    def rows(self, path, true, said, **more):
        cells = [[json.dumps(row) for row in side] for side in (true, said)]
        path = predictions(path, *cells)
        table = pq.read_table(path)
        for name, values in more.items():
            table = table.append_column(name, pa.array(values))
        pq.write_table(table, path)
        return path

    def test_entities_are_those_of_the_whole_split(self, tmp_path):
        true = [[[0, 2, "A"], [3, 4, "B"]], [], [[1, 2, "A"]]] * 40
        said = [[[0, 2, "A"]], [[0, 1, "A"]], [[1, 2, "B"]]] * 40
        good, bad = self.rows(tmp_path / "good", true, true), self.rows(tmp_path / "bad", true, said)
        told = comparing.compare(bad, good, task="token-classification")
        assert told["metrics"]["f1"] == pytest.approx([2 * 40 / (120 + 120), 1.0])
        assert told["metrics"]["right"] == [0.0, 1.0]
        assert told["only_second"] == 120 and not told["chance"] and told["interval"][0] < told["difference"] < 1

    def test_answers_by_the_mean_of_their_f1(self, tmp_path):
        f1 = [1.0, 0.5, 0.0, 1.0] * 10
        first = self.rows(tmp_path / "a", ["x"] * 40, ["y"] * 40, f1=f1)
        told = comparing.compare(first, self.rows(tmp_path / "b", ["x"] * 40, ["y"] * 40, f1=f1[::-1]), task="question-answering")
        assert told["metrics"]["f1"] == pytest.approx([0.625, 0.625]) and told["chance"]
        assert told["metrics"]["right"] == [0.5, 0.5]

    def test_numbers_by_how_far_they_are_off(self, tmp_path):
        true = [float(n) for n in range(40)]
        near, far = predictions(tmp_path / "near", true, [n + 1 for n in true]), predictions(tmp_path / "far", true, [n - 3 for n in true])
        told = comparing.compare(far, near, task="text-regression")
        assert told["metrics"] == {"rmse": pytest.approx([3.0, 1.0])} and told["lower"]
        assert told["difference"] == pytest.approx(-2) and not told["chance"] and (told["only_first"], told["only_second"]) == (0, 40)
        assert "This run is better" in beside.runs(told, "en") and "本次运行更好" in beside.runs(told, "zh")
        assert "The other run is better" in beside.runs(comparing.compare(near, far, task="text-regression"), "en")

    def test_texts_by_their_loss_per_character(self, tmp_path):
        paths = []
        for name, nats in (("a", 8.0), ("b", 4.0)):
            path = predictions(tmp_path / name, ["abcd"] * 40, [None, *["x"] * 39])
            pq.write_table(pq.read_table(path).append_column("nats", pa.array([nats] * 40)), path)
            paths.append(path)
        told = comparing.compare(*paths, task="text-generation")
        assert told["metrics"]["perplexity_character"] == pytest.approx([np.exp(2), np.exp(1)])
        assert told["only_second"] == 40 and told["interval"][1] < 0
