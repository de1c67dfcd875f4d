"""Which texts are the same or nearly so: MinHash over pieces of three characters, the candidates then compared exactly.

Vectorised over all texts at once: 100,000 reviews take some seconds on one core.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
import regex

THRESHOLD = 0.8
LOWEST = 0.7  # below this the bands would miss too many
_PIECE = 3
_BANDS, _BAND = 16, 4  # of two texts that share 80 % at least one band agrees in 99.98 % of all cases, of 70 % in 98.8 %
_SLACK = 0.25  # four standard deviations of the share of equal hashes
_MOST_COMPARED = 300_000  # pairs compared exactly; of more, the hashes' estimate is believed

_NOISE = regex.compile(r"[\p{P}\p{Z}\p{C}~^`|+=<>]+")


def key(text: str) -> str:
    """What is left of a text without width, case, punctuation and spaces: texts with equal keys say the same.

    >>> key("很好，  推荐！") == key("很好推荐"), key("Good.") == key("ＧＯＯＤ"), key("好😊") == key("好😡"), key(" ?! ")
    (True, True, False, '?!')
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _NOISE.sub("", plain) or plain.strip()


def same(keys: Sequence[str]) -> np.ndarray:
    """(N,) for each row the number of the first row with the same key."""
    first: dict[str, int] = {}
    return np.fromiter((first.setdefault(k, i) for i, k in enumerate(keys)), np.int64, len(keys))


def groups(keys: Sequence[str], threshold: float = THRESHOLD) -> np.ndarray:
    """(N,) for each row the number of the first row of its group. Two rows are in one group if a chain of rows joins
    them of which each shares `threshold` (0.7 to 1) of its pieces with the next, or has the same key."""
    of = same(keys)
    chosen = np.flatnonzero((of == np.arange(len(keys))) & (np.fromiter(map(len, keys), np.int64, len(keys)) >= _PIECE))
    if len(chosen) < 2 or threshold >= 1:
        return of
    pairs = _similar([keys[i] for i in chosen], threshold)
    if not len(pairs):
        return of
    return _connected(np.concatenate([chosen[pairs], np.stack([np.arange(len(keys)), of], axis=1)]), len(keys))


def clusters(keys: Sequence[str]) -> np.ndarray:
    """Groups for splitting: as `groups`, but where a chain of likenesses runs through a large part of the rows (texts made
    by one template, say), only equal keys are one group there."""
    found, equal = groups(keys), same(keys)
    sizes = np.bincount(found, minlength=len(keys))
    return np.where(sizes[found] > max(5, len(keys) // 50), equal, found) if len(keys) else found


def joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) groups that hold whole those of `a` and of `b` (each: the number of the first row of a row's group)."""
    rows = np.arange(len(a))
    return _connected(np.concatenate([np.stack([rows, a], axis=1), np.stack([rows, b], axis=1)]), len(a))


def _connected(pairs: np.ndarray, n: int) -> np.ndarray:
    """(N,) for each of n rows the number of the first row that pairs, (P, 2), join it with."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), np.int8)
    _, part = connected_components(coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n)), directed=False)
    _, first, inverse = np.unique(part, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def _similar(texts: list[str], threshold: float) -> np.ndarray:
    """(P, 2) numbers of texts that share so much, each with the lower number first; not all pairs, but enough to join
    what belongs together."""
    hashes = _signatures(texts)
    pairs = _candidates(hashes)
    equal = np.concatenate([(hashes[:, part[:, 0]] == hashes[:, part[:, 1]]).mean(0) for part in _parts(pairs)])
    pairs, equal = pairs[equal >= threshold - _SLACK], equal[equal >= threshold - _SLACK]
    if len(pairs) > _MOST_COMPARED:
        return pairs[equal >= threshold]
    if not len(pairs):
        return pairs
    return pairs[_shares(texts, pairs) >= threshold]


def _parts(pairs: np.ndarray) -> list[np.ndarray]:
    return np.array_split(pairs, max(1, len(pairs) // 100_000))


def _shares(texts: list[str], pairs: np.ndarray) -> np.ndarray:
    """(P,) how much of their pieces the texts of each pair share, from 0 to 1."""
    from scipy.sparse import csr_array

    used, places = np.unique(pairs, return_inverse=True)
    pairs = places.reshape(pairs.shape)
    columns, counts = zip(*(_hashed([texts[i] for i in part]) for part in np.array_split(used, len(used) // 10_000 + 1)), strict=True)
    columns, ends = np.concatenate(columns), np.cumsum(np.concatenate([[0], *counts]))
    has = csr_array((np.ones(len(columns), np.int8), (columns >> np.uint32(1)).astype(np.int32), ends), shape=(len(used), 2**31))
    has.sum_duplicates()
    has.data[:] = 1
    sizes, found = np.diff(has.indptr), []
    for part in np.array_split(pairs, len(pairs) // 20_000 + 1):
        both = has[part[:, 0]].multiply(has[part[:, 1]]).sum(axis=1)
        found.append(both / np.maximum(sizes[part].sum(axis=1) - both, 1))
    return np.concatenate(found)


def _signatures(texts: list[str]) -> np.ndarray:
    """(64, N) MinHashes of the texts' pieces; each text is at least one piece long."""
    made, start, size = [], 0, 0
    for i, text in enumerate(texts):  # so many at a time that memory stays small
        size += len(text)
        if size > 2_000_000 or i == len(texts) - 1:
            made.append(_some_signatures(texts[start : i + 1]))
            start, size = i + 1, 0
    return np.concatenate(made, axis=1)


def _hashed(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(a number for each piece of all texts, one text after the other; (N,) how many pieces each has)."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    code = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    mixed = code[:-2] * np.uint64(0x9E3779B97F4A7C15) ^ code[1:-1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= code[2:] * np.uint64(0x165667B19E3779F9)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    piece = (mixed >> np.uint64(32)).astype(np.uint32)
    ends = np.cumsum(lengths)
    within = np.ones(len(code), bool)  # a piece begins at each character but the last two of its text
    within[ends - 1] = within[ends - 2] = False
    return piece[within[: len(piece)]], lengths - (_PIECE - 1)


def _some_signatures(texts: list[str]) -> np.ndarray:
    piece, counts = _hashed(texts)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rng = np.random.default_rng(20240229)
    found = np.empty((_BANDS * _BAND, len(texts)), np.uint32)
    for row in found:
        add, by = rng.integers(0, 2**32, 2, dtype=np.uint32)
        hashed = (piece ^ add) * (by | np.uint32(1))
        hashed ^= hashed >> np.uint32(15)
        row[:] = np.minimum.reduceat(hashed, starts)
    return found


def _candidates(hashes: np.ndarray) -> np.ndarray:
    """Texts that agree in a whole band: each with the first of those that do, and with the one before it."""
    found = []
    for band in hashes.reshape(_BANDS, _BAND, -1):
        mark = np.zeros(band.shape[1], np.uint64)
        for row in band:
            mark = mark * np.uint64(0x9E3779B97F4A7C15) + row
        order = np.argsort(mark, kind="stable")
        again = np.concatenate([[False], mark[order][1:] == mark[order][:-1]])
        first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
        before = np.concatenate([order[:1], order[:-1]])
        found += [np.stack([other[again], order[again]], axis=1) for other in (first, before)]
    return np.unique(np.concatenate(found), axis=0)
