"""The rows that are learned from: the train split, grown as the recipe says."""

import shutil
from collections import Counter

import pyarrow as pa
import pytest

from ftui import tasks
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.context import Context, Stopped
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.training import augmenting, rows

TRAIN = pa.table({"row": list(range(9)), "text": [f"text {i}" for i in range(9)], "label": ["b" if i % 3 else "a" for i in range(9)]})


def build(task: str = "text-classification", data: dict | None = None, **training) -> recipes.Recipe:
    return recipes.build({"task": task, "data": {"path": "x.csv", **(data or {})}, "training": training})


def test_balanced_rows_are_learned_and_told(tmp_path) -> None:
    task, events = tasks.get("text-classification"), ev.Writer(tmp_path / "events.jsonl", 1)
    given = ({"train": TRAIN}, Home(tmp_path), events, lambda: None)
    learned = rows.to_learn(build(data={"balance": "oversample"}), task, *given)
    assert Counter(learned["label"].to_pylist()) == {"a": 6, "b": 6}
    assert ev.last(ev.read(events.path)[0], "log")["params"] == {"before": 9, "after": 12}
    assert rows.to_learn(build(), task, *given) is TRAIN
    assert rows.count(build(data={"balance": "oversample", "augment": [{"name": "random_swap", "share": 0.5}]}), task, TRAIN) == 18


def test_a_label_of_the_newest_rows_alone_is_told(tmp_path) -> None:
    path = tmp_path / "mail.csv"
    kinds = ["bill", "order"] * 10 + ["recall"] * 3
    path.write_text("text,label,day\n" + "".join(f"mail number {n},{kind},2026-01-{n + 1:02}\n" for n, kind in enumerate(kinds)))
    home = Home(tmp_path / "home")
    job = home.new_run().new_job("train")
    task, context = tasks.get("text-classification"), Context(job, {}, ev.Writer(job.events, 1))
    for by_date, told in (({"date_column": "day"}, [{"rows": 3, "label": "recall"}]), ({}, [])):
        rows.read(context, build(data={"path": str(path), "test_size": 0.2, "validation_size": 0, **by_date}), task)
        assert [event["params"] for event in ev.read(job.events)[0] if event["key"] == "label_unlearned"] == told
        job.events.unlink()


def test_weights_go_into_the_loss() -> None:
    options = rows.loss_options(build(class_weights="balanced"), tasks.get("text-classification"), TRAIN, ["a", "b"])
    assert options["weights"] == pytest.approx([1.5, 0.75])
    assert "weights" not in rows.loss_options(build(), tasks.get("text-classification"), TRAIN, ["a", "b"])


@pytest.mark.parametrize(("recipe", "code"), [
    (build("token-classification", {"balance": "oversample"}), "balance_without_classes"),
    (build("question-answering", class_weights="balanced"), "weights_without_classes"),
])  # fmt: skip
def test_what_has_no_classes_is_refused_in_words(recipe, code) -> None:
    with pytest.raises(UserError) as caught:
        rows.check(recipe, tasks.get(recipe.task), TRAIN)
    assert caught.value.code == code


@pytest.fixture(scope="module")
def masked(toy_model, tmp_path_factory):
    """The toy model with a head for masked words."""
    import transformers

    folder = tmp_path_factory.mktemp("masked")
    config = transformers.AutoConfig.from_pretrained(toy_model)
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(toy_model).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """A T5 that says something, with words for English and Chinese."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("t5")
    words = ["<pad>", "</s>", "<unk>", *"the thing was good bad 很好 很差 translate".split()]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>").save_pretrained(folder)
    config = transformers.T5Config(vocab_size=len(words), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0)
    model = transformers.T5ForConditionalGeneration(config)
    model.shared.weight.data[:3] = 0.0  # what it says are words
    model.save_pretrained(folder)
    return folder


def stop() -> None:
    raise Stopped


def grown(recipe, train, home, alive=lambda: None):
    """(rows, log) of what is learned from."""
    events = ev.Writer(home.path / "events.jsonl", 1)
    home.path.mkdir(exist_ok=True)
    learned = rows.to_learn(recipe, tasks.get(recipe.task), {"train": train}, home, events, alive)
    return learned.to_pylist()[len(train) :], ev.read(events.path)[0]


REVIEWS = pa.table({"row": pa.array(range(8), pa.int64()), "text": ["the thing was great 很好"] * 4 + ["the thing was awful 很差 really"] * 4, "label": ["a"] * 8})


def test_a_model_puts_words_in(masked, tmp_path) -> None:
    recipe = build(data={"augment": [{"name": "masked_lm", "share": 1.0, "rate": 0.3}]}).model_copy(update={"model": str(masked), "device": "cpu"})
    made, log = grown(recipe, REVIEWS, Home(tmp_path / "home"))
    assert 3 <= len(made) <= 8 and len({row["text"] for row in made}) == len(made)
    for row in made:
        before, after = REVIEWS["text"][row["row"]].as_py().split(), row["text"].split()
        assert len(before) == len(after) and 1 <= sum(a != b for a, b in zip(before, after, strict=True)) <= 2
    again, log = grown(recipe, REVIEWS, Home(tmp_path / "home"))  # from what was kept: no model is loaded, nothing is told of progress
    assert again == made and sum(e["type"] == "progress" for e in log) == sum(e["type"] == "progress" for e in ev.read(tmp_path / "home" / "events.jsonl")[0])
    other, _ = grown(recipe.model_copy(update={"data": recipe.data.model_copy(update={"seed": 5})}), REVIEWS, Home(tmp_path / "home"))
    assert other != made
    with pytest.raises(Stopped):
        grown(recipe, REVIEWS, Home(tmp_path / "another"), stop)


def test_the_model_of_a_run_puts_words_in(masked, tmp_path) -> None:
    home = Home(tmp_path / "home")
    run = home.new_run()
    shutil.copytree(masked, run.model)
    recipe = build(data={"augment": [{"name": "masked_lm", "share": 1.0}]}).model_copy(update={"model": f"run:{run.id}", "device": "cpu"})
    assert grown(recipe, REVIEWS, home)[0]


def test_entities_are_not_masked(masked, tmp_path) -> None:
    from ftui.data import spans

    marked = [[{"start": 4, "end": 9, "label": "X"}]] * 8
    train = REVIEWS.drop_columns(["label"]).append_column("spans", pa.array(marked, spans.TYPE))
    recipe = build("token-classification", {"augment": [{"name": "masked_lm", "share": 2.0, "rate": 0.5, "model": str(masked)}]})
    made, _ = grown(recipe.model_copy(update={"device": "cpu"}), train, Home(tmp_path / "home"))
    assert made
    assert {row["text"][row["spans"][0]["start"] : row["spans"][0]["end"]] for row in made} == {"thing"}


def test_there_and_back(translator, tmp_path) -> None:
    step = {"name": "back_translation", "share": 1.0, "there": str(translator), "back": str(translator), "there_prefix": "translate "}
    made, log = grown(build(data={"augment": [step]}).model_copy(update={"device": "cpu"}), REVIEWS, Home(tmp_path / "home"))
    assert made and all(row["label"] == "a" and row["text"].strip() for row in made)
    told = [e for e in log if e["type"] == "log" and e["key"] == "augmented"]
    assert told[0]["params"] == {"step": "back_translation", "rows": len(made), "wanted": 8}


def test_a_model_of_another_kind_is_told_in_a_sentence(toy_model, masked, translator) -> None:
    from ftui.core.augmentation import AUGMENT

    for step, unfit in (
        (AUGMENT["masked_lm"](), toy_model),  # has no head for it
        (AUGMENT["masked_lm"](), translator),
        (AUGMENT["back_translation"](there=str(masked), back=str(masked)), masked),
    ):
        with pytest.raises(UserError) as caught:
            augmenting.maker(step, str(unfit), "cpu")
        assert caught.value.code == "augment_model_unfit" and str(unfit) in caught.value.message("zh")


def test_a_preview_is_what_the_model_would_do(masked, tmp_path) -> None:
    asked = {"step": {"name": "masked_lm"}, "base": str(masked), "home": str(tmp_path), "device": "cpu", "seed": 3, "texts": ["the thing was great"], "blocked": [[]]}
    text = augmenting.preview(asked)["texts"][0].split()
    assert len(text) == 4 and text != "the thing was great".split()
    assert augmenting.preview({**asked, "base": "starter-none"})["error"]["code"] == "starter_unknown"
