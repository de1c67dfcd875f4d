"""The code that is shown runs as it stands and gives the server's answers, whatever the task; the models have learned nothing."""

import ast
import json

import pytest

from ftui import tasks
from ftui.artifacts import bundles, cleaning_code, exporting, model_card, using
from ftui.artifacts.predicting import Predictor
from ftui.core import recipe as recipes
from ftui.core.home import Home
from ftui.data import rewriting
from ftui.training import models

TEXT = "excellent 很好 the thing"
COLUMNS = {"text": "t", "text_pair": "p", "number": "n", "label": "l", "question": "q", "context": "c", "answers": "a", "spans": "s"}
CASES = {
    "number": ("text-regression", ("text", "number"), ["71.3", "15.2"]),
    "similarity": ("text-regression", ("text", "text_pair", "number"), ["-3.5", "0.25"]),
    "answer": ("question-answering", ("question", "context", "answers"), ["answer"]),
    "answer or none": ("question-answering", ("question", "context", "answers"), ["answer", "no_answer"]),
    "classes": ("text-classification", ("text", "label"), [f"label {i}" for i in range(12)]),
    "pairs": ("text-classification", ("text", "text_pair", "label"), ["a", "b"]),
    "several": ("multi-label-classification", ("text", "label"), ["a", "b", "c"]),
    "entities": ("token-classification", ("text", "spans"), ["O", "B-X", "I-X"]),
    "gaps": ("fill-mask", ("text",), []),
}
EVERY = ("model", "adapter", "pth", "torchscript", "torch-export", "onnx")
FORMS = {"gaps": ("model", "adapter", "pth"), "number": EVERY, "answer or none": EVERY}  # of others those that are made quickly


@pytest.fixture(scope="module")
def finished(tmp_path_factory, toy_model):
    """A function that makes a run with a model of this task, an untrained adapter beside it."""
    import peft
    import torch
    from transformers import AutoTokenizer

    home = Home(tmp_path_factory.mktemp("using") / "home")

    def make(task: str, roles: tuple[str, ...], labels: list[str], seed: int = 1, base: str = str(toy_model), **card):
        module, run, where = tasks.get(task), home.new_run(), models.source(home.base(base))
        columns = {role: COLUMNS[role] for role in roles}
        recipe = {"task": task, "model": base, "data": {"path": "x", "columns": columns}, "strategy": {"name": "lora"}}
        run.recipe.write_text(recipes.dump(recipes.build(recipe)), encoding="utf-8")
        torch.manual_seed(seed)
        config = peft.LoraConfig(target_modules=["query", "value"], init_lora_weights=False, modules_to_save=_heads(task))
        model = peft.get_peft_model(module.load_model(where, labels), config)
        model.save_pretrained(run.model / "adapter")
        model.merge_and_unload().save_pretrained(run.model)
        tokenizer = AutoTokenizer.from_pretrained(where)
        for folder in (run.model, run.model / "adapter"):
            tokenizer.save_pretrained(folder)
        asked = list(tasks.inputs(module, columns))
        card |= {"version": 1, "task": task, "labels": labels, "asked": asked, "max_length": 32, "base": base, "run": run.id, "best": {}}
        if tasks.speaks(module):
            card["language"] = {}
        (run.model / "ftui.json").write_text(json.dumps(card), encoding="utf-8")
        return run

    return make


def _heads(task: str) -> list[str] | None:
    return None if task == "fill-mask" else ["qa_outputs"] if task == "question-answering" else ["classifier"]


def export(run, form: str) -> None:
    folder = run.exports / form
    folder.mkdir(parents=True)
    extra = exporting.FORMATS[form].make(run, folder)
    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    (folder / "ftui.json").write_text(json.dumps({**card, "format": form, **extra}), encoding="utf-8")


def printed(run, form: str, capsys, monkeypatch, text: str = TEXT) -> tuple[str, str]:
    """(the code, what it prints), run in the artefact's folder."""
    if form != "model" and not (run.exports / form).exists():
        export(run, form)
    monkeypatch.chdir(exporting.folder_of(run, form))
    code = using.code(run, form, text, ".")
    base = recipes.load(run.recipe).model
    capsys.readouterr()
    exec(compile(code.replace(f'"{using.base_name(base)}"', repr(base)), form, "exec"), {})
    return code, capsys.readouterr().out


def served(run, text: str = TEXT) -> dict:
    """What the server says of the texts that the code asks about."""
    predictor = Predictor(run.model)
    asked = [text, f"{text} 2"]
    return predictor.predict([dict(zip(predictor.inputs, asked, strict=False))])[0]


@pytest.mark.parametrize(("case", "form"), [(case, form) for case in CASES for form in FORMS.get(case, ("model", "adapter", "pth", "torchscript"))])
def test_the_code_answers_as_the_server_does(finished, capsys, monkeypatch, case, form):
    task, roles, labels = CASES[case]
    run = finished(task, roles, labels, **({"decision": {"threshold": 0.4}} if case == "several" else {}))
    _, said = printed(run, form, capsys, monkeypatch)
    answer = served(run)
    if task == "text-regression":
        assert float(said) == pytest.approx(answer["value"], rel=1e-5)
    elif task == "question-answering":
        assert said == answer["answer"] + "\n"
    elif task == "fill-mask":
        assert answer["candidates"] == [] and said.strip()
    elif task == "token-classification":
        assert said.strip()
    else:
        found = ast.literal_eval(said)
        scores = found if isinstance(found, dict) else {one["label"]: one["score"] for one in found}
        expected = {label: score for label, score in answer["scores"].items() if score >= answer.get("threshold", 0)}
        assert scores == pytest.approx(expected, abs=1e-4) and scores


@pytest.mark.parametrize(
    ("task", "base", "language"),
    [
        ("text2text-generation", "starter-seq2seq", {"prefix": "translate to Chinese: ", "num_beams": 3}),
        ("text-generation", "starter-lm", {"system": "You speak of 'cats' alone."}),
        ("text-generation", "starter-lm", {"num_beams": 2}),
    ],
)
def test_a_model_that_writes_is_asked_as_the_server_asks_it(tmp_path, capsys, monkeypatch, task, base, language):
    from transformers import AutoTokenizer

    from ftui.tasks import templates

    module, run = tasks.get(task), Home(tmp_path / "home").new_run()
    source = models.source(run.home.base(base))
    tokenizer = AutoTokenizer.from_pretrained(source)
    if hasattr(module, "talk"):
        templates.adopt(tokenizer)
    for part in (module.load_model(source, []), tokenizer):
        part.save_pretrained(run.model)
    card = {"version": 1, "task": task, "labels": [], "asked": list(module.INPUTS), "max_length": 32, "base": base, "run": run.id, "best": {}}
    card["language"] = {**recipes.Language().model_dump(), **language, "max_new_tokens": 8}
    (run.model / "ftui.json").write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.chdir(run.model)
    capsys.readouterr()
    exec(using.code(run, "model", TEXT, ".").replace("max_new_tokens=128", "max_new_tokens=8, do_sample=False"), {})
    assert capsys.readouterr().out.strip() == served(run)["text"] != ""


@pytest.mark.parametrize("labels", [["answer"], ["answer", "no_answer"]])
def test_a_span_lies_in_the_context_and_ends_after_it_begins(finished, capsys, monkeypatch, labels):
    for seed in range(6):
        run = finished("question-answering", ("question", "context", "answers"), labels, seed)
        assert printed(run, "model", capsys, monkeypatch)[1] == served(run)["answer"] + "\n", seed


def test_a_card_does_not_call_a_scale_labels(finished):
    card = model_card.write(finished("text-regression", ("text", "number"), ["71.3", "15.2"]), "model")
    assert "`71.3`" not in card and "15.2 + 71.3" in card


URL = "https://example.org/x"
DIRTY = f"<p>Excellent ＧＲＥＡＴ see {URL} or me@example.org</p>  the\u200b  thing 13812345678 很好 "
SIMPLE = [
    {"name": "nfkc"}, {"name": "whitespace"}, {"name": "mask_urls"}, {"name": "mask_emails", "replacement": "\\1 great"}, {"name": "lowercase"},
    {"name": "replace", "pattern": r"(?i)SEE|\p{Han}{2}", "replacement": " awful "}, {"name": "nfkc", "only_letters": True}, {"name": "drop_duplicates"},
]  # fmt: skip


@pytest.mark.parametrize("form", ["model", "torchscript"])
@pytest.mark.parametrize(
    ("case", "steps"),
    [
        ("classes", SIMPLE), ("classes", [{"name": "lowercase"}]), ("classes", [{"name": "strip_html"}, *SIMPLE]),
        ("classes", [{"name": "mask_phones"}]), ("similarity", SIMPLE), ("pairs", [{"name": "strip_html"}, {"name": "lowercase"}]),
    ],
)  # fmt: skip
def test_texts_are_cleaned_as_the_server_cleans_them(finished, capsys, monkeypatch, case, steps, form):
    task, roles, labels = CASES[case]
    run = finished(task, roles, labels, clean=steps)
    code, said = printed(run, form, capsys, monkeypatch, DIRTY)
    hard = [step["name"] for step in steps if step["name"] in ("strip_html", "mask_phones")]
    assert all(f"in order: {name}" in code for name in hard) and ("def clean(text)" in code) is not bool(hard)
    answer = served(run, DIRTY)
    if task == "text-regression":
        assert float(said) == pytest.approx(answer["value"], rel=1e-5)
        return
    found = ast.literal_eval(said)
    scores = found if isinstance(found, dict) else {one["label"]: one["score"] for one in found}
    assert scores == pytest.approx(answer["scores"], abs=1e-6)


@pytest.mark.parametrize("text", [DIRTY, "a" + " " * 5 + "\ufeff\u3000 b\x1c\n", f"www.{URL}{URL}, a.b@c.de;x@y.zz", "Ｈｅｌｌｏ ①，ﬁ", ""])
def test_the_lines_do_what_the_steps_do(text):
    for step in cleaning_code.steps(SIMPLE):
        names: dict = {}
        code, modules = cleaning_code.function([step])
        exec("".join(f"import {module}\n" for module in modules) + code, names)
        assert names["clean"](text) == rewriting.rewrite(text, [step]), step


@pytest.mark.parametrize("base", ["starter-encoder", "run"])
def test_an_adapter_brings_a_base_that_is_nowhere_else(finished, capsys, monkeypatch, tmp_path, base):
    if base == "run":  # which tells other labels apart
        base = "run:" + finished("text-classification", ("text", "label"), ["x", "y", "z"]).id
    run = finished("text-classification", ("text", "label"), ["a", "b"], base=base)
    export(run, "adapter")
    bundles.fill(run, "adapter", "zip", tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert 'from_pretrained("./base"' in card and str(run.home.path) not in card
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(using.code(run, "adapter", TEXT), {})
    assert ast.literal_eval(capsys.readouterr().out) == pytest.approx(served(run)["scores"], abs=1e-4)
    for path in (*tmp_path.rglob("*.json"), *tmp_path.rglob("*.md")):
        assert str(run.home.path) not in path.read_text(encoding="utf-8"), path


def test_an_adapter_for_a_folder_of_the_users_comes_alone(finished, tmp_path):
    run = finished("text-classification", ("text", "label"), ["a", "b"])
    export(run, "adapter")
    bundles.fill(run, "adapter", "zip", tmp_path / "model")
    assert not (tmp_path / "model" / "base").exists()
