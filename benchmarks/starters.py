"""The table "Starter models" of the README: how much the starter models' pre-training is worth.

    python benchmarks/starters.py accuracy [--sets NAME ...] [--rows 200 1000 0] [--seeds 3] [--models DIR ...]
    python benchmarks/starters.py spans [--seeds 3] [--models DIR ...]
    python benchmarks/starters.py perplexity
    python benchmarks/starters.py samples
    python benchmarks/starters.py translations [--models DIR]
    python benchmarks/starters.py coverage
    python benchmarks/starters.py loading

`accuracy` tunes starter-encoder and the same network with random weights by a plain loop (the product's own learning
rate and epochs), and TF-IDF with logistic regression (characters 1-2 for Chinese, words 1-2 for English, C=10) on the
same rows, and measures all on the data set's test file. Rows 0 stands for all. `spans` is named entities and extractive
questions, trained by the product itself as its defaults say. What has been measured is kept in `--kept`, so that a run can
be broken off and gone on with.
"""

import argparse
import csv
import gzip
import json
import math
import os
import random
import statistics
import sys
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
STARTERS = REPO / "assets" / "starter"
SETS = {
    "zh_sentiment_reviews": "label",
    "zh_topic_csl": "label",
    "en_sentiment_mr": "label",
    "en_topic_clinc150": "domain",
}


def read(name: str, part: str) -> tuple[list[str], list[str]]:
    with (DATA / name / f"{part}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row[SETS[name]] for row in rows]


def chosen(name: str, rows: int, seed: int) -> tuple[list[str], list[str]]:
    texts, labels = read(name, "train")
    places = random.Random(seed).sample(range(len(texts)), min(rows or len(texts), len(texts)))
    return [texts[at] for at in places], [labels[at] for at in places]


# --- accuracy ---------------------------------------------------------------------------------------------------------


def by_length(rows: list[list[int]], size: int) -> list[list[int]]:
    """Batches of places of rows of like length."""
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    return [order[at : at + size] for at in range(0, len(order), size)]


def tuned(folder: Path, random_weights: bool, name: str, rows: int, seed: int) -> float:
    import torch
    from torch.nn import functional as F
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    from ftui.core.recipe import Recipe
    from ftui.training.batching import FEWEST

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    texts, labels = chosen(name, rows, seed)
    test_texts, test_labels = read(name, "test")
    kinds = sorted(set(read(name, "train")[1]))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
    test_ids = tokenizer(test_texts, truncation=True, max_length=256)["input_ids"]
    targets = torch.tensor([kinds.index(label) for label in labels])

    def padded(some: list[list[int]]) -> dict:
        return tokenizer.pad({"input_ids": some}, return_tensors="pt")

    torch.manual_seed(seed)
    dice = random.Random(seed)
    config = AutoConfig.from_pretrained(folder, num_labels=len(kinds))
    kind = AutoModelForSequenceClassification
    model = kind.from_config(config) if random_weights else kind.from_pretrained(folder, config=config)
    recipe = Recipe.model_validate({"data": {"path": "unused.csv"}})
    highest, epochs = recipe.learning_rate(model.num_parameters()), int(recipe.epochs(len(ids)))
    optimiser = torch.optim.AdamW(model.parameters(), lr=highest, weight_decay=0.01, fused=True)
    steps = []
    for _ in range(epochs):
        mixed = dice.sample(range(len(ids)), len(ids))
        size = 800 if len(ids) >= 16 * FEWEST else 16  # as the product has it
        pools = [mixed[at : at + size] for at in range(0, len(mixed), size)]
        batches = [[pool[at] for at in batch] for pool in pools for batch in by_length([ids[at] for at in pool], 16)]
        steps += dice.sample(batches, len(batches))

    model.train()
    for number, batch in enumerate(steps):
        done = number / len(steps)
        optimiser.param_groups[0]["lr"] = highest * min(done / 0.1, (1 - done) / 0.9)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(**padded([ids[at] for at in batch])).logits
        F.cross_entropy(logits.float(), targets[batch]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    model.eval()
    right = 0
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for batch in by_length(test_ids, 64):
            guesses = model(**padded([test_ids[at] for at in batch])).logits.argmax(-1).tolist()
            right += sum(kinds[guess] == test_labels[at] for guess, at in zip(guesses, batch, strict=True))
    return right / len(test_ids)


def tfidf(name: str, rows: int, seed: int) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(analyzer="char" if name.startswith("zh") else "word", ngram_range=(1, 2))
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=1000))
    return model.fit(*chosen(name, rows, seed)).score(*read(name, "test"))


def accuracy(options) -> None:
    kept = json.loads(options.kept.read_text()) if options.kept.exists() else {}
    ways = {"TF-IDF": tfidf}
    for folder in options.models:
        ways[folder.name] = lambda *what, folder=folder: tuned(folder, False, *what)
    ways["random weights"] = lambda *what: tuned(options.models[0], True, *what)
    for seed in range(options.seeds):
        for rows in options.rows:
            for name in options.sets:
                for way, measure in ways.items():
                    key = f"{name} {rows} {way} {seed}"
                    if key not in kept:
                        began = time.perf_counter()
                        kept[key] = measure(name, rows, seed)
                        options.kept.write_text(json.dumps(kept, indent=1))
                        print(f"{key}: {kept[key]:.3f} ({time.perf_counter() - began:.0f} s)", flush=True)
    print("| data | rows | " + " | ".join(ways) + " |\n" + "| --- " * (2 + len(ways)) + "|")
    for rows in options.rows:
        sums: dict[str, list[float]] = {}
        for name in options.sets:
            cells = []
            for way in ways:
                values = [kept[f"{name} {rows} {way} {seed}"] for seed in range(options.seeds)]
                cells.append(f"{statistics.mean(values):.3f}")
                sums.setdefault(way, []).append(statistics.mean(values))
            print(f"| {name} | {rows or 'all'} | " + " | ".join(cells) + " |")
        print(f"| mean | {rows or 'all'} | " + " | ".join(f"{statistics.mean(v):.3f}" for v in sums.values()) + " |")


# --- entities and answers ---------------------------------------------------------------------------------------------

SPANS = {
    "zh_ner_uner": {"task": "token-classification", "train": "train.conll", "test": "test.conll", "scores": ["f1"]},
    "zh_qa_cmrc2018": {
        "task": "question-answering",
        "train": "train.json.gz",
        "test": "test.json",
        "scores": ["exact_match", "f1"],
        "epochs": 2,
    },
}


def with_random_weights(model: Path, work: Path) -> Path:
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, set_seed

    folder = work / f"{model.name}-random"
    if not folder.exists():
        set_seed(1)
        AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(model)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def spans(options) -> None:
    from benchmarks.following import finished
    from ftui import jobs
    from ftui.core import recipe
    from ftui.core.home import Home

    work = options.kept.parent
    kept = json.loads(options.kept.read_text()) if options.kept.exists() else {}
    models = {model.name: model for model in options.models}
    models["random weights"] = with_random_weights(options.models[0], work)
    for seed in range(options.seeds):
        for name, about in SPANS.items():
            for way, model in models.items():
                key = f"{name} {way} {seed}"
                if key in kept:
                    continue
                data = {"path": str(DATA / name / about["train"]), "test_path": str(DATA / name / about["test"])}
                training = {"seed": seed, "num_train_epochs": about.get("epochs", "auto")}
                content = {"task": about["task"], "model": str(model), "data": data, "training": training}
                run = jobs.start_training(recipe.build(content), Home(work / "home"))
                finished(run.training())
                test = json.loads(run.report.read_text(encoding="utf-8"))["splits"]["test"]
                kept[key] = [test["metrics"][score] for score in about["scores"]]
                options.kept.write_text(json.dumps(kept, indent=1))
                print(f"{key}: {kept[key]}", flush=True)
    print("| data | score | " + " | ".join(models) + " |\n" + "| --- " * (2 + len(models)) + "|")
    for name, about in SPANS.items():
        for place, score in enumerate(about["scores"]):
            means = [
                statistics.mean(kept[f"{name} {way} {seed}"][place] for seed in range(options.seeds)) for way in models
            ]
            print(f"| {name} | {score} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


# --- perplexity -------------------------------------------------------------------------------------------------------


def nats(model, tokenizer, text: str, longest: int = 512, step: int = 256) -> float:
    """Of a whole text; every token but those of the first window is guessed from at least `longest - step` before it."""
    import torch

    ids = torch.tensor([tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]])
    total, first = 0.0, 1
    while first < len(ids):
        last = min(len(ids), max(longest, first + step)) if first == 1 else min(len(ids), first + step)
        window = ids[max(0, last - longest) : last]
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            count = last - first
            logits = model(input_ids=window[None], logits_to_keep=count + 1).logits[0, :-1].float()
        total += float(torch.nn.functional.cross_entropy(logits, ids[first:last], reduction="sum"))
        first = last
    return total


def perplexity(options) -> None:
    from ngrams import Trigrams
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ftui.pretraining import corpus

    folder = STARTERS / "starter-lm"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    print("| perplexity per character | 3-gram Kneser-Ney | starter-lm | below |\n| --- | --- | --- | --- |")
    for language in corpus.LANGUAGES:
        held_out = list(corpus.documents(DATA, "validation", (language,)))
        ours = math.exp(sum(nats(model, tokenizer, text) for text in held_out) / sum(map(len, held_out)))
        baseline = Trigrams("\n".join(corpus.documents(DATA, "train", (language,)))).perplexity("\n".join(held_out))
        print(f"| {language}_text | {baseline:.2f} | {ours:.2f} | {1 - ours / baseline:.0%} |", flush=True)


def samples(options) -> None:
    """Ten continuations in each language, chosen by no one: how the first ten held-out documents begin, seeds 0 to 9."""
    from itertools import islice

    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    from ftui.pretraining import corpus

    folder = STARTERS / "starter-lm"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    for language, length in (("zh", 16), ("en", 40)):
        for seed, text in enumerate(islice(corpus.documents(DATA, "validation", (language,)), 10)):
            set_seed(seed)
            begun = tokenizer.bos_token + text[:length].strip()
            ids = tokenizer(begun, return_tensors="pt")
            written = model.generate(**ids, max_new_tokens=48, do_sample=True, top_p=0.9, temperature=0.8)[0]
            rest = tokenizer.decode(written[ids["input_ids"].shape[1] :], skip_special_tokens=True)
            shown = (" ".join(part.split()) for part in (text[:length], rest))
            print("- **{}** {}".format(*shown), flush=True)


def translations(options) -> None:
    """starter-seq2seq on the first 400 test pairs, each way, always the likeliest token: chrF, and the first six of them."""
    import sacrebleu
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = next((path for path in options.models if "seq2seq" in path.name), STARTERS / "starter-seq2seq")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    with (DATA / "zh_en_translation_tatoeba" / "test.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:400]
    for name, source, target in (("English", "zh", "en"), ("Chinese", "en", "zh")):
        written: list[str] = []
        for at in range(0, len(rows), 50):
            batch = [f"translate to {name}: {row[source]}" for row in rows[at : at + 50]]
            with torch.inference_mode():
                ids = model.generate(
                    **tokenizer(batch, padding=True, return_tensors="pt"), max_new_tokens=40, num_beams=1
                )
            written += tokenizer.batch_decode(ids, skip_special_tokens=True)
        score = sacrebleu.corpus_chrf(written, [[row[target] for row in rows]]).score
        print(f"into {name}: chrF {score:.1f}")
        for row, text in list(zip(rows, written, strict=True))[:6]:
            print(f"- {row[source]} → **{text}** ({row[target]})", flush=True)


# --- coverage and loading ---------------------------------------------------------------------------------------------


def texts_of(path: Path) -> str:
    opener = gzip.open if path.suffix == ".gz" else open
    encoding = "gb18030" if "gbk" in path.name else "utf-8"
    with opener(path, "rt", encoding=encoding, errors="replace") as stream:
        return stream.read(1_000_000)


def coverage(options) -> None:
    """Of the first million characters of each file: unknown tokens, and characters in a token."""
    from transformers import AutoTokenizer

    tokenizers = {path.name: AutoTokenizer.from_pretrained(path) for path in sorted(STARTERS.iterdir())}
    print("| data | " + " | ".join(f"{name}: unknown, characters per token" for name in tokenizers) + " |")
    print("| --- " * (1 + len(tokenizers)) + "|")
    for folder in sorted(path for path in DATA.iterdir() if path.is_dir()):
        cells = []
        text = "\n".join(texts_of(path) for path in sorted(folder.iterdir()) if path.is_file())
        for tokenizer in tokenizers.values():
            ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            unknown = 0 if tokenizer.unk_token_id is None else ids.count(tokenizer.unk_token_id)
            cells.append(f"{unknown}, {len(text) / len(ids):.2f}")
        print(f"| {folder.name} | " + " | ".join(cells) + " |", flush=True)


def loading(options) -> None:
    """Seconds, the median of five, in a process that has imported transformers; and what lies on the disk."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

    kinds = {"starter-encoder": AutoModelForMaskedLM, "starter-lm": AutoModelForCausalLM}
    print("| model | parameters | MB | seconds to load |\n| --- | --- | --- | --- |")
    for folder in sorted(STARTERS.iterdir()):
        kind, seconds = kinds.get(folder.name, AutoModelForSeq2SeqLM), []
        for _ in range(5):
            began = time.perf_counter()
            AutoTokenizer.from_pretrained(folder)
            model = kind.from_pretrained(folder)
            seconds.append(time.perf_counter() - began)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        print(f"| {folder.name} | {model.num_parameters():,} | {size:.1f} | {statistics.median(seconds):.2f} |")


WAYS = {
    "accuracy": accuracy,
    "spans": spans,
    "perplexity": perplexity,
    "samples": samples,
    "translations": translations,
    "coverage": coverage,
    "loading": loading,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(WAYS))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--rows", nargs="+", type=int, default=[200, 1000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", type=Path, default=[STARTERS / "starter-encoder"])
    parser.add_argument("--kept", type=Path, default=REPO / ".work" / "starters.json")
    options = parser.parse_args()
    options.kept.parent.mkdir(parents=True, exist_ok=True)
    WAYS[options.what](options)


if __name__ == "__main__":
    main()
