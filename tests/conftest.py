"""What tests share: a home of their own, a small model that they make, one run trained from it."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False", FTUI_LANG="en", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
os.environ.pop("FTUI_HOME", None)

REPO = Path(__file__).parents[1]

GOOD = ["很好", "喜欢", "满意", "推荐", "excellent", "lovely", "happy", "great"]
BAD = ["很差", "讨厌", "失望", "糟糕", "awful", "broken", "angry", "poor"]
FILLER = ["这个", "东西", "用了", "一天", "the", "thing", "was", "really", "今天", "收到", "and", "so"]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; the test is skipped where it is missing, but never in CI."""
    folder = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no test data in {folder}")
        pytest.skip("no test data")
    return folder


def reviews(rows: int, seed: int = 0) -> list[tuple[str, str]]:
    """Made-up reviews that a small model learns in a moment."""
    rng = random.Random(seed)
    made = []
    for i in range(rows):
        words = BAD if i % 2 else GOOD
        text = [*rng.choices(words, k=3), *rng.choices(FILLER, k=rng.randint(1, 9))]
        rng.shuffle(text)
        made.append((" ".join(text), "负面" if i % 2 else "正面"))
    return made


def write_csv(path: Path, rows: list[tuple[str, str]], header: str = "评论内容,情感标签") -> Path:
    path.write_text(header + "\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def toy_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("toy") / "reviews.csv", reviews(300))


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small two-layer BERT and its tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *FILLER]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder = tmp_path_factory.mktemp("models") / "toy-bert"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    model = BertModel(config)
    with torch.no_grad():  # as if it had been pre-trained: good words lie on one side, bad ones on the other
        for word in GOOD + BAD:
            model.embeddings.word_embeddings.weight[vocabulary.index(word), :8] = 1.0 if word in GOOD else -1.0
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def recipe_for(toy_csv: Path, toy_model: Path) -> Callable[..., dict]:
    """A recipe as plain data, quick to train; keyword arguments change its parts."""

    def make(strategy: dict | None = None, **training: object) -> dict:
        return {
            "version": 1,
            "model": str(toy_model),
            "data": {"path": str(toy_csv)},
            "strategy": strategy or {"name": "full"},
            "training": {"num_train_epochs": 2, "learning_rate": 3e-3, "bf16": False, **training},
            "device": "cpu",
        }

    return make


def cli(*arguments: object, home: Path, check: int | None = 0, **environment: str) -> subprocess.CompletedProcess:
    """python -m ftui ... in a process of its own; `check` is the exit code that is expected."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "ftui", *map(str, arguments), "--home", str(home)],
        cwd=REPO, capture_output=True, text=True, timeout=300, env={**os.environ, **environment},
    )  # fmt: skip
    if check is not None:
        assert done.returncode == check, done.stderr + done.stdout
    return done


def wait_for(what: Callable[[], object], timeout: float = 90.0) -> object:
    """The first true answer, or a failure that says how long it waited."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        answer = what()
        if answer:
            return answer
        time.sleep(0.05)
    pytest.fail(f"still not after {timeout} s: {what}")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, recipe_for: Callable[..., dict]) -> dict:
    """One finished LoRA run, made by the command line: {"home", "run", "line", "stderr"}."""
    import yaml

    from ftui.core.home import Home

    folder = tmp_path_factory.mktemp("trained")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(recipe_for({"name": "lora", "target_modules": "all-linear"}, num_train_epochs=8, learning_rate=1e-2), allow_unicode=True))
    done = cli("train", recipe, home=folder / "home")
    line = json.loads(done.stdout.strip().splitlines()[-1])
    home = Home(folder / "home")
    return {"home": home, "run": home.run(line["run"]), "line": line, "stderr": done.stderr}


@pytest.fixture(scope="session", autouse=True)
def _no_worker_is_left_over():
    """Whatever a test has left working is killed at the end."""
    yield
    from ftui import jobs

    for process in jobs._spawned:
        process.kill()
        process.wait()
