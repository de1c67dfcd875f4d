"""CoNLL files: a token a line with its tag in the last column, a blank line between sentences."""

from collections.abc import Iterable, Iterator

from ftui.data.spans import split_tag

LOOKED_AT = 400  # lines, to recognise such a file


def is_conll(head: list[str]) -> bool:
    """Whether these first lines are tokens with tags: the same few columns in each, blank lines between sentences, and
    in the last column nothing but tags."""
    rows = [_columns(line) for line in head[:LOOKED_AT] if line.strip() and not _is_comment(line)]
    if len(rows) < 3 or not any(not line.strip() for line in head[1:LOOKED_AT]):
        return False
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return False
    places = [split_tag(row[-1])[0] for row in rows]
    return "O" in places and any(place in ("B", "I", "S", "U", "M") for place in places) and all(places)


def sentences(lines: Iterable[str]) -> Iterator[tuple[dict, int]]:
    """{"tokens": [...], "ner_tags": [...]} for each sentence, with its size in characters."""
    tokens: list[str] = []
    tags: list[str] = []
    for line in lines:
        if line.strip():
            if not _is_comment(line):
                row = _columns(line)
                tokens.append(row[0])
                tags.append(row[-1] if len(row) > 1 else "O")
        elif tokens:
            yield {"tokens": tokens, "ner_tags": tags}, sum(map(len, tokens))
            tokens, tags = [], []
    if tokens:
        yield {"tokens": tokens, "ner_tags": tags}, sum(map(len, tokens))


def _columns(line: str) -> list[str]:
    return [part for part in (line.rstrip("\r\n").split("\t") if "\t" in line else line.split()) if part.strip()]


def _is_comment(line: str) -> bool:
    """Document marks and comments of CoNLL-U, but not a hash sign with its tag.

    >>> [_is_comment(line) for line in ("# text = I am", "# newdoc", "# id: 0", "# O", "# SYM B-TAG")]
    [True, True, True, False, False]
    """
    if not line.startswith("# ") or "=" in line:
        return line.startswith(("-DOCSTART-", "# "))
    place, label = split_tag(tag := _columns(line)[-1])
    return tag != "O" and not (place and label)
