"""Pre-trains `starter-seq2seq`, a small T5 that rewrites Chinese and English text:

    python -m ftui.pretraining.seq2seq --data DIR --tokenizer DIR --out DIR --work DIR --minutes 25 [--embeddings DIR]

Three tasks in one batch after the other: stretches of text with pieces taken out (span corruption), translation between
Chinese and English (the training pairs of Tatoeba, with the prefixes "translate to Chinese: " and "translate to English: "),
and the title of an article (its first line) from its beginning ("title: "). `--embeddings` is a folder with `starter-lm`,
which has the same tokens: its word vectors are where this model starts. See `loop.py` for stopping and going on.
"""

import csv
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer, T5Config, T5ForConditionalGeneration
from transformers.utils import logging

from ftui.pretraining import corpus, loop

TO_CHINESE, TO_ENGLISH, TITLE = "translate to Chinese: ", "translate to English: ", "title: "
TURN = ("spans", "translation", "spans", "translation", "spans", "title")  # the task of step 0, 1, 2 ...


@dataclass
class Settings(loop.Settings):
    layers: int = 3  # of the encoder, and as many of the decoder
    hidden: float = 0.15  # share of the text that span corruption takes out
    block: int = 128
    embeddings: str = ""


def build(settings: Settings, tokenizer) -> T5ForConditionalGeneration:
    torch.manual_seed(settings.seed)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=settings.width,
        d_kv=settings.width // settings.heads,
        d_ff=-(-8 * settings.width // 3 // 64) * 64,
        num_layers=settings.layers,
        num_heads=settings.heads,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=True,
        dropout_rate=0.0,  # one pass over the text cannot overfit
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    model = T5ForConditionalGeneration(config)
    if settings.embeddings:
        vectors = AutoModelForCausalLM.from_pretrained(settings.embeddings).get_input_embeddings().weight.detach()
        # T5 reads its vectors as they are, and divides by the root of the width where it guesses with them.
        model.shared.weight.data.copy_(vectors / vectors.std())
    return model


def sentinel(tokenizer, number: int) -> int:
    return tokenizer.convert_tokens_to_ids(f"<extra_id_{number}>")


def take_out(row: np.ndarray, share: float, marks: list[int], end: int, dice: np.random.Generator):
    """Span corruption: about `share` of the tokens goes out in stretches of 3 on average. Returns source and target."""
    wanted = max(1, round(len(row) * share))
    spans = min(max(1, wanted // 3), len(marks) - 1)
    starts = np.sort(dice.choice(len(row) - 5, spans, replace=False))
    source, target, at = [], [], 0
    for mark, start in zip(marks, starts, strict=False):
        start = max(int(start), at)
        stop = min(len(row), start + int(dice.integers(1, 6)))
        source += [*row[at:start], mark]
        target += [mark, *row[start:stop]]
        at = stop
    return [*source, *row[at:], end], [*target, end]


def translations(settings: Settings, tokenizer) -> list[tuple[list[int], list[int]]]:
    with (settings.data / "zh_en_translation_tatoeba" / "train.csv").open(encoding="utf-8", newline="") as stream:
        pairs = [(row["en"], row["zh"]) for row in csv.DictReader(stream)]
    there = [(TO_CHINESE + en, zh) for en, zh in pairs] + [(TO_ENGLISH + zh, en) for en, zh in pairs]
    return encoded(there, tokenizer, 96)


def titles(settings: Settings, tokenizer) -> list[tuple[list[int], list[int]]]:
    """Articles of the encyclopaedia: their first line is the title."""
    found = []
    for document in corpus.documents(settings.data, "train"):
        title, _, text = document.strip().partition("\n")
        if 1 < len(title) <= 60 and title[-1] not in "。！？.!?,，：；" and len(text) >= 200:
            found.append((TITLE + text[:300], title))
    return encoded(found, tokenizer, 160)


def encoded(pairs: list[tuple[str, str]], tokenizer, longest: int) -> list[tuple[list[int], list[int]]]:
    if not pairs:
        return []
    sources = tokenizer([source for source, _ in pairs], truncation=True, max_length=longest)["input_ids"]
    targets = tokenizer([target for _, target in pairs], truncation=True, max_length=longest)["input_ids"]
    return list(zip(sources, targets, strict=True))


def pad(rows: list, value: int) -> torch.Tensor:
    longest = -(-max(len(row) for row in rows) // 8) * 8
    return torch.tensor([[*map(int, row), *[value] * (longest - len(row))] for row in rows])


def guess_loss(model, pairs: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    zero = model.config.pad_token_id
    sources, targets = pad([source for source, _ in pairs], zero), pad([target for _, target in pairs], -100)
    shown = F.pad(targets[:, :-1].clamp(min=0), (1, 0), value=zero)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        read = model.encoder(input_ids=sources, attention_mask=(sources != zero).long()).last_hidden_state
        written = model.decoder(
            input_ids=shown,
            encoder_hidden_states=read,
            encoder_attention_mask=(sources != zero).long(),
            use_cache=False,
        ).last_hidden_state
        counted = targets >= 0
        hidden = written[counted]
        if model.config.scale_decoder_outputs:
            hidden = hidden * model.model_dim**-0.5
        logits = model.lm_head(hidden)
    return F.cross_entropy(logits.float(), targets[counted])


def some(pairs: list, tokens: int, dice: np.random.Generator) -> list:
    """About so many tokens of pairs, of like length."""
    order = sorted(dice.choice(len(pairs), min(len(pairs), 512), replace=False), key=lambda at: len(pairs[at][0]))
    place = int(dice.integers(len(order)))
    length = len(pairs[order[place]][0]) + 12
    count = max(4, tokens // length)
    first = min(place, max(0, len(order) - count))
    return [pairs[at] for at in order[first : first + count]]


def pretrain(settings: Settings) -> dict:
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer)
    tokens = corpus.tokenise(settings.data, "train", tokenizer, settings.work)
    held_out = corpus.tokenise(settings.data, "validation", tokenizer, settings.work)
    model = build(settings, tokenizer).train()
    pairs = {"translation": translations(settings, tokenizer), "title": titles(settings, tokenizer)}
    marks = [sentinel(tokenizer, number) for number in range(64)]
    counts = ", ".join(f"{len(rows):,} for {task}" for task, rows in pairs.items())
    print(f"{len(tokens):,} tokens of text, {counts}, {model.num_parameters():,} parameters", flush=True)

    def spans(source: np.ndarray, step: int, dice: np.random.Generator) -> list:
        rows = corpus.blocks(source, step, max(1, settings.batch_tokens // settings.block), settings.block, settings.seed)
        return [take_out(row, settings.hidden, marks, tokenizer.eos_token_id, dice) for row in rows]

    def backward(step: int) -> dict[str, float]:
        task, dice = TURN[step % len(TURN)], np.random.default_rng((settings.seed, 2, step))
        task = task if pairs.get(task) else "spans"  # a corpus may be without titles
        batch = spans(tokens, step, dice) if task == "spans" else some(pairs[task], settings.batch_tokens // 2, dice)
        loss = guess_loss(model, batch)
        loss.backward()
        return {"loss": float(loss.detach()), task: float(loss.detach())}

    @torch.no_grad()
    def write(report: dict, last: bool) -> dict:
        batches = [spans(held_out, step, np.random.default_rng(step)) for step in range(10 if last else 2)]
        loss = sum(float(guess_loss(model, batch)) for batch in batches) / len(batches)
        report |= {"tokens_in_corpus": len(tokens), "parameters": model.num_parameters()}
        report |= {"held_out_loss": round(loss, 4)}
        loop.publish(model, settings, report, dropout_rate=0.1)
        return report

    return loop.run(model, settings, backward, write)


def main(arguments: list[str] | None = None) -> dict:
    return pretrain(loop.read_settings(Settings, __doc__, arguments))


if __name__ == "__main__":
    main()
