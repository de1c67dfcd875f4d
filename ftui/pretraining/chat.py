"""The stage after `lm.py`: teaches `starter-lm` to answer in turns, in place.

    python -m ftui.pretraining.chat --data DIR --model DIR --work DIR [--passes 1]

Turns: the training dialogues of `zh_chat_kdconv`, and English ones written for this purpose (`english_turns.yaml`). Only
what the assistant says is learnt. Beside every batch of turns comes one of ordinary text, without which the model forgets
how anything but film talk goes on (its perplexity on Chinese text nearly doubled).
"""

import argparse
import gzip
import json
import random
from pathlib import Path
from types import SimpleNamespace

import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from ftui.pretraining import corpus, loop
from ftui.pretraining.lm import next_token_loss

ENGLISH = Path(__file__).with_name("english_turns.yaml")
TURNS = 6  # messages of a dialogue in one row


def chinese_dialogues(data: Path) -> list[list[dict]]:
    with gzip.open(data / "zh_chat_kdconv" / "train.jsonl.gz", "rt", encoding="utf-8") as stream:
        whole = [[{"role": m["role"], "content": m["content"]} for m in json.loads(line)["messages"]] for line in stream]
    return [said[at : at + TURNS] for said in whole for at in range(0, len(said) - 1, TURNS)]


def english_dialogues() -> list[list[dict]]:
    pairs = yaml.safe_load(ENGLISH.read_text(encoding="utf-8"))
    return [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs]


def encode(dialogue: list[dict], tokenizer, longest: int = 256) -> tuple[list[int], list[int]]:
    """Token numbers and targets: -100 where the user speaks, and for the mark that hands over to the assistant."""
    ids, targets = [], []
    for message in dialogue:
        said = tokenizer.apply_chat_template([message], tokenize=False)
        tokens = tokenizer(said, add_special_tokens=False)["input_ids"]
        ids += tokens
        targets += [-100, *tokens[1:]] if message["role"] == "assistant" else [-100] * len(tokens)
    return ids[:longest], targets[:longest]


def batches(rows: list, size: int, pad: int, dice: random.Random):
    """Rows of like length together, (tokens, targets) of shape (size, longest)."""
    order = sorted(rows, key=lambda row: (len(row[0]), dice.random()))
    parts = [order[at : at + size] for at in range(0, len(order), size)]
    dice.shuffle(parts)
    for part in parts:
        longest = max(len(ids) for ids, _ in part)
        fill = [longest - len(ids) for ids, _ in part]
        ids = torch.tensor([ids + [pad] * more for (ids, _), more in zip(part, fill, strict=True)])
        targets = torch.tensor([wanted + [-100] * more for (_, wanted), more in zip(part, fill, strict=True)])
        yield ids, targets


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with zh_chat_kdconv")
    parser.add_argument("--model", type=Path, required=True, help="what lm.py has written; the result goes there too")
    parser.add_argument("--work", type=Path, required=True, help="where lm.py has put the tokens of the text")
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--text-rows", type=int, default=4, help="of 256 tokens, beside the 16 rows of a step")
    parser.add_argument("--english-times", type=int, default=4, help="how often an English turn comes in a pass")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args(arguments)

    logging.disable_progress_bar()
    dice = random.Random(settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(settings.model)
    tokens = corpus.tokenise(settings.data, "train", tokenizer, settings.work)
    model = AutoModelForCausalLM.from_pretrained(settings.model).train()
    dialogues = chinese_dialogues(settings.data) + english_dialogues() * settings.english_times
    rows = [encode(dialogue, tokenizer) for dialogue in dialogues]
    steps = [batch for _ in range(settings.passes) for batch in batches(rows, 16, tokenizer.pad_token_id, dice)]
    print(f"{len(rows)} rows, {len(steps)} steps", flush=True)

    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
    average = None
    for number, (ids, targets) in enumerate(steps):
        done = number / len(steps)
        optimiser.param_groups[0]["lr"] = settings.learning_rate * min(1.0, done / 0.1 + 1e-2, (1 - done) / 0.9)
        loss = next_token_loss(model, ids, targets)
        loss.backward()
        text = torch.from_numpy(corpus.blocks(tokens, number, settings.text_rows, 256, settings.seed + 1))
        next_token_loss(model, text, text).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average = float(loss.detach()) if average is None else 0.95 * average + 0.05 * float(loss.detach())
        if number % 25 == 0:
            print(f"step {number}  loss {average:.3f}", flush=True)

    report = json.loads((settings.model / "pretraining.json").read_text())
    report["chat"] = {"steps": len(steps), "rows": len(rows), "training_loss": round(average, 4)}
    place = SimpleNamespace(out=settings.model, tokenizer=settings.model)
    loop.publish(model, place, report)
    return average


if __name__ == "__main__":
    main()
