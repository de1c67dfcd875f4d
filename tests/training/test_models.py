"""Models from folders and from a Hub, through the real client against a Hub on this machine."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch

from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.training import models
from tests.conftest import REPO
from tests.hub import Hub

FETCH = """
import sys
from pathlib import Path
from ftui.core.errors import UserError
from ftui.core.events import Writer
from ftui.training import models
try:
    print(models.source(sys.argv[1], Writer(Path(sys.argv[2]), 1)))
except UserError as error:
    print(error.code)
"""


def fetch(name: str, cache, **environment: str) -> str:
    """What `models.source` says in a fresh process: the client reads its environment when it is imported."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", **environment}
    command = [sys.executable, "-c", FETCH, name, str(cache) + ".events"]
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_a_model_is_downloaded_from_the_mirror_with_the_token_and_then_works_offline(toy_model, tmp_path):
    with Hub({"someone/toy": toy_model}) as hub:
        folder = fetch("someone/toy", tmp_path, HF_ENDPOINT=hub.url, HF_TOKEN="hf_made_up_for_this_test")
        assert "hf_made_up_for_this_test" in hub.tokens
        assert not any(path.endswith((".bin", ".py")) for path in hub.seen)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(os.listdir(folder))
    assert fetch("someone/toy", tmp_path, HF_HUB_OFFLINE="1") == folder
    events = tmp_path.with_name(tmp_path.name + ".events")
    assert not events.exists() or "hf_made_up" not in events.read_text()


def test_what_the_hub_has_not_or_will_not_give(toy_model, tmp_path):
    with Hub({"someone/toy": toy_model}, gated={"someone/gated"}) as hub:
        assert fetch("someone/missing", tmp_path, HF_ENDPOINT=hub.url) == "model_unknown"
        assert fetch("someone/gated", tmp_path, HF_ENDPOINT=hub.url) == "model_gated"
    assert fetch("someone/never", tmp_path, HF_ENDPOINT=hub.url) == "model_no_network"  # the server is gone


def load(folder, **training):
    from ftui.tasks import text_classification as task

    recipe = recipes.build({"data": {"path": "x"}, "training": training})
    return models.load(str(folder), recipe, lambda source, **o: task.load_model(source, ["a", "b", "c"], **o), None)


def test_a_local_folder_becomes_a_classifier_in_float32(toy_model):
    model, tokenizer = load(toy_model, classifier_dropout=0.4)
    assert model.config.num_labels == 3
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.dropout.p == 0.4
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_bin_weights_are_read_without_unpickling_code(toy_model, tmp_path):
    from transformers import BertModel

    folder = tmp_path / "bin"
    shutil.copytree(toy_model, folder)
    state = BertModel.from_pretrained(toy_model).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    model, _ = load(folder)
    torch.testing.assert_close(model.bert.embeddings.word_embeddings.weight.data, state["embeddings.word_embeddings.weight"])

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"x": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(UserError) as caught:
        load(folder)
    assert caught.value.code in ("model_without_weights", "model_config_unreadable")
    assert not (tmp_path / "owned").exists()


def broken(toy_model, tmp_path, change):
    folder = tmp_path / "broken"
    shutil.copytree(toy_model, folder)
    change(folder)
    return folder


def no_tokenizer(folder):
    for path in folder.glob("*token*"):
        path.unlink()


def other_family(folder):
    config = {"model_type": "vit", "architectures": ["ViTModel"]}
    (folder / "config.json").write_text(json.dumps(config))


def remote_code(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "my_own", "auto_map": {"AutoConfig": "code.Mine", "AutoModelForSequenceClassification": "code.Mine"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('remote code ran')")


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda f: (f / "config.json").write_text("{"), {"model_config_unreadable"}),
        (lambda f: (f / "model.safetensors").unlink(), {"model_without_weights"}),
        (lambda f: (f / "model.safetensors").write_bytes(b"rubbish" * 99), {"model_without_weights", "model_config_unreadable"}),
        (no_tokenizer, {"model_without_tokenizer"}),
        (other_family, {"model_wrong_family", "model_without_tokenizer"}),
        (remote_code, {"model_config_unreadable"}),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(toy_model, tmp_path, change, codes):
    with pytest.raises(UserError) as caught:
        load(broken(toy_model, tmp_path, change))
    assert caught.value.code in codes
    assert "\n" not in str(caught.value)


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError) as caught:
        models.local(str(tmp_path))
    assert caught.value.code == "model_folder_empty"


@pytest.mark.parametrize(
    ("wanted", "longest", "expected"), [("auto", 20, 20), ("auto", 3, 8), ("auto", 900, 64), (32, 900, 32), (900, 20, 64)]
)
def test_max_length_stays_within_the_model(toy_model, wanted, longest, expected):
    model, tokenizer = load(toy_model)
    assert models.max_length(wanted, longest, tokenizer, model.config) == expected


def test_a_device_that_is_not_there():
    there = models.device("auto")
    missing = next(d for d in ("cuda", "mps") if d != there)
    with pytest.raises(UserError):
        models.device(missing)
