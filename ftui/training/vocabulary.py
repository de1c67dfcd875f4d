"""A tokenizer and its model with the tokens that are needed, and no others: what makes multilingual models large is
their vocabulary. WordPiece, BPE, Unigram and whole words, as `tokenizer.json` has them.

`scripts` keeps every token in the writing systems of the data: no text in them is read otherwise than before. `used` keeps
the tokens of the data alone, and single characters: texts like these are read as before, new words may fall into smaller
pieces.
"""

from __future__ import annotations

import functools
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ftui.core.errors import UserError
from ftui.data import cleaning

if TYPE_CHECKING:
    import pyarrow as pa

RARE = 0.001  # share of the letters below which a writing system is a stranger in the data
STALE = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "added_tokens.json",
)
MARKS = ("##", "▁", "Ġ", "</w>")  # that say where in a word a token stands
IDS = (
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "cls_token_id",
    "sep_token_id",
    "unk_token_id",
    "mask_token_id",
    "decoder_start_token_id",
)


def reduce(folder: Path, model: Any, table: pa.Table, way: str) -> tuple[int, int]:
    """Make tokenizer and model in `folder` smaller, and `model` itself; (tokens that stay, tokens that there were)."""
    from transformers import AutoTokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise UserError("vocabulary_unknown", kind="-")
    written = json.loads(path.read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    texts = cleaning.texts(table)
    names = _names(written)
    used = {
        token
        for start in range(0, len(texts), 1000)
        for ids in tokenizer(texts[start : start + 1000])["input_ids"]
        for token in ids
    }
    kept = _closed(written, names, used | _always(written, names, texts, way))
    new = {old: number for number, old in enumerate(sorted(kept))}
    for name in STALE:
        (folder / name).unlink(missing_ok=True)
    path.write_text(json.dumps(_rewritten(written, names, new), ensure_ascii=False), encoding="utf-8")
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    if "added_tokens_decoder" in config:
        config["added_tokens_decoder"] = {
            str(new[int(n)]): token for n, token in config["added_tokens_decoder"].items()
        }
    config_path.write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    total = model.get_input_embeddings().weight.shape[0]
    shrink(model, sorted(kept), new)
    model.save_pretrained(folder)
    return len(kept), total


def _names(written: dict) -> dict[int, str]:
    """id -> token, added ones included."""
    vocab = written["model"].get("vocab")
    if isinstance(vocab, dict):
        names = {number: token for token, number in vocab.items()}
    elif isinstance(vocab, list):
        names = dict(enumerate(token for token, _ in vocab))
    else:
        raise UserError("vocabulary_unknown", kind=str(written["model"].get("type", "-")))
    return names | {token["id"]: token["content"] for token in written["added_tokens"]}


def _always(written: dict, names: dict[int, str], texts: list[str], way: str) -> set[int]:
    """Special tokens, single characters of the data's writing systems, and with `scripts` all tokens in them."""
    letters = Counter(script for text in texts for script in map(_script, text) if script)
    common = {script for script, count in letters.items() if count >= RARE * letters.total()}
    special = {token["id"] for token in written["added_tokens"]}
    unknown = written["model"].get("unk_token"), written["model"].get("unk_id")
    special |= {number for number, token in names.items() if token == unknown[0] or number == unknown[1]}
    to_bytes = "ByteLevel" in json.dumps([written.get("pre_tokenizer"), written.get("decoder")])
    kept = set(special)
    for number, token in names.items():
        text = _decoded(token) if to_bytes else functools.reduce(lambda t, mark: t.replace(mark, ""), MARKS, token)
        if text is None or len(text) <= 1 or way == "scripts" or (token.startswith("<0x") and token.endswith(">")):
            whole = text is None or all(script is None or script in common for script in map(_script, text))
            kept |= {number} if whole else set()
    return kept


@functools.cache
def _script(character: str) -> str | None:
    """The writing system of a letter (LATIN, CJK, HIRAGANA ...); None for digits, signs and spaces, which belong to all."""
    if not unicodedata.category(character).startswith(("L", "M")):
        return None
    return (
        unicodedata.name(character, "?")
        .split()[0]
        .split("-")[0]
        .replace("FULLWIDTH", "LATIN")
        .replace("HALFWIDTH", "KATAKANA")
    )


@functools.cache
def _bytes() -> dict[str, int]:
    """The characters that byte-level tokenizers write bytes with (as GPT-2 has them)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [n for n in range(256) if n not in plain]
    return {chr(n): n for n in plain} | {chr(256 + i): n for i, n in enumerate(others)}


def _decoded(token: str) -> str | None:
    """The text of a byte-level token; None for a part of a character."""
    known = _bytes()
    try:
        return bytes(known[c] for c in token).decode("utf-8").strip()
    except (KeyError, UnicodeDecodeError):
        return None


def _closed(written: dict, names: dict[int, str], kept: set[int]) -> set[int]:
    """With all tokens that the kept ones are merged from."""
    merges = written["model"].get("merges")
    if not merges:
        return kept
    numbers = {token: number for number, token in names.items()}
    for first, second in map(_pair, reversed(merges)):
        if numbers.get(_merged(written, first, second)) in kept:
            kept |= {numbers[first], numbers[second]}
    return kept


def _merged(written: dict, first: str, second: str) -> str:
    """The token that two become: the sign that the second goes on within a word is lost."""
    return first + second.removeprefix(written["model"].get("continuing_subword_prefix") or "")


def _pair(merge: Any) -> tuple[str, str]:
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _rewritten(written: dict, names: dict[int, str], new: dict[int, int]) -> dict:
    model = dict(written["model"])
    vocab = model["vocab"]
    if isinstance(vocab, dict):
        model["vocab"] = {
            token: new[number] for token, number in sorted(vocab.items(), key=lambda item: item[1]) if number in new
        }
    else:
        model["vocab"] = [entry for number, entry in enumerate(vocab) if number in new]
        if model.get("unk_id") is not None:
            model["unk_id"] = new[model["unk_id"]]
    if model.get("merges"):
        there = {names[number] for number in new}
        model["merges"] = [m for m in model["merges"] if {*_pair(m), _merged(written, *_pair(m))} <= there]
    added = [{**token, "id": new[token["id"]]} for token in written["added_tokens"]]
    return {
        **written,
        "model": model,
        "added_tokens": added,
        "post_processor": _renumbered(written.get("post_processor"), new),
    }


def _renumbered(part: Any, new: dict[int, int]) -> Any:
    """A post-processor with the new numbers: {"ids": [2]} and ["</s>", 2] are the ways in which it names tokens."""
    if isinstance(part, list):
        named = (
            len(part) == 2 and isinstance(part[0], str) and isinstance(part[1], int) and not isinstance(part[1], bool)
        )
        return [part[0], new[part[1]]] if named else [_renumbered(inner, new) for inner in part]
    if isinstance(part, dict):
        return {
            key: [new[n] for n in value] if key == "ids" else _renumbered(value, new) for key, value in part.items()
        }
    return part


def shrink(model: Any, kept: list[int], new: dict[int, int]) -> None:
    """Keep these rows of the embeddings (and of the head for tokens, where there is one), in place."""
    rows = torch.tensor(kept)
    inner, outer = model.get_input_embeddings(), model.get_output_embeddings()
    values = inner.weight.detach()[rows.to(inner.weight.device)].clone()
    said = (
        None
        if outer is None or outer.weight is inner.weight
        else outer.weight.detach()[rows.to(outer.weight.device)].clone()
    )
    model.resize_token_embeddings(len(kept), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(values)
        if said is not None:
            model.get_output_embeddings().weight.copy_(said)
    for config in (model.config, getattr(model, "generation_config", None)):
        for name in IDS:
            if isinstance(getattr(config, name, None), int):
                setattr(config, name, new.get(getattr(config, name)))
    if model.get_input_embeddings().padding_idx is not None:
        model.get_input_embeddings().padding_idx = model.config.pad_token_id
