"""A logistic regression on the frozen model's states: a rung beside frozen runs, from the states that they have kept."""

import json

import numpy as np
import pyarrow as pa

from ftui.tasks import text_classification
from ftui.training import features


def test_a_frozen_run_is_measured_beside_it(train_here, monkeypatch):
    found, add = [], features.Features.add

    def told(*asked):
        rows, there = add(*asked)
        found.append((rows.num_rows, there))
        return rows, there

    monkeypatch.setattr(features.Features, "add", told)
    run = train_here({"name": "frozen"}).run
    report = json.loads(run.report.read_text())
    rows = report["splits"]["test"]["rows"]
    assert found[-2:] == [(report["probe"]["rows"], True), (rows, False)]  # those of the training rows were there
    assert report["probe"]["name"] == "linear_probe" and report["probe"]["seconds"] > 0 and report["baseline"]["seconds"] > 0
    assert report["probe"]["metrics"]["f1_macro"] > 0.8  # the toy model knows good words from bad ones
    again = train_here({"name": "last_n", "n": 1}).run
    assert "probe" not in json.loads(again.report.read_text())


def test_features_that_tell_are_told():
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 2, 200)
    table, seen = pa.table({"label": ["ab"[m] for m in marks]}), np.stack([2.0 * marks - 1, rng.normal(size=200)], axis=1)
    scores = text_classification.probe(table.slice(0, 150), table.slice(150), seen[:150], seen[150:], ["a", "b"])
    assert scores["f1_macro"] == 1.0
    worse = text_classification.probe(table.slice(0, 150), table.slice(150), seen[:150, 1:], seen[150:, 1:], ["a", "b"])
    assert worse["f1_macro"] < 0.9
