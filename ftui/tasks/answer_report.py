"""From true and given answers to the plain data that the evaluation tab draws."""

from __future__ import annotations

import string
import unicodedata
from collections import Counter

import numpy as np

from ftui.tasks.resampling import drawn, ends
from ftui.tasks.texts import PIECES

LENGTHS = (3, 8, 16, 32)  # characters, or words where they have blanks between: upper ends of the groups
_ARTICLES = {"a", "an", "the"}
_LEFT_OUT = str.maketrans("", "", string.punctuation)


def pieces(answer: str) -> list[str]:
    """What is compared: words in small letters without articles, hanzi singly, no punctuation, not even inside of a word.

    As in SQuAD's script (Rajpurkar et al., 2016), and by characters for Chinese as in CMRC's (Cui et al., 2019).

    >>> pieces("The wrought-iron tower, $1,889"), pieces("在北京大学。")
    (['wroughtiron', 'tower', '1889'], ['在', '北', '京', '大', '学'])
    """
    plain = unicodedata.normalize("NFKC", answer).lower().translate(_LEFT_OUT)
    return [piece for piece in PIECES.findall(plain) if piece not in _ARTICLES]


def scores(references: list[str], answer: str) -> tuple[float, float]:
    """(exact match, F1) of an answer: those of the reference that it comes closest to. Where there is no reference, an
    empty answer is right."""
    if not references:
        right = float(not answer.strip())
        return right, right
    said = pieces(answer)
    best = (0.0, 0.0)
    for reference in references:
        true = pieces(reference)
        shared = sum((Counter(said) & Counter(true)).values())
        if said or true:
            found = float(said == true), 2 * shared / (len(said) + len(true))
        else:  # signs alone
            found = (float(answer.strip() == reference.strip()),) * 2
        best = max(best[0], found[0]), max(best[1], found[1])
    return best


def build(references: list[list[str]], answers: list[str]) -> dict:
    """Lists of true answers for each question, and what was answered, give metrics and groups of one split."""
    found = np.array([scores(r, a) for r, a in zip(references, answers, strict=True)]).reshape(-1, 2)
    lengths = np.array([len(pieces(r[0])) if r else 0 for r in references])
    groups = []
    for low, high in zip((0, *LENGTHS), (*LENGTHS, 10**9), strict=True):
        inside = (lengths > low) & (lengths <= high)
        if inside.any():
            name = f"{low + 1}–{high}" if high < 10**9 else f"> {low}"
            groups.append({"name": name, "rows": int(inside.sum()), **_means(found[inside])})
    empty = np.array([not r for r in references], bool)
    silent = np.array([not a.strip() for a in answers], bool)
    return {
        "rows": len(references),
        "metrics": _means(found),
        "interval": _interval(found),
        "by_length": groups,
        "no_answer": {
            "questions": int(empty.sum()), "right": int((empty & silent).sum()), "silent_though_answerable": int((~empty & silent).sum()),
        },
    }  # fmt: skip


def _means(found: np.ndarray) -> dict[str, float]:
    exact, f1 = found.mean(0) if len(found) else (0.0, 0.0)
    return {"f1": float(f1), "exact_match": float(exact)}


def _interval(found: np.ndarray) -> dict[str, list[float]]:
    """Bootstrap intervals: questions drawn with replacement."""
    if not len(found):
        return {}
    exact, f1 = drawn(found).T / len(found)
    return {"exact_match": ends(exact), "f1": ends(f1)}
