"""Every task but text classification on its whole way: a file, a training, a report, an answer."""

import html
import json
import re

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from ftui import jobs, tasks
from ftui.artifacts import exporting, measuring, model_card, using
from ftui.artifacts.predicting import Predictor
from ftui.cli import models
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.data import preparing
from ftui.evaluation.run import evaluate_splits, score
from ftui.serve.app import create
from ftui.ui import many
from ftui.ui.turns import Turns
from tests.conftest import BAD, FILLER, GOOD, reviews, wait_for


def entities(folder) -> str:
    """Good words are of one kind, bad words of another."""
    lines = []
    for text, _ in reviews(240):
        spans, at = [], 0
        for word in text.split():
            kind = "GOOD" if word in GOOD else "BAD" if word in BAD else None
            spans += [{"start": at, "end": at + len(word), "label": kind}] if kind else []
            at += len(word) + 1
        lines.append(json.dumps({"text": text, "spans": spans}, ensure_ascii=False))
    path = folder / "entities.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def questions(folder) -> str:
    """The answer is the one good word of the context."""
    lines = []
    for number in range(240):
        words = [FILLER[(number * k) % len(FILLER)] for k in range(1, 6)]
        words.insert(number % 5, GOOD[number % len(GOOD)])
        lines.append(json.dumps({"question": "这个怎么样", "context": " ".join(words), "answers": [GOOD[number % len(GOOD)]]}, ensure_ascii=False))
    path = folder / "questions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def kinds(folder) -> str:
    """Which kinds of words a text has: several labels in a cell, or none."""
    lines = ["text,tags"]
    for number, (text, _) in enumerate(reviews(240)):
        text += " " + (GOOD + BAD)[number % len(GOOD + BAD)]
        lines.append(f"{text},{'|'.join(name for name, words in (('good', GOOD), ('bad', BAD)) if any(w in text.split() for w in words))}")
    path = folder / "kinds.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def pairs(folder) -> str:
    """Two texts, of which the second says whether the number is high."""
    lines = ["sentence1,sentence2,score"]
    for number in range(240):
        first, second = FILLER[number % len(FILLER)], (GOOD, BAD)[number % 2][number % 8]
        lines.append(f"{first} {number},{FILLER[number % 5]} {second},{15 - 5 * (number % 2)}.{number % 3}")
    path = folder / "pairs.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def shows_it(home: Home, run, inputs: tuple[str, ...]) -> None:
    """The page has a place for the task's report, its inputs, and a column of a file for each of them."""
    from ftui.ui import evaluation_tab, playground_tab
    from ftui.ui.task_views import evaluation

    _, view, way_on, split, *_, tiles, caption, _ = evaluation_tab.show(home, "en", run.id, None)
    assert view.visible and way_on.visible and split.value == "test" and "test" in tiles
    view, errors, classes, title, *_ = evaluation.show(home, "en", run.id, None)
    assert view.visible and json.loads(errors)["layout"]["meta"]["title"] and title
    empty, view, examples, _, snippets, first, second, lines, *_ = playground_tab.show(home, "en", run.id)
    assert view.visible and first.visible and second.visible == (len(inputs) > 1) == (not lines.visible)
    picked = re.search(r'data-pick="([^"]+)"', examples)[1]
    texts = playground_tab.pick(home, "en", html.unescape(picked))
    assert all(texts[: len(inputs)]) and (inputs[-1] in snippets or inputs == ("source",) or "/v1/" in snippets)
    source = run.home.path / "in.csv"
    source.write_text(",".join(inputs) + "\n" + ",".join("a" for _ in inputs) + "\n")
    _, *columns, start, preview, output = many.look(home, "en", run.id, str(source))
    assert [column.value for column in columns if column.visible] == list(inputs) and start.visible


def gives_out(run) -> None:
    """Other forms of the model answer the run's test rows as it does."""
    splits = preparing.prepare(recipes.load(run.recipe).data, run.home, (task := Predictor(run.model).task).ROLES, task.STRATIFY).splits
    said = {}
    for name in ("model", "onnx", "torchscript", "onnx-static-int8"):
        folder = run.exports / name if name != "model" else run.model
        if name != "model":
            folder.mkdir(parents=True)
            extra = exporting.FORMATS[name].make(run, folder)
            card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
            (folder / "ftui.json").write_text(json.dumps({**card, "format": name, **extra}), encoding="utf-8")
        predictor = Predictor(folder)
        said[name] = score(predictor, splits["test"], ev.Writer(run.training().events, 1))[1]
        measured = measuring.agreement(said[name], said["model"])
        promise = exporting.FORMATS["onnx" if name == "model" else name]
        if promise.most_difference:
            assert measured["agreement"] == 1 and measured["largest_difference"] < promise.most_difference, name
        else:
            assert measured["agreement"] > 0.8 and measured["largest_difference"] > 0, name
    told = model_card.write(run, "model")
    assert f'pipeline("{task.PIPELINE}"' in told or task.MODEL in told


def decides_alike(run, threshold: float) -> None:
    """The threshold that the validation rows chose holds everywhere, and the recipe's own instead where it has one."""
    report, rows = json.loads(run.report.read_text()), pq.read_table(run.predictions).to_pylist()
    assert {part["threshold"] for part in report["splits"].values()} == {threshold} and threshold != 0.5
    said = [[name for name, p in zip(report["labels"], row["scores"], strict=True) if p >= threshold] for row in rows]
    assert said == [json.loads(row["prediction"]) for row in rows]
    exported = json.loads((run.exports / "onnx" / "ftui.json").read_text(encoding="utf-8"))
    assert exported["decision"] == {"threshold": threshold}
    for name in ("model", "onnx"):
        assert f">= {threshold:.4g}" in using.code(run, name, "x")
    assert f"{threshold:.3g}" in model_card.write(run, "model")
    with TestClient(create({"model": run.model})) as client:
        asked = {"text": "这个 很好 东西 糟糕", "threshold": 0.999999}
        assert client.post("/predict", json=asked).json() == {**client.post("/predict", json={"text": asked["text"]}).json(), "labels": [], "threshold": 0.999999}
        assert client.post("/predict", json=asked | {"threshold": 1.5}).status_code == 422
    assert models._predictor(run, "model", 0.2).predict([{"text": "很好"}])[0]["threshold"] == 0.2
    assert many.show(run.home, "en", run.id, Turns())[1].visible
    recipe = recipes.load(run.recipe)
    run.recipe.write_text(recipes.dump(recipe.model_copy(update={"decision_threshold": 0.999999})))
    splits = preparing.prepare(recipe.data, run.home, tasks.get(recipe.task).ROLES, None).splits
    metrics = evaluate_splits(run, splits, ev.Writer(run.training().events, 1), "cpu")
    assert metrics["test_f1_micro"] < 0.5 < metrics["test_map"] and Predictor(run.model).predict([{"text": "很好"}])[0]["threshold"] == 0.999999


@pytest.mark.parametrize(
    ("task", "data", "given", "expected"),
    [
        ("token-classification", entities, {"text": "这个 很好 东西 糟糕"}, [("GOOD", "很好"), ("BAD", "糟糕")]),
        ("question-answering", questions, {"question": "这个怎么样", "context": "东西 用了 满意 and so"}, "满意"),
        ("multi-label-classification", kinds, {"text": "这个 很好 东西 糟糕"}, ["bad", "good"]),
        ("text-regression", pairs, {"text": "这个 7", "text_pair": "东西 满意"}, 15),
    ],
)
def test_the_whole_way(tmp_path, recipe_for, task, data, given, expected):
    home = Home(tmp_path / "home")
    content = recipe_for(num_train_epochs=6, learning_rate=1e-2) | {"task": task, "data": {"path": data(tmp_path)}}
    run = jobs.start_training(recipes.build(content), home)
    wait_for(lambda: jobs.state(run.training()) in ev.TERMINAL)
    assert jobs.state(run.training()) == ev.FINISHED, run.training().log.read_text()
    report = json.loads(run.report.read_text())
    assert report["splits"]["test"]["metrics"][tasks.get(task).METRICS[0]] > (0.7 if task == "text-regression" else 0.9)  # of numbers alike the order is chance
    assert jobs.summary(run)["value"] == report["splits"]["test"]["metrics"][tasks.get(task).METRICS[0]]
    table = pq.read_table(run.predictions)
    assert set(table["split"].to_pylist()) == {"validation", "test"}
    shows_it(home, run, tuple(given))
    gives_out(run)
    answer = Predictor(run.model).predict([given])[0]
    if task == "token-classification":
        assert [(e["label"], e["text"]) for e in answer["entities"]] == expected
        assert report["baseline"]["metrics"]["f1"] > 0.9
    elif task == "multi-label-classification":
        assert sorted(answer["labels"]) == expected and report["baseline"]["metrics"]["map"] > 0.9
        decides_alike(run, answer["threshold"])
    elif task == "text-regression":
        with pytest.raises(UserError, match="no threshold"):
            models._predictor(run, "model", 0.2)
        assert abs(answer["value"] - expected) < 1 and report["splits"]["test"]["metrics"]["rmse"] < 1
        assert recipes.load(run.recipe).data.columns == {"text": "sentence1", "number": "score", "text_pair": "sentence2"}
    else:
        assert answer["answer"] == expected
        assert given["context"][answer["start"] : answer["end"]] == expected
