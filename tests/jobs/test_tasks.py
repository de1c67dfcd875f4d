"""Every task but text classification on its whole way: a file, a training, a report, an answer."""

import html
import json
import re

import pyarrow.parquet as pq
import pytest

from ftui import jobs
from ftui.artifacts.predicting import Predictor
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.home import Home
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


def shows_it(home: Home, run, inputs: tuple[str, ...]) -> None:
    """The page has a place for the task's report, its inputs, and a column of a file for each of them."""
    from ftui.ui import many, playground_tab
    from ftui.ui.task_views import evaluation

    view, caption, split, tiles, errors, classes, title, *_ = evaluation.show(home, "en", run.id, None)
    assert view.visible and "test" in tiles and errors and title
    empty, view, examples, _, snippets, first, second, lines, *_ = playground_tab.show(home, "en", run.id)
    assert view.visible and first.visible and second.visible == (len(inputs) > 1) == (not lines.visible)
    picked = re.search(r'data-pick="([^"]+)"', examples)[1]
    texts = playground_tab.pick(home, "en", html.unescape(picked))
    assert all(texts[: len(inputs)]) and (inputs[-1] in snippets or inputs == ("source",))
    source = run.home.path / "in.csv"
    source.write_text(",".join(inputs) + "\n" + ",".join("a" for _ in inputs) + "\n")
    _, *columns, start, preview, output = many.look(home, "en", run.id, str(source))
    assert [column.value for column in columns if column.visible] == list(inputs) and start.visible


@pytest.mark.parametrize(
    ("task", "data", "given", "expected"),
    [
        ("token-classification", entities, {"text": "这个 很好 东西 糟糕"}, [("GOOD", "很好"), ("BAD", "糟糕")]),
        ("question-answering", questions, {"question": "这个怎么样", "context": "东西 用了 满意 and so"}, "满意"),
    ],
)
def test_the_whole_way(tmp_path, recipe_for, task, data, given, expected):
    home = Home(tmp_path / "home")
    content = recipe_for(num_train_epochs=6, learning_rate=1e-2) | {"task": task, "data": {"path": data(tmp_path)}}
    run = jobs.start_training(recipes.build(content), home)
    wait_for(lambda: jobs.state(run.training()) in ev.TERMINAL)
    assert jobs.state(run.training()) == ev.FINISHED, run.training().log.read_text()
    report = json.loads(run.report.read_text())
    assert report["splits"]["test"]["metrics"]["f1"] > 0.9
    assert jobs.summary(run)["value"] > 0.9
    table = pq.read_table(run.predictions)
    assert set(table["split"].to_pylist()) == {"validation", "test"}
    shows_it(home, run, tuple(given))
    answer = Predictor(run.model).predict([given])[0]
    if task == "token-classification":
        assert [(e["label"], e["text"]) for e in answer["entities"]] == expected
        assert report["baseline"]["metrics"]["f1"] > 0.9
    else:
        assert answer["answer"] == expected
        assert given["context"][answer["start"] : answer["end"]] == expected
