"""Pre-trains `starter-encoder`, a small BERT:

    python -m ftui.pretraining.encoder --data DIR --tokenizer DIR --out DIR --work DIR --minutes 45

It fills in masked tokens of Chinese and English text, on two CPU cores. Stopped at any time and started again with the
same command it goes on where it was; `--out` is at every checkpoint a folder that `AutoModel.from_pretrained` loads.

On Linux a fifth of the time is saved if freed memory is kept and handed out in huge pages. That must be said before
Python starts, by an environment variable (and where other work shares the cores, OMP_WAIT_POLICY=PASSIVE helps):

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=8000000000
"""

import argparse
import copy
import json
import math
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM
from transformers.utils import logging

from ftui.pretraining import corpus

BLOCK = 512  # text is dealt out in blocks of this many tokens, the longest that the model can read
LENGTHS, SHARES = (64, 128, 256, 512), (0.3, 0.4, 0.15, 0.15)  # a batch cuts its blocks into rows of one of these
FIRST_WORD = 261  # in the vocabulary, after the special tokens and the bytes


@dataclass
class Settings:
    data: Path
    tokenizer: Path
    out: Path
    work: Path
    minutes: float = 45.0  # of training; the learning rate falls to nothing when they end
    max_steps: int = 0  # ends sooner than the minutes, and is then what the learning rate follows
    stop_after: int = 0  # leaves off after so many steps of this run, as if interrupted
    layers: int = 4
    width: int = 256
    heads: int = 4
    batch_tokens: int = 4096
    masked: float = 0.2
    learning_rate: float = 1e-3  # AdamW's
    matrix_rate: float = 2e-3  # Muon's
    warm_up: float = 0.03  # shares of the whole: the rate rises, stays, and falls during the last part
    cool_down: float = 0.5
    weight_decay: float = 0.01
    save_every: float = 120.0  # seconds
    seed: int = 1


# --- text -------------------------------------------------------------------------------------------------------------


def training_rows(tokens: np.ndarray, step: int, settings: Settings) -> torch.Tensor:
    blocks = corpus.blocks(tokens, step, max(1, settings.batch_tokens // BLOCK), BLOCK, settings.seed)
    length = np.random.default_rng((settings.seed, 1, step)).choice(LENGTHS, p=SHARES)
    return torch.from_numpy(blocks).view(-1, int(length))


def hide(rows: torch.Tensor, tokenizer, share: float, generator: torch.Generator):
    """BERT's task: of the tokens to be guessed 80 % are shown as [MASK], 10 % as another token, 10 % as they are."""
    rows = rows.clone()
    rows[:, 0], rows[:, -1] = tokenizer.cls_token_id, tokenizer.sep_token_id
    # What follows the end of a document inside a row is its second segment: so the second type is learnt too.
    ended = (rows == tokenizer.sep_token_id).long().cumsum(1)
    types = (ended - (rows == tokenizer.sep_token_id).long()).clamp(max=1)

    specials = (rows == tokenizer.cls_token_id) | (rows == tokenizer.sep_token_id)
    chance = torch.rand(rows.shape, generator=generator).masked_fill(specials, -1.0).flatten()
    places = chance.topk(max(1, int(rows.numel() * share))).indices  # always the same number: steady memory and speed
    targets = rows.flatten()[places]
    fate = torch.rand(len(places), generator=generator)
    others = torch.randint(FIRST_WORD, len(tokenizer), places.shape, generator=generator)
    shown = torch.where(fate < 0.8, tokenizer.mask_token_id, torch.where(fate < 0.9, others, targets))
    return rows.flatten().scatter(0, places, shown).view_as(rows), types, places, targets


def masked_loss(model, rows, types, places, targets) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.bert(input_ids=rows, token_type_ids=types).last_hidden_state
        logits = model.cls(hidden.flatten(0, 1)[places])  # 16k logits are dear: only where something is to be guessed
    return F.cross_entropy(logits.float(), targets)


@torch.no_grad()
def held_out_loss(model, tokens: np.ndarray, tokenizer, settings: Settings, batches: int) -> float:
    """The same rows of 128, hidden the same way, at every call; `batches` spread evenly over the text."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.from_numpy(tokens[: len(tokens) // 128 * 128].astype(np.int64)).view(-1, 128).split(32)
    chosen = rows[:: max(1, len(rows) // batches)]
    return sum(float(masked_loss(model, *hide(part, tokenizer, 0.15, generator))) for part in chosen) / len(chosen)


# --- model and optimiser ----------------------------------------------------------------------------------------------


def build(settings: Settings, tokenizer) -> BertForMaskedLM:
    torch.manual_seed(settings.seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=BLOCK,
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0,  # one pass over the text cannot overfit
        attention_probs_dropout_prob=0.0,
    )
    model = BertForMaskedLM(config)
    look_at_neighbours(model)
    model.set_attn_implementation("eager")  # at this size a fifth faster on CPU cores than the fused kernels
    return model


@torch.no_grad()
def look_at_neighbours(model) -> None:
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
    usual = config.initializer_range / positions.square().mean().sqrt()
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


def optimizers(model, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, biases and norms."""
    named = dict(model.named_parameters())
    matrices = {name for name, value in named.items() if "encoder.layer" in name and value.ndim == 2}
    rest = [value for name, value in named.items() if name not in matrices]
    groups = [
        {"params": [value for value in rest if value.ndim == 2], "weight_decay": settings.weight_decay},
        {"params": [value for value in rest if value.ndim < 2], "weight_decay": 0.0},
    ]
    found = [
        torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True),
        torch.optim.Muon(
            [named[name] for name in sorted(matrices)],
            lr=settings.matrix_rate,
            weight_decay=settings.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
    ]
    for optimiser in found:
        for group in optimiser.param_groups:
            group["highest"] = group["lr"]
    return found


def rate(progress: float, settings: Settings) -> float:
    return min(1.0, (progress + 1e-3) / settings.warm_up, max(0.0, 1.0 - progress) / settings.cool_down)


# --- what is written --------------------------------------------------------------------------------------------------


def save_checkpoint(path: Path, model, optimisers, state: dict) -> None:
    unfinished = path.with_suffix(".unfinished")
    optimiser_states = [optimiser.state_dict() for optimiser in optimisers]
    torch.save({"model": model.state_dict(), "optimizers": optimiser_states, "state": state}, unfinished)
    os.replace(unfinished, path)


def publish(model, settings: Settings, report: dict) -> None:
    """Half precision on the disk, in pieces small enough for a repository; everything else as fine-tuning wants it."""
    unfinished = settings.out.with_name(settings.out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    half = copy.deepcopy(model).half()
    half.config.hidden_dropout_prob = half.config.attention_probs_dropout_prob = 0.1
    half.save_pretrained(unfinished, max_shard_size="8500KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(settings.tokenizer / name, unfinished / name)
    config = json.loads((unfinished / "config.json").read_text())
    config["dtype"] = "float32"  # what it is to be loaded as: training in half precision goes wrong
    (unfinished / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (unfinished / "pretraining.json").write_text(json.dumps(report, indent=2) + "\n")
    settings.out.mkdir(parents=True, exist_ok=True)
    for path in unfinished.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone
        os.replace(path, settings.out / path.name)
    unfinished.rmdir()


# --- the run ----------------------------------------------------------------------------------------------------------


def pretrain(settings: Settings) -> dict:
    logging.disable_progress_bar()
    settings.work.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer)
    tokens = corpus.tokenise(settings.data, "train", tokenizer, settings.work)
    held_out = corpus.tokenise(settings.data, "validation", tokenizer, settings.work)
    model = build(settings, tokenizer).train()
    optimisers = optimizers(model, settings)
    print(f"{len(tokens):,} tokens of text, {model.num_parameters():,} parameters", flush=True)

    step, seconds, loss_now, first_loss = 0, 0.0, math.nan, math.nan
    checkpoint = settings.work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimiser, state in zip(optimisers, saved["optimizers"], strict=True):
            highest = [group["highest"] for group in optimiser.param_groups]
            optimiser.load_state_dict(state)
            for group, value in zip(optimiser.param_groups, highest, strict=True):
                group["highest"] = value  # the settings of this run count, so that a rate can be changed on the way
        step, seconds, loss_now, first_loss = (saved["state"][key] for key in ("step", "seconds", "loss", "first_loss"))
        print(f"goes on at step {step} after {seconds / 60:.1f} minutes", flush=True)

    def save(batches: int) -> dict:
        state = {"step": step, "seconds": seconds, "loss": loss_now, "first_loss": first_loss}
        save_checkpoint(checkpoint, model, optimisers, state)
        report = {
            "steps": step,
            "tokens_seen": step * settings.batch_tokens,
            "tokens_in_corpus": len(tokens),
            "minutes": round(seconds / 60, 2),
            "parameters": model.num_parameters(),
            "first_loss": round(first_loss, 4),
            "training_loss": round(loss_now, 4),
            "held_out_loss": round(held_out_loss(model, held_out, tokenizer, settings, batches), 4),
        }
        publish(model, settings, report)
        print(json.dumps(report), flush=True)
        return report

    started_at, saved_at = step, time.monotonic()
    while True:
        progress = step / settings.max_steps if settings.max_steps else seconds / 60 / settings.minutes
        if progress >= 1 or (settings.stop_after and step - started_at >= settings.stop_after):
            return save(batches=1000)
        began = time.monotonic()
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["highest"] * rate(progress, settings)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        loss = masked_loss(model, *hide(training_rows(tokens, step, settings), tokenizer, settings.masked, generator))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss at step {step} is {value}; go on with a lower --learning-rate")
        first_loss = value if step == 0 else first_loss
        loss_now = value if math.isnan(loss_now) else 0.98 * loss_now + 0.02 * value
        step, seconds = step + 1, seconds + time.monotonic() - began
        if step % 50 == 0:
            speed = step * settings.batch_tokens / seconds
            print(f"step {step}  {seconds / 60:5.1f} min  loss {loss_now:.3f}  {speed:,.0f} tokens/s", flush=True)
        if time.monotonic() - saved_at > settings.save_every:
            save(batches=4)
            saved_at = time.monotonic()


def main(arguments: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with zh_text and en_text")
    for name in ("tokenizer", "out", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for field in list(Settings.__dataclass_fields__.values())[4:]:
        parser.add_argument("--" + field.name.replace("_", "-"), type=field.type, default=field.default)
    return pretrain(Settings(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
