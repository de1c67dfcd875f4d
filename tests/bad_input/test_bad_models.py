"""Models that cannot be used: one sentence each, no code of theirs ever run, and no secret told."""

import json
import os
import shutil

import pytest
import yaml

from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.redaction import redacted
from ftui.training import models
from tests.bad_input.conftest import one_sentence, tree
from tests.conftest import cli
from tests.hub import Hub


def configured(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def code(folder):
    (folder / "mine.py").write_text(f"import pathlib; pathlib.Path({str(folder / 'owned')!r}).touch()\nclass Mine: pass\n")
    configured(folder, model_type="mine", auto_map={"AutoConfig": "mine.Mine", "AutoModelForSequenceClassification": "mine.Mine"})


def code_of_the_tokenizer(folder):
    (folder / "mine.py").write_text(f"import pathlib; pathlib.Path({str(folder / 'owned')!r}).touch()\nclass Mine: pass\n")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json",):
        (folder / name).unlink()


def pickle_only(folder):
    import torch

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(folder / "owned"),)

    (folder / "model.safetensors").unlink()
    torch.save({"x": Evil()}, folder / "pytorch_model.bin")


def no_numbers(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][3, 3] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def cut(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def huge_header(folder):
    (folder / "model.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")


def other_shapes(folder):
    configured(folder, hidden_size=64, num_attention_heads=4, model_type="roberta")


BROKEN = [
    ("no model at all", lambda f: [p.unlink() for p in f.iterdir()], {"model_folder_empty"}),
    ("config alone", lambda f: [p.unlink() for p in f.iterdir() if p.name != "config.json"], {"model_without_tokenizer"}),
    ("config without weights", lambda f: (f / "model.safetensors").unlink(), {"model_without_weights"}),
    ("empty config", lambda f: (f / "config.json").write_text(""), {"model_config_unreadable"}),
    ("config that is a list", lambda f: (f / "config.json").write_text("[]"), {"model_config_unreadable"}),
    ("config without a type", lambda f: (f / "config.json").write_text("{}"), {"model_config_unreadable"}),
    ("config in other bytes", lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"), {"model_config_unreadable"}),
    ("config of nonsense", lambda f: configured(f, hidden_size=-3), {"model_without_weights", "model_config_unreadable"}),
    ("config of words", lambda f: configured(f, num_hidden_layers="many"), {"model_without_weights", "model_config_unreadable"}),
    ("no tokenizer", lambda f: [p.unlink() for p in f.glob("*token*")], {"model_without_tokenizer"}),
    ("broken tokenizer", lambda f: (f / "tokenizer.json").write_text("{"), {"model_without_tokenizer"}),
    ("another tokenizer", lambda f: (f / "tokenizer.json").write_text("[1]"), {"model_without_tokenizer"}),
    ("pickle only", pickle_only, {"model_without_weights"}),
    ("weights cut off", cut, {"model_without_weights"}),
    ("weights with a huge header", huge_header, {"model_without_weights"}),
    ("weights of nothing", lambda f: (f / "model.safetensors").write_bytes(b""), {"model_without_weights"}),
    ("weights that are no numbers", no_numbers, {"model_weights_broken"}),
    ("pictures", lambda f: (f / "config.json").write_text('{"model_type": "vit"}'), {"model_wrong_family"}),
    ("sound", lambda f: (f / "config.json").write_text('{"model_type": "hubert"}'), {"model_wrong_family"}),
    ("code of its own", code, {"model_config_unreadable"}),
    ("code of its tokenizer", code_of_the_tokenizer, {"model_without_tokenizer"}),
    ("a kernel of the Hub", lambda f: configured(f, _attn_implementation="someone/kernel"), {"model_config_unreadable"}),
    ("a kernel of the Hub by its other name", lambda f: configured(f, attn_implementation="someone/kernel"), {"model_config_unreadable"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "codes"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_model_that_cannot_be_used(toy_model, tmp_path, change, codes):
    from ftui.tasks import text_classification as task

    folder = tmp_path / "broken"
    shutil.copytree(toy_model, folder)
    change(folder)
    recipe = recipes.build({"data": {"path": "x"}, "model": str(folder)})
    try:
        models.load(str(folder), recipe, lambda source, **o: task.load_model(source, ["a", "b"], **o), None)
        found = None
    except UserError as error:
        found = error.code
        for lang in languages.LANGUAGES:
            one_sentence(f"{error.message(lang)} {error.hint(lang)}", lang)
    assert found in codes
    assert not (folder / "owned").exists()


def train(tmp_path, recipe: dict, **environment: str):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    return cli("train", path, home=tmp_path / "home", check=None, **environment)


def test_what_only_the_worker_finds_out_is_told_by_command_line_and_page(toy_model, recipe_for, tmp_path):
    """Exit code 2, the sentence in the reader's language, the run marked as failed, nothing half-made."""
    from ftui import jobs
    from ftui.jobs.following import follow
    from ftui.ui import log_tab

    folder = tmp_path / "model"
    shutil.copytree(toy_model, folder)
    no_numbers(folder)
    done = train(tmp_path, {**recipe_for(), "model": str(folder)}, FTUI_LANG="zh")
    line = json.loads(done.stdout.strip().splitlines()[-1])
    assert done.returncode == 2
    assert (line["status"], line["error"]["code"], line["model"]) == ("failed", "model_weights_broken", None)
    assert "权重已损坏" in line["error"]["message"] and "权重已损坏" in done.stderr
    assert "Traceback" not in done.stderr
    run = Home(tmp_path / "home").run(line["run"])
    for lang, said in (("zh", "权重已损坏"), ("en", "are broken")):
        assert said in log_tab.failure(follow(run.training()), jobs.state(run.training()), "", lang)
    assert not run.model.exists() and not [name for name in tree(run.path) if "/." in f"/{name}"]


class Echo(Hub):
    """A Hub that is broken, and says in its answer who asked."""

    def answer(self, request):
        self.seen.append(request.path)
        token = request.headers.get("authorization", "")
        self.tokens.add(token.removeprefix("Bearer "))
        headers = {"X-Error-Message": f"bad credentials: {token}"}
        self.send(request, 400, json.dumps({"error": f"no {token} here"}).encode(), headers)


@pytest.mark.parametrize("what", ["model", "data"])
def test_no_secret_is_told(recipe_for, tmp_path, what):
    secret, login = "a-secret-of-no-form-91", "user:the-password-82"
    with Echo({}) as hub:
        recipe = recipe_for()
        change = {"model": "someone/private"} if what == "model" else {"data": {"path": "someone/private"}}
        done = train(
            tmp_path, {**recipe, **change}, HF_ENDPOINT=hub.url, HF_TOKEN=secret, FTUI_AUTH=login, HF_HUB_OFFLINE="0", HF_HOME=str(tmp_path / "hf"),
            HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1",
        )  # fmt: skip
        assert secret in hub.tokens, "the token never went out: the test shows nothing"
    assert done.returncode == 2
    everything = done.stdout + done.stderr + "".join(f"{name}{content!r}" for name, content in tree(tmp_path / "home").items())
    assert secret not in everything
    assert "the-password-82" not in everything


def test_what_a_library_says_is_told_without_the_secret(monkeypatch, tmp_path):
    """Sentences, events and the worker's log are the doors through which a library's words come out."""
    from ftui.core.events import Writer

    monkeypatch.setenv("HF_TOKEN", "a-secret-of-no-form-91")
    error = UserError("hub_unreadable", repo="someone/x", problem="Bearer a-secret-of-no-form-91 is not accepted")
    events = Writer(tmp_path / "events.jsonl", 1)
    events.error("internal", "no a-secret-of-no-form-91", details="Bearer a-secret-of-no-form-91")
    events.log("downloading", url="https://me:a-secret-of-no-form-91@hub/x")
    told = [error.message("zh"), str(error), json.dumps(error.as_dict()), (tmp_path / "events.jsonl").read_text()]
    assert all("a-secret" not in text and "***" in text for text in told)


def test_what_is_a_secret(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "abc")
    assert redacted("abc is too short to be told from a word") == "abc is too short to be told from a word"
    monkeypatch.setenv("HF_TOKEN", "something-else-entirely")
    monkeypatch.setenv("FTUI_AUTH", "me:open-sesame")
    monkeypatch.setenv("FTUI_API_KEY", "of-the-server")
    for text in ("Bearer hf_AbCdEfGhIjKlMnOpQrSt", "token something-else-entirely!", "password open-sesame", "key of-the-server", "http://me:pw123@proxy:80/x"):
        assert "***" in redacted(text)
    assert redacted("hf_hub and half_done stay") == "hf_hub and half_done stay"
