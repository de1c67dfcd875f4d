"""Makes the tokenizer of the starter models: `python -m ftui.pretraining.tokenizer --data DIR --out DIR`.

One BPE for Chinese and English in which nothing is unknown:
- a Chinese character, a punctuation mark or a symbol is always a token of its own;
- an English word is one token or a few pieces, lower-cased; pieces after the first are written ##like ##this;
- digits are split singly ("2026" is 2 ##0 ##2 ##6);
- what is too rare for the vocabulary (emoji, rare and traditional characters) becomes its UTF-8 bytes, <0xF0> <0x9F> ...

Pieces after the first are marked instead of spaces before the first, so that "word" is the same token after a space, a
quotation mark or a Chinese character, and so that a token's offsets never begin with a space.
"""

import argparse
import json
import os
import shutil
from collections import Counter
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from ftui.pretraining import corpus

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LETTERS = "abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïñòóôõöøùúûüýß"
DIGITS = "0123456789"
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WIDE = "\u3000-\u303f\uff00-\uffef—…"  # Chinese punctuation: written without spaces around it


def normalizer():
    # Full-width letters and digits become ordinary ones. Chinese punctuation stays: "，" must come back as "，".
    # NFKC would do more than is wanted ("…" to "...", "①" to "1").
    plain = LETTERS[:26] + DIGITS
    widths = [normalizers.Replace(chr(ord(char) + 0xFEE0), char) for char in plain]
    return normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase(), *widths])


def pre_tokenizer(digits_apart: bool):
    """Words stay whole and every other character stands alone. The isolation is also what makes the byte fallback right:
    BPE would spell a character that comes second in its piece as the bytes of "##" and its own."""
    word = LETTERS if digits_apart else LETTERS + DIGITS
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s+"), "removed"),
            pre_tokenizers.Split(Regex(f"[^{word}]"), "isolated"),
        ]
    )


def decoder():
    """Back to text: pieces joined, one space between words, none next to Chinese or before ordinary punctuation."""

    def drop(pattern: str, content: str = ""):
        return decoders.Replace(Regex(pattern), content)

    return decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.WordPiece(prefix="##", cleanup=False),
            decoders.Fuse(),
            drop(f"(?<=[{HAN}{WIDE}]) | (?=[{HAN}{WIDE}])"),
            drop(r" (?=[.,!?;:%)\]}”’])|(?<=[(\[{$#@“‘]) "),
            drop(r"(?<=[0-9][.,:]) (?=[0-9])"),
            drop(r"(?<=[a-z0-9]) (?=['’-] [a-z0-9])"),
            drop(r"(?<=[a-z0-9]['’-]) (?=[a-z0-9])"),
        ]
    )


def count_characters(data: Path) -> Counter:
    normalize = normalizer().normalize_str
    counts: Counter = Counter()
    for document in corpus.documents(data, "train"):
        counts.update(normalize(document))
    return counts


def train(data: Path, size: int, han_at_least: int, other_at_least: int) -> Tokenizer:
    # 1. Single characters: everything seen often enough, the most frequent first. The rest falls to bytes.
    counts = count_characters(data)
    word = LETTERS + DIGITS
    singles = [
        char
        for char, count in counts.most_common()
        if char.isprintable() and not char.isspace() and char not in word
        if count >= (han_at_least if "\u3400" <= char <= "\u9fff" else other_at_least)
    ]
    base = SPECIAL + BYTES + list(word) + ["##" + char for char in word] + singles

    # 2. Merges: learnt on English words alone, since nothing else has two characters in one piece.
    learner = Tokenizer(models.BPE(continuing_subword_prefix="##"))
    learner.normalizer = normalizer()
    only_words = pre_tokenizers.Split(Regex(f"[^{LETTERS}]"), "removed")
    learner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizer(digits_apart=True), only_words])
    room = size - len(base) + 2 * len(LETTERS)
    trainer = trainers.BpeTrainer(
        vocab_size=max(room, 0),
        continuing_subword_prefix="##",
        min_frequency=5,
        show_progress=False,
        initial_alphabet=list(LETTERS),
        limit_alphabet=len(LETTERS),
        special_tokens=[
            "##" + char for char in LETTERS
        ],  # named so that they are numbered, and ties broken, alike each time
    )
    learner.train_from_iterator(corpus.documents(data, "train"), trainer)
    learnt = json.loads(learner.to_str())["model"]

    # 3. Put together: specials first ([PAD] is 0), bytes, characters, then pieces in the order they were learnt.
    vocabulary = {token: number for number, token in enumerate(base)}
    for piece, _ in sorted(learnt["vocab"].items(), key=lambda item: item[1]):
        if len(vocabulary) < size or piece in vocabulary:
            vocabulary.setdefault(piece, len(vocabulary))
    merges = [
        (left, right)
        for left, right in learnt["merges"]
        if {left, right, left + right.removeprefix("##")} <= vocabulary.keys()
    ]

    bpe = models.BPE(vocabulary, merges, continuing_subword_prefix="##", byte_fallback=True, unk_token="[UNK]")
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer(digits_apart=False)
    tokenizer.decoder = decoder()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def save(tokenizer: Tokenizer, out: Path) -> None:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
    write(wrapped, out)


def write(wrapped: PreTrainedTokenizerFast, out: Path, **settings: str) -> None:
    """A tokenizer's files into `out`, whole or not at all; `settings` go into its tokenizer_config.json as well."""
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    wrapped.save_pretrained(unfinished)
    # The name that every version of transformers knows; version 5 would write its own.
    config = json.loads((unfinished / "tokenizer_config.json").read_text())
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config.pop("backend", None)
    config |= settings
    (unfinished / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    out.mkdir(parents=True, exist_ok=True)
    for path in unfinished.iterdir():
        os.replace(path, out / path.name)
    unfinished.rmdir()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with zh_text and en_text")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=12992, help="tokens in the vocabulary, at most 65536; of 384 numbers, in two bytes each, they just fit into 10 MB")
    parser.add_argument("--han-at-least", type=int, default=30, help="rarer Chinese characters become bytes")
    parser.add_argument("--other-at-least", type=int, default=30, help="the same for all others")
    settings = parser.parse_args(arguments)

    tokenizer = train(settings.data, settings.size, settings.han_at_least, settings.other_at_least)
    save(tokenizer, settings.out)
    print(f"{tokenizer.get_vocab_size()} tokens written to {settings.out}")


if __name__ == "__main__":
    main()
