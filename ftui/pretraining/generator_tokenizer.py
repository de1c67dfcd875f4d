"""Makes the tokenizer of the starters that write (`starter-lm`, `starter-seq2seq`):

    python -m ftui.pretraining.generator_tokenizer --data DIR --out DIR

A byte-level BPE: whatever is encoded comes back to the letter, with its spaces and capitals, and nothing is unknown. A
Chinese character or punctuation mark is never joined with its neighbour, digits are split singly.
"""

import argparse
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from ftui.pretraining import corpus
from ftui.pretraining.tokenizer import write

SENTINELS = [f"<extra_id_{number}>" for number in range(64)]  # stand for what span corruption takes out
SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", *SENTINELS]
ALONE = "[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff—…“”0-9]"
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + (message['content'] | trim) + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def train(data: Path, size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(ALONE), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=5,
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus.documents(data, "train"), trainer)
    return tokenizer


def save(tokenizer: Tokenizer, out: Path, closes: bool, chat_template: str | None) -> None:
    """`closes`: every encoded text ends with <|end|>, as T5 wants it."""
    if closes:
        end = ("<|end|>", tokenizer.token_to_id("<|end|>"))
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A <|end|>", pair="$A <|end|> $B <|end|>", special_tokens=[end]
        )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        bos_token=None if closes else "<|end|>",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
    write(wrapped, out, **({"chat_template": chat_template} if chat_template else {}))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with zh_text and en_text")
    parser.add_argument("--out", type=Path, required=True, help="gets two folders: lm and seq2seq")
    parser.add_argument("--size", type=int, default=10240, help="tokens in the vocabulary, at most 65536")
    settings = parser.parse_args(arguments)

    tokenizer = train(settings.data, settings.size)
    save(tokenizer, settings.out / "lm", closes=False, chat_template=CHAT_TEMPLATE)
    save(tokenizer, settings.out / "seq2seq", closes=True, chat_template=None)
    print(f"{tokenizer.get_vocab_size()} tokens written to {settings.out}")


if __name__ == "__main__":
    main()
