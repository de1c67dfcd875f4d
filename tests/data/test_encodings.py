"""Encodings are found on the whole file, and what cannot be decoded does not stop an import."""

import io

import pytest

from ftui.data import encodings

CHINESE = "评论内容,情感标签\n这个产品质量很好，用起来很方便,正面\n太差了，完全不值这个价钱,负面\n"
LABELS = "text,label\nvery good,正面\nnot my taste,负面\n"
TRADITIONAL = "text,label\n這個產品非常好，我們都很喜歡,正面\n品質太差了，不會再來買,負面\n"
FRENCH = "text,label\nC'est très décevant à ce prix,0\nJ'ai adoré, déjà commandé deux fois,1\n"
QUOTED = "text,label\nIt’s “good” – really…,1\nIt’s bad,0\n"
CAFE = "text,label\ncafé,1\n"
CZECH = "text,label\nVelmi dobrý výrobek, příště koupím zase všem doporučuji,1\n"
RUSSIAN = "text,label\nОчень хороший товар всем советую,1\nКачество плохое не советую,0\n"
KOREAN = "text,label\n제품이 정말 마음에 들어요 배송도 빨랐습니다,1\n가격에 비해 품질이 좋지 않네요,0\n"
EMOJI = "text,label\n太好了👍🏽,正面\n"


def detect(content: bytes) -> encodings.Encoding:
    return encodings.detect(lambda: io.BytesIO(content))


def decoded(content: bytes) -> str:
    found = detect(content)
    return content.decode(found.name, found.errors).removeprefix("\ufeff")


@pytest.mark.parametrize("times", [1, 300])
@pytest.mark.parametrize(
    ("text", "codec"),
    [
        *((CHINESE, c) for c in ("utf-8", "utf-8-sig", "gbk", "gb2312", "gb18030")),
        *((CHINESE, c) for c in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        *((LABELS, c) for c in ("utf-8", "gbk", "utf-16-le", "utf-16-be")),
        *((EMOJI, c) for c in ("utf-8", "gb18030", "utf-16-le")),
        *((TRADITIONAL, c) for c in ("utf-8", "gbk", "big5")),
        *((FRENCH, c) for c in ("latin-1", "cp1252", "utf-8", "utf-16-le")),
        *((CAFE, c) for c in ("latin-1", "utf-8")),
        (QUOTED, "cp1252"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (KOREAN, "cp949"),
    ],
)
def test_text_comes_back(text: str, codec: str, times: int) -> None:
    assert decoded((text * times).encode(codec)) == text * times


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8-sig"),
        (CHINESE, "gbk", "gb18030"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16-be", "utf-16-be"),
        (FRENCH, "latin-1", "cp1252"),
        ("plain,ascii\n", "ascii", "utf-8"),
    ],
)
def test_names(text: str, codec: str, name: str) -> None:
    assert detect(text.encode(codec)) == encodings.Encoding(name)


@pytest.mark.parametrize("tail", [LABELS, LABELS.replace("正面", "é")])
def test_first_foreign_byte_late_in_a_long_file(tail: str) -> None:
    assert decoded(b"good,1\n" * 800_000 + tail.encode()).endswith(tail)


def test_first_foreign_byte_late_in_a_long_gbk_file() -> None:
    found = detect(b"good,1\n" * 800_000 + (LABELS * 3).encode("gbk"))
    assert found == encodings.Encoding("gb18030")


def test_character_on_the_edge_of_a_chunk() -> None:
    for shift in range(3):
        text = "a" * (encodings.CHUNK - shift) + "评论\n"
        assert detect(text.encode()) == encodings.Encoding("utf-8")


@pytest.mark.parametrize(
    ("codec", "name", "bad"),
    [
        ("utf-8", "utf-8", b"\xff"),
        ("utf-8", "utf-8", b"\xe4\xbd"),
        ("utf-8-sig", "utf-8-sig", b"\xff"),
        ("gbk", "gb18030", b"\xff"),
    ],
)
def test_damaged_bytes_are_counted(codec: str, name: str, bad: bytes) -> None:
    content = (CHINESE * 100).encode(codec) + (b"abc" + bad + b"\n,") * 3
    assert detect(content) == encodings.Encoding(name, damaged=3)
    assert decoded(content) == CHINESE * 100 + "abc\ufffd\n," * 3


def test_a_cut_off_file_keeps_its_encoding() -> None:
    assert detect((CHINESE * 10).encode()[:-9]).name == "utf-8"
    assert detect((CHINESE * 10).encode("gbk")[:-4]).name == "gb18030"


def test_a_nul_byte_makes_no_utf16() -> None:
    assert detect(b"text,label\na\x00b,1\nc\x00d,0\n") == encodings.Encoding("utf-8")


def test_any_bytes_are_decoded_somehow() -> None:
    content = bytes(range(9, 256)) * 3
    found = detect(content)
    assert content.decode(found.name, found.errors)


@pytest.mark.parametrize(
    ("head", "binary"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), True),
        (bytes(range(256)) * 4, True),
        (b"\x00" * 100, True),
        (CHINESE.encode(), False),
        (CHINESE.encode("gbk"), False),
        (CHINESE.encode("utf-16-le"), False),
        (CHINESE.encode("utf-32"), False),
        (b"text,label\na\x00b,1\n", False),
    ],
)
def test_binary(head: bytes, binary: bool) -> None:
    assert encodings.looks_binary(head) == binary
