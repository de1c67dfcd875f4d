"""What is looked for in texts: markup, addresses, punctuation. Found by ftui.data.report, cured by ftui.data.rewriting."""

import html
import re
from collections.abc import Iterator

BLOCKS = "br|div|li|ul|ol|tr|td|th|table|tbody|thead|h[1-6]|hr|blockquote|section|article|option|dd|dt|dl|pre"
INLINES = (
    "abbr|big|body|center|code|em|font|form|head|header|footer|html|iframe|img|input|label|link|mark|meta|nav|"
    "script|select|small|span|strike|strong|style|sub|sup|svg|textarea|title|tt|video|audio|button"
)
OPENING = re.compile(r"<(script|style)\b[^<>]{0,1000}>|<!--", re.I)
SCRIPT = re.compile(r"<(script|style)\b[^<>]{0,1000}>.*?</\1\s*>|<!--.*?-->", re.I | re.S)
_INSIDE = r"(?:\s[^<>]{0,1000})?/?"
_OF_A_LETTER = r"(?:\s(?=[^<>=]{0,1000}=)[^<>]{0,1000}|\s{0,9}/?)"  # "if a <b and c> d" is no tag: what stands in one has a sign of equality
BLOCK = re.compile(rf"</?(?:(?:{BLOCKS}){_INSIDE}|p{_OF_A_LETTER})>", re.I)
INLINE = re.compile(rf"</?(?:(?:{INLINES}){_INSIDE}|[abisu]{_OF_A_LETTER})>", re.I)
ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")

_BEFORE_END = r"[A-Za-z0-9/=&_~#-]"
URL = re.compile(rf"(?:https?://|ftp://|\bwww\.)[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*{_BEFORE_END}", re.I)
EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,20}")
PHONE = re.compile(
    r"(?<![\dA-Za-z.])(?:"
    r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}"  # mobile, China
    r"|\(?0\d{2,3}\)?[- ]\d{7,8}|[48]00[- ]\d{3}[- ]?\d{4}"  # landline and service numbers, China
    r"|\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]\d{2,4}){1,4}"  # international
    r"|(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}"  # North America
    r")(?![\dA-Za-z])"
)
MANY_DIGITS = re.compile(r"\+|\d(?:\D{0,2}\d){9}")  # every phone number has one of these in it
LINE_BREAK = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
INVISIBLE = re.compile("[\u200b\u2060\ufeff]+")
SPACES = re.compile(r"\s{2,}|[^\S ]")

KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")  # without ・ and ー, which Chinese texts have as well
HANZI = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
REPEATED = re.compile(r"([,，?？!！：;；~～、])\1+|:{2,}(?![A-Za-z_])|(?<![.。…])[.。…]{2,}+(?![/\\])")  # but not in std::string and ../data
HALF_AFTER_FULL = re.compile(rf"(?<=[{HANZI.pattern[1:-1]}，。？！：；…）》」』”])(?:[,?!:;]|\.(?![a-z0-9./\\]))")  # but not in 百度.com
FULL_WIDTH = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")  # letters and digits
FULL = {",": "，", ".": "。", "?": "？", "!": "！", ":": "：", ";": "；"}
STRAIGHT = {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‚": "'", "—": "-", "–": "-", "…": "..."}
CURLY = re.compile("[" + "".join(STRAIGHT) + "]")


def has_markup(text: str) -> bool:
    """Whether there are HTML tags, comments or entities in it.

    >>> has_markup("好<br/>的"), has_markup("a &amp; b"), has_markup("a < b, c > d; Q&A")
    (True, True, False)
    """
    if "<" in text and (BLOCK.search(text) or INLINE.search(text) or "<!--" in text):
        return True
    return "&" in text and any(html.unescape(entity) != entity for entity in ENTITY.findall(text))


def scripts(text: str) -> Iterator[tuple[int, int]]:
    """What SCRIPT finds, in a time that is linear: once one opening has no end, later ones of its kind have none either.

    >>> list(scripts("<!-- a --><style>b</style><!-- c"))
    [(0, 10), (10, 26)]
    """
    place, endless = 0, set[str]()
    for opening in OPENING.finditer(text):
        kind = (opening[1] or "").lower()
        if opening.start() < place or kind in endless:
            continue
        if found := SCRIPT.match(text, opening.start()):
            place = found.end()
            yield found.span()
        else:
            endless.add(kind)


def ends(text: str) -> Iterator[tuple[int, int]]:
    r"""White space at both ends, which `\A\s+|\s+\Z` would look for from each space on.

    >>> list(ends(" a  ")), list(ends("  "))
    ([(0, 1), (2, 4)], [(0, 2)])
    """
    start = len(text) - len(text.lstrip())
    end = max(start, len(text.rstrip()))
    if start:
        yield 0, start
    if end < len(text):
        yield end, len(text)
