"""Where the starters start: not from noise, but from what can be counted or reckoned out in a minute."""

import math
from collections.abc import Iterable

import numpy as np
import torch


def word_vectors(
    tokens: np.ndarray,
    translations: Iterable[tuple[np.ndarray, np.ndarray]],
    end: int,
    vocabulary: int,
    first_word: int,
    width: int,
    window: int = 8,
    translation_counts: float = 3.0,
) -> torch.Tensor:
    """What company each token keeps: positive pointwise mutual information of the tokens up to `window` places apart in
    a document, and of those on both sides of a translation, in its `width` leading directions. So a Chinese word and its
    English one start out near each other.

    One row of length 1 per token, zeros where nothing is known. About a minute, and memory for four times the
    vocabulary squared.
    """
    tokens = np.append(tokens.astype(np.int64), end)
    document = np.cumsum(tokens == end)
    together = torch.zeros(vocabulary * vocabulary)
    for distance in range(1, window + 1):
        same = document[distance:] == document[:-distance]
        pairs = (tokens[:-distance] * vocabulary + tokens[distance:])[same]
        together += torch.bincount(torch.from_numpy(pairs), minlength=len(together))
    together = together.view(vocabulary, vocabulary)
    together = together + together.T
    for one, other in translations:
        here, there = torch.from_numpy(one.astype(np.int64)), torch.from_numpy(other.astype(np.int64))
        together[here[:, None], there[None]] += translation_counts
        together[there[:, None], here[None]] += translation_counts
    together[:first_word] = 0
    together[:, :first_word] = 0

    count = together.sum(1)
    context = count.pow(0.75)  # makes rare company count for less, as in word2vec
    context /= context.sum()
    information = together.div_(count.clamp(min=1)[:, None]).div_(context.clamp(min=1e-12)).clamp_(min=1).log_()

    # The leading singular directions, by repeated multiplication with a few random ones.
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(vocabulary, min(vocabulary, width + 64), generator=generator)
    for _ in range(4):
        basis = torch.linalg.qr(information.T @ (information @ basis)).Q
    left, size, _ = torch.linalg.svd(information @ basis, full_matrices=False)
    vectors = left[:, :width] * size[:width].sqrt()
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-6)


@torch.no_grad()
def give_meanings(model, vectors: torch.Tensor, size: float) -> None:
    """Puts the word vectors where the model keeps its own, which serve both for reading and for guessing. `size` is
    what a number in them measures in the root mean square."""
    weight = model.bert.embeddings.word_embeddings.weight
    # A random turn spreads what the leading directions carry over all of the model's dimensions.
    turn = torch.linalg.qr(torch.randn(vectors.shape[1], vectors.shape[1])).Q
    known = vectors.norm(dim=1) > 0.5
    weight.mul_(size / model.config.initializer_range)
    weight[known] = (vectors @ turn * (size * math.sqrt(vectors.shape[1])))[known]


@torch.no_grad()
def look_at_neighbours(model, embedding_size: float) -> None:
    """Starts the first two layers with heads that look one or a few places to the left or right.

    From random weights BERT guesses by frequency and topic alone (a loss of about 6.1) for thousands of steps, until it
    has found out where the neighbours are; two cores have no time for that. Here positions start as waves. Turning a
    wave's phase moves it by so many places, so a query that is the key turned by `shift` finds the token `shift` places
    on. The loss passes 5.1 after 600 steps. Nothing is fixed by this: training changes it like any other weight.
    """
    config = model.config
    size = config.hidden_size // config.num_attention_heads
    speeds = 2.0 * (2 * math.pi / config.max_position_embeddings / 4) ** torch.linspace(0, 1, size // 2)

    def waves(places: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.cos(places[:, None] * speeds), torch.sin(places[:, None] * speeds)], 1)

    spread = torch.linalg.qr(torch.randn(config.hidden_size, size)).Q.T  # the waves' own directions among the model's
    positions = waves(torch.arange(config.max_position_embeddings).float()) @ spread
    embeddings = model.bert.embeddings
    usual = embedding_size / positions.square().mean().sqrt()
    embeddings.position_embeddings.weight.copy_(positions * usual)
    for layer, shifts in zip(model.bert.encoder.layer, ((-1, 1, -2, 2), (1, -1, 3, -3)), strict=False):
        attention = layer.attention.self
        for head in range(config.num_attention_heads):
            angle = shifts[head % 4] * speeds
            cos, sin = torch.diag(torch.cos(angle)), torch.diag(torch.sin(angle))
            turn = torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)], 0)
            rows = slice(head * size, (head + 1) * size)
            attention.key.weight[rows] = 1.3 * spread
            attention.query.weight[rows] = 1.3 * turn @ spread


def next_word_vectors(tokens: np.ndarray, vocabulary: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What follows what: two rows per token, one for reading and one for guessing, of shape (vocabulary, width), so that
    their products are the logits of an interpolated Kneser-Ney model of pairs, as nearly as `width` allows.

    All reading rows have the length `sqrt(width)`, so that a normalisation behind them changes nothing.
    """
    tokens = tokens.astype(np.int64)
    pairs = torch.from_numpy(tokens[:-1] * vocabulary + tokens[1:])
    counts = torch.bincount(pairs, minlength=vocabulary * vocabulary).view(vocabulary, vocabulary).float()
    discount = 0.75
    followers, total = (counts > 0).sum(1), counts.sum(1)
    novel = (counts > 0).sum(0).float() + 0.1  # after how many different tokens it has been seen
    usual = novel / novel.sum()
    unseen = (discount * followers).clamp(min=1)[:, None] * usual
    gain = (counts - discount).clamp_(min=0).div_(unseen).log1p_()

    # The leading directions, in which errors count as often as the tokens come.
    rows, columns = total.clamp(min=1).sqrt(), usual.pow(0.3)
    weighed = gain * (rows / rows.mean())[:, None] * columns
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(vocabulary, width + 30, generator=generator)
    for _ in range(3):
        basis = torch.linalg.qr(weighed.T @ (weighed @ basis)).Q
    _, size, turned = torch.linalg.svd(weighed @ basis, full_matrices=False)
    directions = (basis @ turned.T)[:, : width - 2]
    reading = gain @ (columns[:, None] * directions)
    guessing = directions / columns[:, None]

    # One more number for how usual a token is, and one that makes all rows equally long.
    spread = reading.norm(dim=1)[total > 0].quantile(0.5).clamp(min=1e-3) / width**0.5
    reading, guessing = reading / spread, guessing * spread
    one = torch.ones(vocabulary, 1) * 4
    length = max(width**0.5 * 2, float(reading.norm(dim=1).quantile(0.999)))
    reading = reading * (length / reading.norm(dim=1, keepdim=True).clamp(min=length))
    filler = (length**2 + 1 - reading.square().sum(1, keepdim=True)).sqrt()
    reading = torch.cat([reading, one, filler], 1)
    guessing = torch.cat([guessing, usual.log()[:, None] / 4, torch.zeros(vocabulary, 1)], 1)
    scale = reading[0].norm() / width**0.5
    return reading / scale, guessing * scale
