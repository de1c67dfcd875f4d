"""Text that was read in the wrong encoding somewhere on its way: 寰堝ソ, ÖÐÎÄ, â€œ. Found and put right where it can be."""

import functools
import re

from ftui.data.encodings import is_common

_FOREIGN = re.compile(r"[^\x00-\x7f]")
_BEYOND = re.compile("[^\x00-\u2122]")
# Without one of these nothing looks misread to ftfy: all that it looks for has a letter with an accent, a Greek or Cyrillic
# letter, a line of a box or an odd sign in it. Dashes, quotes, dots, fullwidth signs and hanzi alone are well.
_ODD = re.compile("[\x80-\xb6\xb8-\u1fff\u2020\u2021\u2030\u2044\u20a0-\u2bff\ue000-\uf8ff\ufb00-\ufb06\ufffd]")
LOST = re.compile(r"\ufffd|锟斤|烫烫烫|屯屯屯")  # what it said cannot be known any more


def mend(text: str) -> str:
    """The text as it was meant; the same text where nothing is wrong or nothing can be done.

    >>> mend("寰堝ソ"), mend("ÖÐÎÄÄÚÈÝ"), mend("It\u00e2\u20ac\u2122s"), mend("联通 café")
    ('很好', '中文内容', 'It’s', '联通 café')
    """
    for _ in range(4):  # it may have gone wrong more than once
        mended = _once(text)
        if mended == text:
            break
        text = mended
    return text


def is_lost(text: str) -> bool:
    """Whether characters stand in it that replaced what could not be read."""
    return LOST.search(text) is not None


def _once(text: str) -> str:
    if text.isascii():
        return text
    return _utf8_read_as_gbk(text) or _gbk_read_as_latin(text) or _western(text)


def _utf8_read_as_gbk(text: str) -> str | None:
    """Genuine Chinese, as GB18030, is practically never valid UTF-8; two characters may be by chance."""
    try:
        meant = text.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return None
    return meant if any(map(is_common, meant)) else None


def _gbk_read_as_latin(text: str) -> str | None:
    if _BEYOND.search(text) or len(_FOREIGN.findall(text)) < 4:
        return None
    for codec in ("latin-1", "cp1252"):
        try:
            meant = text.encode(codec).decode("gb18030")
        except UnicodeError:
            continue
        hanzi = [c for c in meant if "\u4e00" <= c <= "\u9fff"]
        if len(hanzi) >= 2 and sum(map(is_common, hanzi)) >= 0.4 * len(hanzi):
            return meant
    return None


def _western(text: str) -> str:
    if not _ODD.search(text):
        return text
    fix, is_bad = _ftfy()
    return fix(text) if is_bad(text) else text


@functools.cache
def _ftfy():
    import ftfy
    from ftfy.badness import is_bad

    return ftfy.fix_encoding, is_bad
