"""The plain text that the starter models are made from.

A folder holds `zh_text/` and `en_text/`, each with gzip files of documents: a document is a run of lines, a blank line ends it.
`validation.txt.gz` holds documents that are in none of the others; it is only ever measured on.
"""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

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
