"""How a data set is read, on the Data tab: the task, its columns, and what does not fit."""

import gradio as gr
import pytest

from ftui.core.home import Home
from ftui.data import intake
from ftui.ui import data_tab, demo, planning, readings, sources, workshop
from tests.ui.test_tabs import VALUES

SAMPLES = sources.samples_folder()


@pytest.fixture
def entities(home: Home) -> intake.Dataset:
    return intake.import_file(SAMPLES / "zh_entities.jsonl", home, name="zh_entities.jsonl")


@pytest.mark.parametrize("name", [name for names in sources.SAMPLES.values() for name in names])
def test_nothing_is_odd_about_a_sample_and_its_recipe_stands(home, name):
    data_id, *_ = sources.add_sample(home, "en", name)
    reading = data_tab.show(home, "en", data_id)[5]
    findings, _ = workshop.inspect(home, "en", data_id, reading, "{}")
    assert "warn" not in findings and "bad" not in findings and "needs a column" not in findings
    made = planning.make_recipe(home, data_id, reading, (0.2, 0.1), tuple(VALUES))
    assert made.task == readings.read(reading).task and made.data.columns == readings.read(reading).columns
    shown = planning.show(home, "en", data_id, reading, 0.2, 0.1, *VALUES)[0]
    assert shown.count("→") == (len(made.data.columns) > 1), "what is learned from what; of texts alone nothing but themselves"


def test_another_task_has_other_columns_and_says_what_it_lacks(home, dataset):
    reading = data_tab.choose_task(home, "en", dataset.id, "token-classification")
    assert readings.read(reading).columns == {"text": "评论内容"}
    task, form, text, spans, third, *_ = data_tab.view(home, "en", dataset.id, reading, "", 1, 0.2, 0.1)
    assert (task, form.value, form.visible) == ("token-classification", "text spans", True)
    assert (text.value, spans.value, third.visible) == ("评论内容", None, False) and "entities" in spans.label
    assert "“Named entities” needs a column for: entities." in workshop.inspect(home, "en", dataset.id, reading, "{}")[0]
    with pytest.warns(UserWarning, match="needs a column"):  # Gradio's, for there is no page
        assert data_tab.use(home, "en", dataset.id, reading) == gr.skip()
    tagged = data_tab.choose_task(home, "en", dataset.id, "token-classification", "tokens ner_tags")
    assert readings.read(tagged).lacking == ["tokens", "ner_tags"]


def test_what_the_columns_hold_must_fit_too(home, dataset):
    reading = data_tab.choose_columns(home, "en", dataset.id, "token-classification", "text spans", "评论内容", "情感标签", None)
    findings, _ = workshop.inspect(home, "zh", dataset.id, reading, "{}")
    assert "情感标签" in findings and 'role="alert"' in findings


def test_the_choice_is_there_again_and_of_an_older_version_too(home, entities):
    reading = data_tab.choose_columns(home, "en", entities.id, "text-classification", "text label text_pair", "文本", "实体", "", None)
    workshop.inspect(home, "en", entities.id, reading, "{}")
    assert readings.read(data_tab.show(home, "en", entities.id)[5]) == readings.read(reading)
    (entities.path / "plan.json").write_text('{"columns": {"text": "文本", "label": "实体"}, "plan": {}}', encoding="utf-8")
    assert readings.read(data_tab.show(home, "en", entities.id)[5]).task == "text-classification"


def test_kinds_of_entities_and_questions_are_counted_and_measured(home, entities):
    counts, lengths = data_tab.looked(entities.path, data_tab.show(home, "en", entities.id)[5])
    assert {name for name, _ in counts} == {"人名", "地名", "机构"} and sum(n for _, n in counts) > 180
    assert lengths["rows"] == 180
    questions = intake.open_dataset(home.dataset(sources.add_sample(home, "en", "zh_questions.json")[0]))
    counts, lengths = data_tab.looked(questions.path, data_tab.show(home, "en", questions.id)[5])
    assert counts == [] and lengths["rows"] == 78 and lengths["p50"] > 40


def test_what_is_mended_while_reading_is_a_finding(home, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("question,context,answer\n" + "".join(f"q{i},some context {i},context\n" for i in range(30)) + "q,some context,nowhere\n")
    dataset = intake.import_file(path, home)
    reading = data_tab.show(home, "en", dataset.id)[5]
    assert "One question whose answer is not in its context was left out" in workshop.inspect(home, "en", dataset.id, reading, "{}")[0]


def test_one_click_trains_on_the_sample_of_any_task(home, monkeypatch):
    started = []
    monkeypatch.setattr(demo.jobs, "start_training", lambda made, *_, **__: started.append(made) or type("Run", (), {"id": "x"}))
    data_id, notice, run, tabs = sources.add_sample(home, "zh", "train:en_questions.csv")
    assert (started[0].task, run) == ("question-answering", "x")
    assert started[0].data.columns == {"question": "question", "context": "context", "answers": "answer"}
