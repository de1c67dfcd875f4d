"""The form is the recipe: no setting without a control, no control without a setting."""

import pytest

from ftui.core import languages, recipe
from ftui.core.errors import UserError
from ftui.ui import form

DEFAULTS = {name: form.control(name, "en").value for name in form.FIELDS if name not in ("model", "strategy.name")}
DEFAULTS |= {"model": "starter-encoder", "strategy.name": "full"}


def build(**changes):
    content = form.content({**DEFAULTS, **{name.replace("__", "."): value for name, value in changes.items()}})
    content["data"]["path"] = "reviews.csv"
    return recipe.build(content)


def test_every_field_of_the_recipe_has_its_place_and_its_texts():
    fields = set(form.fields())
    assert fields == set(form.FIELDS) | set(form.ELSEWHERE)
    assert len(form.FIELDS) == len(set(form.FIELDS))
    assert fields == set(languages.catalogue("settings"))


def test_an_untouched_form_is_the_default_recipe():
    assert build() == recipe.build({"data": {"path": "reviews.csv"}})


@pytest.mark.parametrize("strategy", list(recipe.STRATEGIES))
def test_only_the_settings_of_the_chosen_strategy_go_into_the_recipe(strategy):
    assert build(strategy__name=strategy).strategy == recipe.STRATEGIES[strategy]()


def test_what_people_type_is_understood():
    made = build(training__learning_rate=" 2e-5 ", training__early_stopping_patience="2", training__bf16="false")
    assert (made.training.learning_rate, made.training.early_stopping_patience) == (2e-5, 2)
    assert made.training.bf16 is False
    made = build(strategy__name="lora", strategy__target_modules="query, value")
    assert made.strategy.target_modules == ["query", "value"]
    assert build(strategy__name="lora", strategy__target_modules="query").strategy.target_modules == ["query"]
    assert build(strategy__name="lora", strategy__target_modules="all-linear").strategy.target_modules == "all-linear"
    assert build(language__system="true\nand  ").language.system == "true\nand  "


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("training.learning_rate", "-1"),
        ("training.learning_rate", "fast"),
        ("training.num_train_epochs", 0),
        ("training.num_train_epochs", None),
        ("training.per_device_train_batch_size", 2.5),
        ("training.early_stopping_patience", "nan"),
        ("model", " "),
    ],
)
def test_a_bad_value_names_its_field(field, value):
    with pytest.raises(UserError) as error:
        build(**{field.replace(".", "__"): value})
    assert error.value.params["field"] == field
