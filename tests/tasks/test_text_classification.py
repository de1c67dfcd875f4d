import numpy as np
import pyarrow as pa
import pytest
import torch

from ftui.core.errors import UserError
from ftui.tasks import text_classification as task

COLUMNS = {"text": "评论", "label": "标签"}


def splits(labels: list[str]) -> dict[str, pa.Table]:
    return {"train": pa.table({"text": ["x"] * len(labels), "label": labels})}


@pytest.mark.parametrize(
    ("labels", "code"), [(["a"] * 30, "one_class"), ([str(i) for i in range(40)], "labels_all_distinct")]
)
def test_labels_that_are_no_classes(labels, code):
    with pytest.raises(UserError) as caught:
        task.check(splits(labels), COLUMNS)
    assert caught.value.code == code
    assert "标签" in caught.value.message("zh")


def test_labels_are_sorted_numbers_by_value():
    assert task.labels(splits(["10", "9", "-1"])) == ["-1", "9", "10"]
    assert task.labels(splits(["b", "10", "a"])) == ["10", "a", "b"]
    task.check(splits(["a", "b"]), COLUMNS)


def test_loss_is_the_mean_over_the_whole_update():
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    whole = task.loss({"logits": logits}, labels)
    torch.testing.assert_close(whole, torch.nn.functional.cross_entropy(logits, labels))
    parts = [task.loss({"logits": logits[s]}, labels[s], num_items_in_batch=6) for s in (slice(0, 2), slice(2, 6))]
    torch.testing.assert_close(sum(parts), whole)


def test_metrics_are_those_of_scikit_learn():
    from sklearn import metrics as sk

    rng = np.random.default_rng(0)
    references, logits = rng.integers(0, 4, 200), rng.normal(size=(200, 4))
    told = task.metrics(logits, references, list("abcd"))
    predicted = logits.argmax(-1)
    assert told["accuracy"] == sk.accuracy_score(references, predicted)
    assert told["f1_macro"] == pytest.approx(sk.f1_score(references, predicted, average="macro"))
    assert told["mcc"] == pytest.approx(sk.matthews_corrcoef(references, predicted))
    assert tuple(told) == task.METRICS


def test_answers_add_up_and_are_sorted():
    told = task.answers(None, None, [np.array([1.0, 3.0, 2.0])], ["a", "b", "c"])
    assert told[0]["label"] == "b"
    assert list(told[0]["scores"]) == ["b", "c", "a"]
    assert sum(told[0]["scores"].values()) == pytest.approx(1)


def test_labels_are_in_one_order_whatever_they_are():
    def order(*names: str) -> list[str]:
        return task.labels({"train": pa.table({"label": list(names)})})

    assert order("10", "-2", "9") == ["-2", "9", "10"]
    assert order("1", "001", "01") == ["001", "01", "1"]  # numbers alike, but three labels
    assert order("--1", "2", "10") == ["--1", "10", "2"]
