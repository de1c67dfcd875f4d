"""Which texts are the same or nearly so: MinHash over pieces of three characters, the candidates then compared exactly.

Vectorised over all texts at once: 100,000 reviews take some seconds on one core.
"""

import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
import regex

from ftui.data import characters

THRESHOLD = 0.8
_PIECE = 3
_BANDS, _BAND = 16, 4  # of two texts that share 80 % at least one band agrees in 99.98 % of all cases, of 70 % in 98.8 %
_SLACK = 0.25  # four standard deviations of the share of equal hashes
_CACHED = 100_000  # characters at a time that are hashed: what a processor's cache holds
_MOST_COMPARED = 300_000  # pairs compared exactly; of more, the hashes' estimate is believed

_NOT_ALONE = 0xFFFFFFFF
_SETTLED = (  # characters that never join one before them
    (0, 0x2FF), (0x370, 0x482), (0x2000, 0x20CF), (0x2100, 0x2CE0), (0x2E80, 0x3029), (0x3030, 0x3098), (0x309B, 0xA66E),
    (0xAC00, 0xD7A3), (0xE000, 0xFB00), (0xFE00, 0xFE0F), (0xFF00, 0xFFFF), (0x1F000, 0x1FAFF), (0x20000, 0x3FFFF),
)  # fmt: skip

_NOISE = regex.compile(r"[\p{P}\p{Z}\p{C}~^`|+=<>]+")


def key(text: str) -> str:
    """What is left of a text without width, case, punctuation and spaces: texts with equal keys say the same.

    >>> key("很好，  推荐！") == key("很好推荐"), key("Good.") == key("ＧＯＯＤ"), key("好😊") == key("好😡"), key(" ?! ")
    (True, True, False, '?!')
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _NOISE.sub("", plain) or plain.strip()


def keys(texts: Sequence[str]) -> list[str]:
    """`key` of each text, for many at once."""
    found: list[str] = []
    for part in characters.some(texts):
        code, ends = characters.codes(part), np.cumsum([0, *map(len, part)])
        there = np.flatnonzero(np.bincount(code))
        table = np.zeros(characters.BEYOND, np.uint32)
        table[there] = [_alone(chr(one)) for one in there]
        made = table[code]
        joining, kept = made == _NOT_ALONE, made != 0
        hard = np.diff(np.concatenate([[0], np.cumsum(joining)])[ends]) > 0
        cuts = np.concatenate([[0], np.cumsum(kept)])[ends]
        hard |= np.diff(cuts) == 0
        made[joining] = 0x20
        plain = made[kept].tobytes().decode("utf-32-le", "surrogatepass")
        spans = zip(part, hard.tolist(), cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)
        found += [key(text) if odd else plain[start:end] for text, odd, start, end in spans]
    return found


@functools.cache
def _alone(character: str) -> int:
    """What `key` makes of this character wherever it stands: 0 for nothing, _NOT_ALONE where that depends on its neighbours
    (marks that join the letter before them), or where it becomes several."""
    normal = unicodedata.normalize("NFKC", character)
    plain = _NOISE.sub("", normal.casefold())
    settled = all(any(first <= ord(c) <= last for first, last in _SETTLED) for c in normal)
    return _NOT_ALONE if not settled or len(plain) > 1 else ord(plain) if plain else 0


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
    hashes = np.ascontiguousarray(hashes.T)
    equal = np.concatenate([(hashes[part[:, 0]] == hashes[part[:, 1]]).mean(1) for part in _parts(pairs)])
    pairs, equal = pairs[equal >= threshold - _SLACK], equal[equal >= threshold - _SLACK]
    if len(pairs) > _MOST_COMPARED:
        return pairs[equal >= threshold]
    if not len(pairs):
        return pairs
    return pairs[_shares(texts, pairs) >= threshold]


def _parts(pairs: np.ndarray) -> list[np.ndarray]:
    return np.array_split(pairs, max(1, len(pairs) // 20_000))


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
    return np.concatenate([_some_signatures(some) for some in characters.some(texts, _CACHED)], axis=1)


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
    hashed, shifted = np.empty_like(piece), np.empty_like(piece)
    for row in found:
        add, by = rng.integers(0, 2**32, 2, dtype=np.uint32)
        np.bitwise_xor(piece, add, out=hashed)
        np.multiply(hashed, by | np.uint32(1), out=hashed)
        hashed ^= np.right_shift(hashed, np.uint32(15), out=shifted)
        np.minimum.reduceat(hashed, starts, out=row)
    return found


def _candidates(hashes: np.ndarray) -> np.ndarray:
    """Texts that agree in a whole band: each with the first of those that do, and with the one before it."""
    found = []
    for band in hashes.reshape(_BANDS, _BAND, -1):
        mark = np.zeros(band.shape[1], np.uint64)
        for row in band:
            mark = mark * np.uint64(0x9E3779B97F4A7C15) + row
        order = np.argsort(mark, kind="stable")
        mark = mark[order]
        again = np.concatenate([[False], mark[1:] == mark[:-1]])
        first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
        before = np.concatenate([order[:1], order[:-1]])
        found += [other[again] * len(order) + order[again] for other in (first, before)]
    return np.stack(np.divmod(np.unique(np.concatenate(found)), hashes.shape[1]), axis=1)
