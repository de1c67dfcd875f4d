"""Several labels and numbers: metrics against the libraries' own, losses, reports, answers."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk

from ftui.core.errors import UserError
from ftui.tasks import multi_label, multi_label_report, regression, regression_report

NAMES = ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def marked():
    rng = np.random.default_rng(0)
    references = rng.random((60, 4)) < [0.5, 0.3, 0.1, 0.0]
    return rng.normal(size=(60, 4)) + 2 * references, references


def test_metrics_of_several_labels_are_those_of_scikit_learn(marked):
    logits, references = marked
    found = multi_label.metrics(logits, references.astype(float), NAMES)
    said = expit(logits) >= multi_label_report.best_threshold(expit(logits), references, 0.5)
    assert tuple(found) == multi_label.METRICS
    assert found["f1_micro"] == pytest.approx(sk.f1_score(references, said, average="micro"))
    assert found["f1_macro"] == pytest.approx(sk.f1_score(references, said, average="macro", zero_division=0))
    assert found["map"] == pytest.approx(sk.average_precision_score(references[:, :3], expit(logits)[:, :3], average="macro"))
    assert found["subset_accuracy"] == pytest.approx((said == references).all(1).mean())


def test_one_label_alone_is_scored_as_what_applies_not_as_a_choice_of_two():
    """20 rows of which 4 have it; 2 of them are found, and one more is said."""
    there = np.arange(20) < 4
    said = np.isin(np.arange(20), [0, 1, 9])
    report = multi_label_report.build(np.where(said, 0.9, 0.1)[:, None], there[:, None], ["toxic"], 0.5)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(there, said, average="binary")
    assert report["metrics"]["f1_micro"] == report["metrics"]["f1_macro"] == pytest.approx(f1) == pytest.approx(4 / 7)
    [label] = report["per_class"]
    assert (label["precision"], label["recall"], label["f1"], label["support"]) == (pytest.approx(precision), recall, pytest.approx(f1), 4)
    low, high = report["interval"]["f1_micro"]
    assert low <= f1 <= high


def test_the_best_threshold_is_the_best_of_all_there_are(marked):
    logits, references = marked
    scores = expit(logits - 3).round(2)  # rare labels, and many that are equally probable
    best = multi_label_report.best_threshold(scores, references, 0.5)
    f1 = [sk.f1_score(references, scores >= t, average="micro", zero_division=0) for t in (best, *np.linspace(0, 1, 500))]
    assert f1[0] == max(f1) > sk.f1_score(references, scores >= 0.5, average="micro") + 0.1
    assert multi_label_report.best_threshold(scores, np.zeros_like(references), 0.5) == 0.5
    table = pa.table({"labels": [[name for name, there in zip(NAMES, row, strict=True) if there] for row in references]})
    said = multi_label.answers(table, None, list(logits - 3), NAMES)
    assert said[0]["threshold"] == 0.5 and multi_label.decide(table, said, NAMES)["threshold"] == multi_label_report.best_threshold(expit(logits - 3), references, 0.5)


def test_a_new_head_begins_with_how_frequent_labels_are():
    import torch

    from ftui.tasks import heads

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.base_model, self.dense, self.out = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
            self.out.bias.data.zero_()

    model, train = Model(), pa.table({"labels": [["a"], [], [], ["b", "a"]]})
    inside = model.base_model.bias.clone(), model.dense.bias.clone()
    multi_label.begin_head(model, train, ["a", "b"])
    assert torch.sigmoid(model.out.bias).tolist() == pytest.approx([2.5 / 5, 1.5 / 5])
    assert torch.equal(inside[0], model.base_model.bias) and torch.equal(inside[1], model.dense.bias)
    heads.expect(model, [5.0, 5.0])
    assert torch.sigmoid(model.out.bias).tolist() == pytest.approx([0.5, 0.3]), "one that has learned is left alone"


def test_the_report_on_several_labels(marked):
    logits, references = marked
    part = multi_label_report.build(expit(logits), references, NAMES, 0.5)
    assert [row["support"] for row in part["per_class"]] == sorted(references.sum(0).tolist(), reverse=True)
    assert part["per_class"][-1]["ap"] is None
    half = next(point for point in part["thresholds"] if point["threshold"] == 0.5)
    assert half["f1"] == pytest.approx(part["metrics"]["f1_micro"])
    recalls = [point["recall"] for point in part["thresholds"]]
    assert recalls == sorted(recalls, reverse=True) and recalls[0] > recalls[-1]
    low, high = part["interval"]["f1_micro"]
    assert low < part["metrics"]["f1_micro"] < high
    assert part["metrics"]["loss"] == pytest.approx(sk.log_loss(references.ravel(), expit(logits).ravel()))


def test_losses_are_sums_over_the_whole_update(marked):
    import torch

    logits, references = (torch.tensor(x, dtype=torch.float32) for x in marked)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, references)
    parts = [multi_label.loss({"logits": logits[i]}, references[i], references.numel()) for i in (slice(0, 20), slice(20, 60))]
    assert sum(parts).item() == pytest.approx(expected.item(), rel=1e-5)
    assert multi_label.loss({"logits": logits}, references, label_smoothing=1.0).item() == pytest.approx(
        torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 0.5)).item(), rel=1e-5
    )
    numbers = torch.linspace(-1, 1, 60)
    parts = [regression.loss({"logits": logits[i, :1]}, numbers[i], 60) for i in (slice(0, 20), slice(20, 60))]
    assert sum(parts).item() == pytest.approx(((logits[:, 0] - numbers) ** 2).mean().item(), rel=1e-5)


def test_metrics_of_numbers_are_those_of_scipy_on_the_scale_of_the_file():
    rng = np.random.default_rng(1)
    true = rng.normal(100, 20, 80)
    table = pa.table({"row": np.arange(80), "text": ["x"] * 80, "number": true})
    scale = regression.labels({"train": table})
    assert list(map(float, scale)) == pytest.approx([true.mean(), true.std()])
    learned = (true - true.mean()) / true.std()
    logits = (learned + rng.normal(0, 0.3, 80))[:, None]
    found = regression.metrics(logits, learned, scale)
    said = [answer["value"] for answer in regression.answers(table, None, list(logits), scale)]
    assert found["spearman"] == pytest.approx(spearmanr(said, true).statistic)
    assert found["pearson"] == pytest.approx(pearsonr(said, true).statistic)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(true, said)) and found["rmse"] > 3
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(true, said))
    part = regression.report(table, [{"value": v} for v in said], scale)
    assert part["metrics"]["loss"] == pytest.approx(((logits[:, 0] - learned) ** 2).mean())
    assert sum(part["errors"]["counts"]) == 80 == len(part["points"]["true"])
    low, high = part["interval"]["rmse"]
    assert low < found["rmse"] < high
    assert regression_report.metrics(np.ones(5), np.arange(5.0))["pearson"] == 0.0


def test_the_simple_models_learn_what_is_easy():
    words = {"a": "apple", "b": "bread", "c": "cheese"}
    rows = [[name for j, name in enumerate(words) if i >> j & 1] for i in range(64)]
    texts = [" ".join(["shop", *(words[name] for name in row)]) for row in rows]
    table = pa.table({"row": np.arange(64), "text": texts, "labels": rows})
    found = multi_label.baseline({"train": table, "test": table}, "test")
    assert found["metrics"]["f1_micro"] > 0.95 and found["name"] == "tfidf_one_vs_rest"
    numbers = pa.table({"row": np.arange(64), "text": texts, "text_pair": texts, "number": [float(len(row)) for row in rows]})
    assert regression.baseline({"train": numbers, "test": numbers}, "test")["metrics"]["spearman"] > 0.95


def test_answers_are_labels_at_the_threshold_and_cells_of_a_table():
    table = pa.table({"text": ["x", "y"]})
    first, second = multi_label.answers(table, None, [np.array([2.0, 0.0, -1.0]), np.array([-3.0, -2.0, -4.0])], NAMES[:3])
    assert first["labels"] == ["a", "b"] and list(first["scores"]) == ["a", "b", "c"]
    assert multi_label.cell(first) == ("a|b", 0.5) and multi_label.cell(second)[0] == "" and multi_label.said(second) == "-"
    assert regression.cell({"value": 1 / 3}) == ("0.333333", None)


@pytest.mark.parametrize(
    ("task", "columns", "code"),
    [
        (multi_label, {"labels": [[], []]}, "no_labels"),
        (multi_label, {"labels": [[f"l{i}", f"k{i}"] for i in range(30)]}, "labels_all_distinct"),
        (regression, {"number": [2.0, 2.0]}, "one_number"),
    ],
)
def test_what_cannot_be_learned_is_said(task, columns, code):
    with pytest.raises(UserError) as caught:
        task.check({"train": pa.table(columns)}, {"labels": "L", "number": "N"})
    assert caught.value.code == code
