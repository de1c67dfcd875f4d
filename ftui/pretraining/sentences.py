"""Gathers the sentences from which the encoder's [CLS] learns, and what a teacher makes of the English ones:

    python -m ftui.pretraining.sentences --data DIR --tokenizer DIR --teacher DIR --work DIR

The teacher is a sentence encoder whose embedding is the mean of its last layer (all-MiniLM-L6-v2 was used). It reads each
sentence once, some ten minutes on two cores; its answers, one vector for each sentence and one for each word in its
sentence, stay in the folder `--work`.
"""

import argparse
import bisect
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
WORD_WIDTH = 128  # of the teacher's word vectors, their leading directions: nine tenths of what they say
ENDS = {"zh": r"(?<=[。！？；])|\n", "en": r"(?<=[.!?])\s+|\n"}


@dataclass
class Sentences:
    """Token numbers without [CLS] and [SEP], and the teacher's embeddings, each of length 1, in float16."""

    english: list[np.ndarray]
    chinese: list[np.ndarray]
    english_of_chinese: list[np.ndarray]
    pairs: list[tuple[np.ndarray, np.ndarray]]  # Chinese, near each other in a document
    teacher_of_english: torch.Tensor
    teacher_of_chinese: torch.Tensor  # that is, of its English side
    words_of_english: list[np.ndarray]  # for each token the number of its word in the sentence
    teacher_words: np.ndarray  # (words of all English sentences, WORD_WIDTH), of mean square 1, read from the disk as needed
    first_words: np.ndarray  # where each sentence's begin there, and at last where they end
    word_mean: np.ndarray  # (teacher's width,), and the directions, (teacher's width, WORD_WIDTH), that make them of its last layer
    word_directions: np.ndarray

    @classmethod
    def read(cls, work: Path) -> "Sentences":
        saved = np.load(work / "sentences.npz")
        lists = {}
        for name in ("english", "chinese", "english_of_chinese", "first", "second"):
            lists[name] = np.split(saved[name], saved[f"{name}_ends"][:-1])
        pairs = list(zip(lists.pop("first"), lists.pop("second"), strict=True))
        teacher = torch.from_numpy(saved["teacher"])
        count = len(lists["english"])
        return cls(
            **lists,
            pairs=pairs,
            teacher_of_english=teacher[:count],
            teacher_of_chinese=teacher[count:],
            words_of_english=np.split(saved["words"], saved["english_ends"][:-1]),
            teacher_words=np.load(work / "words.npy", mmap_mode="r"),
            first_words=saved["first_words"],
            word_mean=saved["word_mean"],
            word_directions=saved["word_directions"],
        )

    def directions(self) -> dict[str, torch.Tensor]:
        """The layer that makes the teacher's words, as they are here, of its last layer's vectors."""
        weight = torch.from_numpy(self.word_directions).T.contiguous()
        return {"weight": weight, "bias": -weight @ torch.from_numpy(self.word_mean)}


def choose(data: Path, dice: random.Random, most: int) -> tuple[list[str], list[tuple[str, str]]]:
    """English sentences for the teacher, and pairs of Chinese sentences, which have none, one or two places apart."""
    english, pairs = [], []
    for language in corpus.LANGUAGES:
        for document in corpus.documents(data, "train", (language,)):
            parts = [part.strip() for part in re.split(ENDS[language], document)]
            if language == "en":
                parts = [part for part in parts if 5 <= len(part.split()) <= 40]
                english += parts
                english += [part_of(part, dice) for part in parts if len(part.split()) >= 12 and dice.random() < 0.5]
                continue
            parts = [part for part in parts if 8 <= len(part) <= 120]
            if len(parts) >= 4:
                for at in dice.sample(range(len(parts) - 2), min(len(parts) // 2, 14, len(parts) - 2)):
                    pairs.append((parts[at], parts[at + dice.choice((1, 2))]))
    dice.shuffle(english)
    return english[:most], pairs


def part_of(sentence: str, dice: random.Random) -> str:
    """3 to 10 words that follow each other: as short as what people ask or type."""
    words = sentence.split()
    length = dice.randint(3, 10)
    begin = dice.randrange(len(words) - length + 1)
    return " ".join(words[begin : begin + length])


def words_of(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    """For each token the number of the word between spaces that it begins in."""
    starts = [at for at, letter in enumerate(text) if not letter.isspace() and (at == 0 or text[at - 1].isspace())]
    return [bisect.bisect_right(starts, begin) - 1 for begin, _ in offsets]


class Teacher:
    def __init__(self, folder: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder, dtype=torch.bfloat16).eval()

    @torch.inference_mode()
    def read(self, texts: list[str]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The embeddings of the texts, (texts, width), and of each text's words, (words, width), as far as it reads."""
        batch = self.tokenizer(
            texts, padding=True, truncation=True, max_length=64, return_tensors="pt", return_offsets_mapping=True
        )
        offsets, mask = batch.pop("offset_mapping"), batch["attention_mask"]
        hidden = self.model(**batch).last_hidden_state.float()
        whole = F.normalize((hidden * mask[..., None]).sum(1) / mask[..., None].sum(1), dim=-1)
        words = []
        for text, places, vectors, length in zip(texts, offsets.tolist(), hidden, mask.sum(1).tolist(), strict=True):
            which = torch.tensor(words_of(text, places[1 : length - 1]))
            words.append(averages(vectors[1 : length - 1], which, int(which.max()) + 1))
        return whole, words


def averages(vectors: torch.Tensor, which: torch.Tensor, count: int) -> torch.Tensor:
    """Row n is the mean of the `vectors` whose `which` is n, (count, width)."""
    total = vectors.new_zeros(count, vectors.shape[1]).index_add(0, which, vectors)
    return total / torch.bincount(which, minlength=count).clamp(min=1)[:, None]


def leading(vectors: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of `vectors` and their `width` leading directions, scaled so that what is projected on them has the mean
    square 1 per number; the directions keep their shares."""
    mean = vectors.mean(0)
    _, size, directions = torch.linalg.svd(vectors - mean, full_matrices=False)
    variance = size[:width].square().mean() / len(vectors)
    return mean, directions[:width].T / variance.sqrt()


def teach(teacher: Teacher, texts: list[str], words: Path | None = None) -> dict[str, np.ndarray]:
    """The teacher's embeddings, (texts, width); with `words`, a file that is written, also where each text's words begin in
    it, and by which mean and directions they were made. Texts of like length are read together."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    found = np.zeros((len(texts), teacher.model.config.hidden_size), np.float16)
    first = np.concatenate([[0], np.cumsum([len(text.split()) for text in texts])])
    if words:
        mean, directions = leading(torch.cat(teacher.read(random.Random(0).sample(texts, min(len(texts), 1000)))[1]), WORD_WIDTH)
        kept = np.lib.format.open_memmap(words, "w+", np.float16, (int(first[-1]), directions.shape[1]))
    for begin in range(0, len(order), 256):
        chosen = order[begin : begin + 256]
        whole, each = teacher.read([texts[at] for at in chosen])
        found[chosen] = whole.half().numpy()
        if words:
            for at, vectors in zip(chosen, each, strict=True):
                kept[first[at] : first[at] + len(vectors)] = ((vectors - mean) @ directions).half().numpy()
    if not words:
        return {"teacher": found}
    return {"teacher": found, "first_words": first, "word_mean": mean.numpy(), "word_directions": directions.numpy()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with the texts and Tatoeba")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the student's")
    parser.add_argument("--teacher", required=True, help="a folder or the name of a model on the Hub")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--most", type=int, default=400_000, help="English sentences for the teacher")
    settings = parser.parse_args(arguments)

    settings.work.mkdir(parents=True, exist_ok=True)
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
    teacher = Teacher(settings.teacher)
    arrays = teach(teacher, english, settings.work / "words.npy")
    of_chinese = teach(teacher, texts["english_of_chinese"])["teacher"]
    arrays["teacher"] = np.concatenate([arrays["teacher"], of_chinese])
    for name, some in texts.items():
        read = tokenizer(some, add_special_tokens=False, verbose=False, return_offsets_mapping=name == "english")
        ids = [ids[:LONGEST] for ids in read["input_ids"]]
        arrays[name] = np.concatenate([np.array(row, dtype=np.uint16) for row in ids])
        arrays[f"{name}_ends"] = np.cumsum([len(row) for row in ids])
        if name == "english":
            words = [words_of(text, places[:LONGEST]) for text, places in zip(some, read["offset_mapping"], strict=True)]
            arrays["words"] = np.concatenate([np.array(row, dtype=np.uint8) for row in words])

    unfinished = settings.work / "sentences.unfinished.npz"
    np.savez(unfinished, **arrays)
    os.replace(unfinished, settings.work / "sentences.npz")
    print(f"{len(english):,} sentences, {len(translations):,} translations, {len(pairs):,} pairs")


if __name__ == "__main__":
    main()
