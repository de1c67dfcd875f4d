"""Gathers the sentences from which the encoder's [CLS] learns, and what a teacher makes of the English ones:

    python -m ftui.pretraining.sentences --data DIR --tokenizer DIR --teacher DIR --work DIR

The teacher is a sentence encoder whose embedding is the mean of its last layer (all-MiniLM-L6-v2 was used). It only has
to read each sentence once, which takes some minutes; its answers stay in the folder `--work`.
"""

import argparse
import csv
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer

from ftui.pretraining import corpus

LONGEST = 62  # tokens
ENDS = {"zh": r"(?<=[。！？；])|\n", "en": r"(?<=[.!?])\s+|\n"}


@dataclass
class Sentences:
    """Token numbers without [CLS] and [SEP], and the teacher's embeddings, each of length 1, in float16."""

    english: list[np.ndarray]
    chinese: list[np.ndarray]
    english_of_chinese: list[np.ndarray]
    pairs: list[tuple[np.ndarray, np.ndarray]]  # near each other in a document, of either language
    teacher_of_english: torch.Tensor
    teacher_of_chinese: torch.Tensor  # that is, of its English side

    @classmethod
    def read(cls, work: Path) -> "Sentences":
        saved = np.load(work / "sentences.npz")
        lists = {}
        for name in ("english", "chinese", "english_of_chinese", "first", "second"):
            lists[name] = np.split(saved[name], saved[f"{name}_ends"][:-1])
        pairs = list(zip(lists.pop("first"), lists.pop("second"), strict=True))
        teacher = torch.from_numpy(saved["teacher"])
        count = len(lists["english"])
        return cls(**lists, pairs=pairs, teacher_of_english=teacher[:count], teacher_of_chinese=teacher[count:])


def choose(data: Path, dice: random.Random, most: int) -> tuple[list[str], list[tuple[str, str]]]:
    """English sentences for the teacher, and pairs of sentences one or two places apart."""
    english, pairs = [], []
    for language in corpus.LANGUAGES:
        for document in corpus.documents(data, "train", (language,)):
            parts = [part.strip() for part in re.split(ENDS[language], document)]
            if language == "zh":
                parts = [part for part in parts if 8 <= len(part) <= 120]
            else:
                parts = [part for part in parts if 5 <= len(part.split()) <= 40]
                english += dice.sample(parts, min(len(parts), 12 + len(parts) // 4))
            if len(parts) >= 4:
                for at in dice.sample(range(len(parts) - 2), min(len(parts) // 2, 14, len(parts) - 2)):
                    pairs.append((parts[at], parts[at + dice.choice((1, 2))]))
    dice.shuffle(english)
    return english[:most], pairs


@torch.inference_mode()
def teach(folder: str, texts: list[str]) -> np.ndarray:
    """The teacher's embeddings, (texts, width); texts of like length are read together."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    teacher = AutoModel.from_pretrained(folder, dtype=torch.bfloat16).eval()
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    found = np.zeros((len(texts), teacher.config.hidden_size), np.float16)
    for first in range(0, len(order), 256):
        chosen = order[first : first + 256]
        some = [texts[at] for at in chosen]
        batch = tokenizer(some, padding=True, truncation=True, max_length=64, return_tensors="pt")
        hidden, mask = teacher(**batch).last_hidden_state.float(), batch["attention_mask"][..., None]
        found[chosen] = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).half().numpy()
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with the texts and Tatoeba")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the student's")
    parser.add_argument("--teacher", required=True, help="a folder or the name of a model on the Hub")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--most", type=int, default=130_000, help="English sentences for the teacher")
    settings = parser.parse_args(arguments)

    tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer)
    english, pairs = choose(settings.data, random.Random(0), settings.most)
    with (settings.data / "zh_en_translation_tatoeba" / "train.csv").open(encoding="utf-8", newline="") as stream:
        translations = list(csv.DictReader(stream))
    texts = {
        "english": english,
        "chinese": [row["zh"] for row in translations],
        "english_of_chinese": [row["en"] for row in translations],
        "first": [first for first, _ in pairs],
        "second": [second for _, second in pairs],
    }
    arrays = {"teacher": teach(settings.teacher, english + texts["english_of_chinese"])}
    for name, some in texts.items():
        ids = [ids[:LONGEST] for ids in tokenizer(some, add_special_tokens=False, verbose=False)["input_ids"]]
        arrays[name] = np.concatenate([np.array(row, dtype=np.uint16) for row in ids])
        arrays[f"{name}_ends"] = np.cumsum([len(row) for row in ids])

    settings.work.mkdir(parents=True, exist_ok=True)
    unfinished = settings.work / "sentences.unfinished.npz"
    np.savez(unfinished, **arrays)
    os.replace(unfinished, settings.work / "sentences.npz")
    print(f"{len(english):,} sentences, {len(translations):,} translations, {len(pairs):,} pairs")


if __name__ == "__main__":
    main()
