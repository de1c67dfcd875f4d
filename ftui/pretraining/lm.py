"""Pre-trains `starter-lm`, a small Llama that continues Chinese and English text:

    python -m ftui.pretraining.lm --data DIR --tokenizer DIR --out DIR --work DIR --minutes 30

`--tokenizer` is the folder `lm` that `ftui.pretraining.generator_tokenizer` writes. See `loop.py` for stopping and going
on, `encoder.py` for the environment variables that save time, and `chat.py` for the stage after this one.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from ftui.pretraining import corpus, loop, start

CONTEXT = 512  # the longest that the model is made for


@dataclass
class Settings(loop.Settings):
    batch_tokens: int = 2048
    learning_rate: float = 2e-3
    block: int = 256  # tokens in a row of a batch


def build(settings: Settings, tokenizer) -> LlamaForCausalLM:
    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=-(-8 * settings.width // 3 // 64) * 64,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,  # what follows a token is not what it is like: see start.next_word_vectors
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.update(do_sample=True, top_p=0.9, temperature=0.8, repetition_penalty=1.1)
    for layer in model.model.layers:  # each adds nothing at first, so that what is counted out counts
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


@torch.no_grad()
def begin_with_pairs(model, tokens: np.ndarray) -> None:
    """The model starts where a table of pairs of tokens would end: a loss of 5.9, far below what some minutes reach from noise."""
    reading, guessing = start.next_word_vectors(tokens, *model.lm_head.weight.shape)
    model.model.embed_tokens.weight.copy_(reading)
    model.lm_head.weight.copy_(guessing)


def next_token_loss(model, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean over all tokens of `rows` (batch, length) but the first; targets of -100 do not count."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=rows, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
        wanted = targets[:, 1:].flatten()
        counted = wanted >= 0
        logits = model.lm_head(hidden[counted])
    return F.cross_entropy(logits.float(), wanted[counted])


@torch.no_grad()
def held_out_loss(model, tokens: np.ndarray, batches: int) -> float:
    """Per token, in rows of 256; `batches` spread evenly over the text."""
    rows = torch.from_numpy(tokens[: len(tokens) // 256 * 256].astype(np.int64)).view(-1, 256).split(16)
    chosen = rows[:: max(1, len(rows) // batches)]
    return sum(float(next_token_loss(model, part, part)) for part in chosen) / len(chosen)


def pretrain(settings: Settings) -> dict:
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer)
    tokens = corpus.tokenise(settings.data, "train", tokenizer, settings.work)
    held_out = corpus.tokenise(settings.data, "validation", tokenizer, settings.work)
    model = build(settings, tokenizer).train()
    if not (settings.work / "checkpoint.pt").exists():
        begin_with_pairs(model, tokens)
    print(f"{len(tokens):,} tokens of text, {model.num_parameters():,} parameters", flush=True)

    def backward(step: int) -> dict[str, float]:
        count = max(1, settings.batch_tokens // settings.block)
        rows = torch.from_numpy(corpus.blocks(tokens, step, count, settings.block, settings.seed))
        loss = next_token_loss(model, rows, rows)
        loss.backward()
        return {"loss": float(loss.detach())}

    def write(report: dict, last: bool) -> dict:
        held_out_now = held_out_loss(model, held_out, 40 if last else 4)
        report |= {"tokens_in_corpus": len(tokens), "parameters": model.num_parameters()}
        report |= {"held_out_loss": round(held_out_now, 4)}
        loop.publish(model, settings, report)
        return report

    return loop.run(model, settings, backward, write)


def main(arguments: list[str] | None = None) -> dict:
    return pretrain(loop.read_settings(Settings, __doc__, arguments))


if __name__ == "__main__":
    main()
