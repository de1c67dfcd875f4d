"""The plain text that the starter models are made from.

A folder holds `zh_text/` and `en_text/`, each with gzip files of documents: a document is a run of lines, a blank line
ends it. `validation.txt.gz` holds documents that are in none of the others; it is only ever measured on.
"""

import gzip
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

LANGUAGES = ("zh", "en")
REPOSITORY = Path(__file__).resolve().parents[2]


def default_folder() -> Path:
    return Path(os.environ.get("FTUI_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


def files(folder: Path, part: str, languages=LANGUAGES) -> list[Path]:
    """The text files of `part` ("train" or "validation"), in an order that never changes."""
    found = sorted(path for language in languages for path in (folder / f"{language}_text").glob("*.txt.gz"))
    found = [path for path in found if (path.name == "validation.txt.gz") == (part == "validation")]
    if not found:
        raise FileNotFoundError(f"no {part} text (*_text/*.txt.gz) below {folder}")
    return found


def documents(folder: Path, part: str, languages=LANGUAGES) -> Iterator[str]:
    for path in files(folder, part, languages):
        lines: list[str] = []
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                if line.strip():
                    lines.append(line)
                elif lines:
                    yield "".join(lines)
                    lines = []
        if lines:
            yield "".join(lines)


def tokenise(folder: Path, part: str, tokenizer, work: Path) -> np.ndarray:
    """All text of `part` as one row of token numbers, each document closed by the separator (or the end token); made
    once, then read from the disk as needed."""
    end = tokenizer.eos_token_id if tokenizer.sep_token_id is None else tokenizer.sep_token_id
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{part}.uint16"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        waiting = documents(folder, part)
        with unfinished.open("wb") as stream:
            while some := list(islice(waiting, 256)):
                for document in tokenizer.backend_tokenizer.encode_batch_fast(some, add_special_tokens=False):
                    stream.write(np.array([*document.ids, end], dtype=np.uint16).tobytes())
        os.replace(unfinished, path)
    return np.memmap(path, dtype=np.uint16, mode="r")


def blocks(tokens: np.ndarray, step: int, count: int, length: int, seed: int) -> np.ndarray:
    """`count` stretches of `length` tokens for one step. Every pass over the text shuffles them anew and moves their
    borders; all of it follows from the number of the step, so going on after a stop needs no other memory."""
    steps_per_pass = max(1, (len(tokens) // length - 1) // count)
    turn, place = divmod(step, steps_per_pass)
    random = np.random.default_rng((seed, turn))
    shift = int(random.integers(length))
    order = random.permutation((len(tokens) - shift) // length)[place * count : (place + 1) * count]
    return np.stack([tokens[shift + at * length : shift + (at + 1) * length] for at in order]).astype(np.int64)
