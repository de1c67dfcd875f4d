"""The form filled from a recipe: loaded, or an earlier run's."""

import gradio as gr
import pytest

from ftui.core import machine
from ftui.core import recipe as recipes
from ftui.core.access import DEMO, LOCAL, PRIVATE
from ftui.core.base_models import Known
from ftui.core.errors import UserError
from ftui.data import intake
from ftui.ui import data_tab, filling, form, model_facts, planning, readings, workshop
from tests.conftest import reviews, write_csv
from tests.ui.conftest import make_run, reading_of

COLUMNS = ["评论内容", "情感标签"]
READING = reading_of(*COLUMNS)
EVERYTHING = {
    "model": "hfl/rbt3",
    "data": {"columns": {"text": COLUMNS[0], "label": COLUMNS[1]}, "test_size": 0.3, "validation_size": 0.15, "seed": 7},
    "strategy": {"name": "lora", "r": 4, "target_modules": ["query", "value"], "use_dora": True},
    "training": {
        "num_train_epochs": 2, "learning_rate": 2e-5, "bf16": False, "early_stopping_patience": 3, "eval_strategy": "steps",
        "eval_steps": 5, "metric_for_best_model": "validation_f1_macro", "classifier_dropout": 0.2, "warmup_steps": 10,
    },
    "device": "cpu",
}  # fmt: skip


def filled(values) -> dict:
    return form.named(values)


def controls_of(loaded: tuple) -> dict:
    """The controls of the form, of what `load` gives."""
    return filled(loaded[1 + filling.CHOICES :])


LORA = {"name": "lora", "target_modules": ["query"]}
OTHERS = [  # settings that are not at their defaults, each a recipe of its own
    *({"strategy": {"name": name}} for name in recipes.STRATEGIES), {"strategy": {"name": "last_n", "n": 5}}, {"strategy": LORA},
    {"strategy": {**LORA, "target_modules": "all-linear", "init_lora_weights": "pissa"}},
    {"strategy": {"name": "gradual", "layers_per_epoch": 2, "layer_decay": 0.9}},
    {"data": {"test_size": 0, "validation_size": 0.02}}, {"data": {"test_size": 0.7, "validation_size": 0}}, {"data": {"test_size": 0.123}},
    {"data": {"clean": [{"name": name} for name in ("lowercase", "nfkc")]}}, {"data": {"augment": [{"name": "synonyms"}, {"name": "random_swap"}]}},
    {"data": {"balance": "undersample", "keep_together": "none", "group_column": COLUMNS[1]}}, {"data": {"date_column": COLUMNS[0]}},
    {"data": {"folds": 5, "fold": 2}}, {"training": {"bf16": True, "max_length": 128}}, {"training": {"fp16": True, "learning_rate": 1e-8}},
    {"language": {"system": "true"}}, {"language": {"system": "one\ntwo  ", "prefix": "summarize: ", "loss_on": "all", "samples": 0}},
    {"launcher": "torchrun", "processes": 4}, {"launcher": "accelerate", "accelerate_config": "a.yaml"}, {"decision_threshold": 0.3, "retries": 3},
    {"distil": {"teacher": "a", "unlabelled_path": "b.csv"}}, {"prune": {"layers": 2, "heads": 0.5}}, {"prune": {"recover": False}},
]  # fmt: skip


@pytest.mark.parametrize("content", [{}, EVERYTHING, *OTHERS], ids=str)
def test_a_recipe_and_its_form_say_the_same(home, dataset, content):
    columns = {"text": COLUMNS[0], "label": COLUMNS[1]}
    made = filling.read(yaml_of({"task": "text-classification", **content, "data": {"columns": columns, **content.get("data", {})}}))
    notice, reading, test, validation, *rest = filling.load(home, "en", dataset.id, recipes.dump(made))
    again = planning.make_recipe(home, dataset.id, reading, (test, validation), tuple(rest[filling.CHOICES - 3 :]))
    data = again.data.model_copy(update={"path": made.data.path})
    assert again.model_copy(update={"data": data}) == made
    assert "hint" not in notice


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"search": {"minutes": 5}}, "no search"),
        ({"ensemble": {"members": ["a", "b"]}}, "no ensemble"),
        ({"data": {"test_size": 0.95}}, "data.test_size: the form goes up to 0.9"),
        ({"data": {"test_path": "nowhere.csv"}}, "files of data.test_path are not here"),
    ],
)
def test_what_the_form_cannot_say_is_named(home, dataset, content, said):
    assert said in filling.load(home, "en", dataset.id, yaml_of(content))[0]


@pytest.mark.parametrize("way", [LOCAL, PRIVATE])
def test_own_test_rows_of_a_run_stay_its_own(home, dataset, tmp_path, way):
    other = intake.import_file(write_csv(tmp_path / "other.csv", reviews(30)), home)
    run, _, _ = make_run(home, dataset)
    made = recipes.load(run.recipe)
    data = made.data.model_copy(update={"test_path": f"../../datasets/{other.id}"})
    run.recipe.write_text(recipes.dump(made.model_copy(update={"data": data})), encoding="utf-8")
    notice, *_ = filling.clone(home, "en", run.id, dataset.id, way)
    assert "are not here" not in notice
    assert workshop.saved(dataset.path)["plan"] == {"test_path": str(other.path)}
    filling.load(home, "en", dataset.id, "strategy: {name: lora}", way)
    assert workshop.saved(dataset.path)["plan"] == {"test_path": str(other.path)}
    filling.load(home, "en", dataset.id, "data: {folds: 5}", way)
    assert workshop.saved(dataset.path)["plan"] == {"folds": 5}


def yaml_of(content: dict) -> str:
    import yaml

    return yaml.safe_dump(content, allow_unicode=True)


def test_loading_fills_the_form_and_keeps_the_data(home, dataset):
    notice, reading, test, validation, *rest = filling.load(home, "en", dataset.id, yaml_of(EVERYTHING))
    controls = rest[filling.CHOICES - 3 :]
    assert 'role="alert"' not in notice and "hfl/rbt3" in notice
    assert (readings.read(reading).columns, test, validation) == (EVERYTHING["data"]["columns"], 0.3, 0.15)
    assert filled(controls)["strategy.target_modules"] == "query, value"


def test_a_recipe_without_a_task_leaves_the_reading_and_one_with_another_changes_it(home, dataset):
    assert filling.load(home, "en", dataset.id, "model: hfl/rbt3")[1] == gr.skip()
    content = "task: question-answering\ndata: {columns: {context: 评论内容}}"
    reading = readings.read(filling.load(home, "en", dataset.id, content)[1])
    assert (reading.task, reading.columns) == ("question-answering", {"context": "评论内容"})
    assert reading.problem("en") == "“Question answering” needs a column for: question, answer. Choose it above, or another task."


def test_columns_that_the_data_lacks_stay_as_they_are(home, dataset):
    content = {"data": {"columns": {"text": "review", "label": COLUMNS[1]}}}
    notice, reading, *_ = filling.load(home, "en", dataset.id, yaml_of(content))
    assert list(readings.read(reading).columns.values()) == COLUMNS and "no column review" in notice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 2", "version"),
        ("training: {learning_rate: -1}", "training.learning_rate"),
        ("training: {lerning_rate: 1}", "lerning_rate"),
        ("a: [1,\nb: 2", "line 2"),
        ("just words", "not a YAML mapping"),
        ("", "Paste a recipe"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(home, dataset, text, said):
    notice, *rest = filling.load(home, "en", dataset.id, text)
    assert said in notice
    assert all(value == gr.skip() for value in rest) and len(rest) == filling.CHOICES + len(form.FIELDS)


def test_a_device_that_is_not_here_becomes_auto(home, dataset, monkeypatch):
    monkeypatch.setattr(machine, "gpus", lambda: ())
    notice, *rest = filling.load(home, "en", dataset.id, "device: cuda")
    assert "There is no cuda here" in notice and filled(rest[filling.CHOICES :])["device"] == "auto"
    monkeypatch.setattr(machine, "gpus", lambda: ("cuda",))
    assert controls_of(filling.load(home, "en", dataset.id, "device: cuda"))["device"] == "cuda"
    assert [value for _, value in form.control("device", "en").choices] == ["auto", "cpu", "cuda"]


def test_a_file_is_read_and_shown(home, dataset, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("model: hfl/rbt3", encoding="utf-8-sig")
    text, notice, *rest = filling.load_file(home, "en", dataset.id, str(path))
    assert text == "model: hfl/rbt3" and filled(rest[filling.CHOICES :])["model"] == "hfl/rbt3"
    path.write_bytes(bytes(range(256)))
    assert 'role="alert"' in filling.load_file(home, "en", dataset.id, str(path))[1]


def test_a_demo_takes_its_own_models_only_and_no_paths(home, dataset, tmp_path):
    assert "hfl/rbt3" in filling.load(home, "en", dataset.id, "model: hfl/rbt3", way=DEMO)[0]
    assert filling.load(home, "en", dataset.id, "model: hfl/rbt3", way=DEMO)[1] == gr.skip()
    content = yaml_of({"data": {"test_path": str(tmp_path)}})
    assert controls_of(filling.load(home, "en", dataset.id, content, way=PRIVATE))["data.test_path"] == ""
    assert controls_of(filling.load(home, "en", dataset.id, content, way=LOCAL))["data.test_path"] == str(tmp_path)


def test_an_earlier_run_fills_the_form(home, dataset):
    run, _, _ = make_run(home, dataset, "lora")
    notice, data, pending, *rest = filling.clone(home, "en", run.id, dataset.id)
    assert (data, pending) == (gr.skip(), "") and "becomes a new run" in notice
    assert filled(rest[filling.CHOICES :])["strategy.name"] == "lora"
    assert (run.id, True) in [(value, True) for _, value in planning.earlier_runs(home, "en").choices]


PLAN = {"clean": [{"name": "lowercase"}], "augment": [{"name": "synonyms"}], "balance": "oversample", "group_column": COLUMNS[1]}


def test_what_a_recipe_says_of_the_rows_is_kept_and_shown_whatever_the_page_says_of_the_reading(home, dataset):
    workshop.save(dataset.path, "text-classification", {}, {"clean": [{"name": "strip_html"}], "folds": 5})
    content = {"data": {"columns": {"label": COLUMNS[1], "text": COLUMNS[0]}, **PLAN}}
    _, reading, _, _, plan, way, column, *_ = filling.load(home, "en", dataset.id, yaml_of(content))
    kept = filling.read(yaml_of({"data": PLAN}))
    assert workshop.plan_of(filling.read(yaml_of({"data": workshop.read(plan)}))) == workshop.plan_of(kept)
    assert (way["value"], column.value) == ("group", COLUMNS[1])
    workshop.inspect(home, "en", dataset.id, reading, "{}")  # a page that has not heard of it yet
    assert workshop.saved(dataset.path) == {"task": "text-classification", "columns": content["data"]["columns"], "plan": workshop.read(plan)}


def test_a_column_to_split_by_that_the_data_lacks_is_named(home, dataset):
    notice, *_, plan, way, _, _, _ = filling.load(home, "en", dataset.id, "data: {date_column: day}")[: 1 + filling.CHOICES]
    assert "no column day" in notice and (plan, way["value"]) == ("{}", "random")


def test_with_other_data_the_columns_come_after_it_has_been_opened(home, dataset):
    run, _, _ = make_run(home, dataset)
    made = recipes.load(run.recipe)
    data = made.data.model_copy(update={"columns": {"text": COLUMNS[1], "label": COLUMNS[0]}, "test_size": 0.4})
    run.recipe.write_text(recipes.dump(made.model_copy(update={"data": data})), encoding="utf-8")
    notice, data_id, pending, *rest = filling.clone(home, "en", run.id, "0123456789abcdef")
    assert "is open now" in notice
    assert (data_id, pending) == (dataset.id, run.id) and rest[: filling.CHOICES] == [gr.skip()] * filling.CHOICES
    settled = filling.settle(home, "en", data_id, pending)
    assert settled[:5] == ("", readings.written(data_id, readings.of(made.task, data.columns)), 0.4, 0.1, "{}")
    assert filling.settle(home, "en", data_id, "") == ("", *[gr.skip()] * filling.CHOICES)


def test_nothing_chosen_is_nothing_done(home):
    assert filling.clone(home, "en", "", "")[1] == gr.skip()
    with pytest.raises(UserError):
        filling.clone(home, "en", "20200101-000000-abcd", "")


class TestModelLine:
    def test_what_is_known(self):
        known = Known("x/y", "hub", False, 102_000_000, "zh", 408_000_000)
        assert "102 M" in (line := model_facts.line(known, "zh", "en")) and "408 MB" in line and "notice" not in line
        assert "on this machine" in model_facts.line(Known("x/y", "hub", True, 102_000_000), None, "en")

    @pytest.mark.parametrize(("model", "data", "warned"), [("en", "zh", True), ("zh", "en", True), ("many", "zh", False), (None, "zh", False)])
    def test_a_model_of_another_language(self, model, data, warned):
        assert ("notice warn" in model_facts.line(Known("x", "hub", True, 1, model), data, "zh")) == warned

    def test_languages_of_data(self, dataset):
        assert model_facts.language_of(dataset.path, "情感标签") == "zh"
        assert model_facts.language_of(dataset.path, "no such column") is None

    def test_the_hub_is_asked_only_for_what_is_not_known(self, home, dataset, monkeypatch):
        asked = []
        monkeypatch.setattr(planning.base_models, "ask_hub", lambda model: asked.append(model) or (Known(model, "hub", False), "no_network"))

        def told(model, way=LOCAL):
            return list(planning.about_model(home, "en", dataset.id, READING, model, way=way))

        assert len(told("starter-encoder")) == len(told("google-bert/bert-base-chinese")) == 1
        assert "comes with ftui" in told("starter-encoder")[0]
        assert told("somebody/else", DEMO) and asked == []
        first, second = told("somebody/else")
        assert "asking the Hub" in first and "did not answer" in second and asked == ["somebody/else"]

    def test_folders_are_nobodys_business_elsewhere(self, toy_model, home):
        assert planning.known_model(str(toy_model), LOCAL, home).here
        assert not planning.known_model(str(toy_model), PRIVATE, home).here


@pytest.mark.parametrize(("test", "validation", "trained"), [(0, 0, 300), (0, 0.1, 270), (0.9, 0.9, 3)])
def test_any_share_can_be_shown(home, dataset, test, validation, trained):
    values = filling.fill(home, filling.read("{}"))
    assert 'role="alert"' not in planning.preview(home, "en", dataset.id, READING, test, validation, *values)[2]
    sizes = data_tab.split_sizes(dataset.path, READING, test, validation, "{}")
    assert (sizes["train"], sum(sizes.values())) == (trained, 300)
    assert f"train <b>{trained}<" in data_tab.view_split(home, "en", dataset.id, READING, test, validation)


def test_the_outlook_advises_and_counts(home, dataset):
    values = filling.fill(home, filling.read("strategy: {name: frozen}\ntraining: {num_train_epochs: 2, gradient_accumulation_steps: 2}"))
    *_, outlook, taking, timing, script = planning.preview(home, "en", dataset.id, READING, 0.2, 0.1, *values)
    assert taking.visible and 'data-advised="full"' in outlook
    assert planning.take_advice(home, "en", dataset.id, READING, 0.2, 0.1, *values) == ("full", 16, 2, 32, False, "auto")
    assert timing.visible and "nothing has been trained on this machine" in outlook
    assert "216 training rows" in outlook and "Full is advised" in outlook
    assert "14 steps" in outlook  # 216 rows in batches of 16, two to a step, twice
    assert "0.007 %" in outlook
    assert "AutoModelForSequenceClassification" in script and "reviews.csv" in script
