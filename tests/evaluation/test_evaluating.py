"""What is written down of a finished model."""

import json

import pytest

from ftui.artifacts.predicting import Predictor
from tests.conftest import write_csv


def test_rows_that_the_simple_model_cannot_read_cost_nothing_but_it(train_here, tmp_path):
    path = write_csv(tmp_path / "faces.csv", [("😀" * (1 + i % 9), "good") if i % 2 else ("😡" * (1 + i % 9), "bad") for i in range(60)])
    done = train_here(sections={"data": {"path": str(path), "clean": []}}, max_steps=4)
    report = json.loads(done.run.report.read_text())
    assert done.finished and "baseline" not in report and report["splits"]["test"]["metrics"]["accuracy"] >= 0
    assert "empty vocabulary" in done.logged("baseline_left_out")[0]["problem"]


def test_a_text_is_cleaned_once(train_here, toy_csv):
    """Evaluation has the rows as they were cleaned; who asks has them as they are."""
    twice = {"name": "replace", "pattern": "很", "replacement": "很很"}
    done = train_here(sections={"data": {"path": str(toy_csv), "clean": [twice]}}, max_steps=4)
    predictor, seen = Predictor(done.run.model), []
    outputs = predictor.outputs
    predictor.outputs = lambda table, progress=None: seen.extend(table["text"].to_pylist()) or outputs(table, progress)
    predictor.predict([{"text": "很好"}])
    assert seen == ["很很好"]
    report = json.loads(done.run.report.read_text())
    table = done.run.predictions
    import pyarrow.parquet as pq

    told = [row for row in pq.read_table(table).to_pylist() if row["split"] == "test"]
    import pyarrow as pa

    said = predictor.answers(pa.table({"text": [row["text"] for row in told]}))
    assert [row["prediction"] for row in told] == [answer["label"] for answer in said]
    assert any("很很" in row["text"] for row in told) and not any("很很很" in row["text"] for row in told)
    assert report["splits"]["test"]["rows"] == len(told)


@pytest.mark.parametrize("labels", [2, 600])
def test_many_labels_have_fewer_features(labels, monkeypatch):
    """So that the weights of the simple model stay within some memory."""
    import pyarrow as pa

    from ftui.tasks import tfidf

    found = []
    features = tfidf._features
    monkeypatch.setattr(tfidf, "_features", lambda *given: found.append(features(*given)) or found[-1])
    monkeypatch.setattr(tfidf, "WEIGHTS", 600_000)
    rows = pa.table({"text": [f"w{i} x{i}" for i in range(1200)], "label": [str(i % labels) for i in range(1200)]})
    tfidf.score(rows, rows.slice(0, 5))
    assert found[0][0].shape[1] == (3600 if labels == 2 else 1000)
