import pytest
import yaml

from ftui.core import languages, recipe
from ftui.core.errors import UserError

GOOD = {"data": {"path": "reviews.csv"}}


def test_defaults_are_a_whole_recipe_and_survive_yaml():
    built = recipe.build({**GOOD, "strategy": {"name": "lora"}})
    assert built.strategy == recipe.Lora()
    assert recipe.build(yaml.safe_load(recipe.dump(built))) == built


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"data": {}}, "recipe_missing_key", "data.path"),
        ({"data": {"path": ""}}, "recipe_bad_value", "data.path"),
        ({"colour": "red"}, "recipe_unknown_key", "colour"),
        ({"strategy": {"name": "lora", "rank": 8}}, "recipe_unknown_key", "strategy.rank"),
        ({"strategy": {"name": "magic"}}, "recipe_bad_value", "strategy"),
        ({"training": {"learning_rate": -1}}, "recipe_bad_value", "training.learning_rate"),
        ({"training": {"learning_rate": 0}}, "recipe_bad_value", "training.learning_rate"),
        ({"training": {"learning_rate": float("inf")}}, "recipe_bad_value", "training.learning_rate"),
        ({"training": {"num_train_epochs": float("nan")}}, "recipe_bad_value", "training.num_train_epochs"),
        ({"training": {"per_device_train_batch_size": 10**9}}, "recipe_bad_value", "training.per_device_train_batch_size"),
        ({"training": {"max_length": "long"}}, "recipe_bad_value", "training.max_length"),
        ({"training": {"fp16": True, "bf16": True}}, "recipe_bad_value", "training"),
        ({"training": {"eval_strategy": "steps"}}, "recipe_bad_value", "training"),
        ({"data": {"path": "x", "test_size": 1.5}}, "recipe_bad_value", "data.test_size"),
        ({"model": "a\nb"}, "recipe_bad_value", "model"),
        ({"version": 2}, "recipe_bad_value", "version"),
        ({"task": "juggling"}, "recipe_bad_value", "task"),
    ],
)
def test_what_is_wrong_is_named(change, code, field):
    with pytest.raises(UserError) as caught:
        recipe.build({**GOOD, **change})
    assert caught.value.code == code
    assert caught.value.params["field"] == field
    for lang in languages.LANGUAGES:
        assert field in caught.value.message(lang)
        assert "{" not in caught.value.message(lang)


def test_set_changes_settings_and_reads_numbers(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {path: reviews.csv}\n")
    built = recipe.load(path, ["training.learning_rate=2e-5", "strategy.name=last_n", "strategy.n=1", "data.columns.text=评论"])
    assert built.training.learning_rate == 2e-5
    assert built.strategy == recipe.LastN(n=1)
    assert built.data.columns == {"text": "评论"}
    assert recipe.load(path, ["strategy.n=2", "strategy.name=full"]).strategy == recipe.Full()
    with pytest.raises(UserError, match="--set"):
        recipe.load(path, ["training.learning_rate"])


def test_a_relative_path_starts_at_the_recipe(tmp_path):
    (tmp_path / "reviews.csv").write_text("a,b\n")
    (tmp_path / "recipe.yaml").write_text("data: {path: reviews.csv, test_path: owner/name}\n")
    built = recipe.load(tmp_path / "recipe.yaml")
    assert built.data.path == str(tmp_path / "reviews.csv")
    assert built.data.test_path == "owner/name"


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "\0", "just words"])
def test_what_is_no_recipe_is_refused(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        recipe.load(path)
    assert caught.value.code == "recipe_unreadable"


def fields(model: type, prefix: str = "") -> list[str]:
    return [f"{prefix}{name}" for name in model.model_fields]


def test_every_setting_is_explained_in_both_languages():
    names = fields(recipe.Training, "training.") + fields(recipe.Data, "data.")
    for strategy in recipe.STRATEGIES.values():
        names += fields(strategy, "strategy.")
    names += ["task", "model", "device", "retries"]
    for name in names:
        for lang in languages.LANGUAGES:
            label, explanation = languages.setting(name, lang)
            assert label
            assert explanation


def test_auto_means_more_epochs_for_few_rows_and_larger_steps_for_small_models():
    built = recipe.build(GOOD)
    assert [built.epochs(rows) for rows in (100, 1000, 10**6)] == [10, 5, 3]
    assert recipe.build({**GOOD, "training": {"num_train_epochs": 2}}).epochs(100) == 2
    assert built.learning_rate(7_000_000) > built.learning_rate(110_000_000) == 5e-5
    assert built.data.train_rows(1000) == 720
    writes = recipe.build({**GOOD, "task": "text2text-generation"})
    assert (writes.epochs(100), writes.epochs(1000)) == (25, 5)
    assert writes.learning_rate(8_000_000) == pytest.approx(1e-3)
    assert writes.learning_rate(110_000_000) == 5e-5
