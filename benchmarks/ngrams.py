"""An interpolated Kneser-Ney model of characters, three at a time: what starter-lm is measured against."""

import math
from collections import Counter

import numpy as np


class Trigrams:
    """One discount for each order, by the usual estimate n1 / (n1 + 2 n2); what was never seen has an equal share."""

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
        kinds, ids = np.unique(codes, return_inverse=True)
        self.number = {chr(code): at for at, code in enumerate(kinds)}
        self.kinds = size = len(kinds) + 1  # and one for all that is unknown
        triples, triple_counts = np.unique((ids[:-2] * size + ids[1:-1]) * size + ids[2:], return_counts=True)
        pairs, pair_counts = np.unique(triples % (size * size), return_counts=True)  # in how many contexts, not how often
        singles, single_counts = np.unique(pairs % size, return_counts=True)
        self.orders = [
            self._order(singles, single_counts, np.zeros_like(singles)),
            self._order(pairs, pair_counts, pairs // size),
            self._order(triples, triple_counts, triples // size),
        ]

    @staticmethod
    def _order(keys: np.ndarray, counts: np.ndarray, contexts: np.ndarray):
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        discount = once / (once + 2 * twice) if once and twice else 0.5
        context, first = np.unique(contexts, return_index=True)  # keys are sorted, and so their contexts
        totals = np.add.reduceat(counts, first)
        different = np.diff(np.append(first, len(keys)))
        return keys, counts, context, totals, different, discount

    def nats(self, text: str) -> float:
        """The whole text's surprise, but for its first two characters."""
        size, unknown = self.kinds, self.kinds - 1
        different = Counter(text)
        table = {char: self.number.get(char, unknown) for char in different}
        ids = np.array([table[char] for char in text], dtype=np.int64)
        chance = np.full(len(ids) - 2, 1 / size)
        pairs, before = ids[1:-1] * size + ids[2:], ids[:-2] * size + ids[1:-1]
        wanted = [ids[2:], pairs, ids[:-2] * size * size + pairs]
        for key, context, order in zip(wanted, [np.zeros_like(pairs), ids[1:-1], before], self.orders, strict=True):
            keys, counts, contexts, totals, kinds, discount = order
            at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            count = np.where(keys[at] == key, counts[at], 0)
            place = np.minimum(np.searchsorted(contexts, context), len(contexts) - 1)
            seen = contexts[place] == context
            total = np.where(seen, totals[place], 1)
            left = np.where(seen, discount * kinds[place] / total, 1.0)
            chance = np.where(seen, np.maximum(count - discount, 0) / total, 0.0) + left * chance
        return float(-np.log(chance).sum())

    def perplexity(self, text: str) -> float:
        return math.exp(self.nats(text) / (len(text) - 2))
