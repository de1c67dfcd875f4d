"""What steps do to single texts, as properties: for any text."""

import doctest
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.errors import UserError
from ftui.core.steps import build_steps
from ftui.data import mojibake, patterns, rewriting, similar

STEPS = [*rewriting.PASSES, *rewriting.MASKED]
PIECES = [
    "很好", "這個東西很乾淨", "Good", "ＡＢ１２", "，", ",", "!!!", "。。。", "...", "“", "’", " ", "\u3000", "\n", "\u200b", "<br/>", "<b>",
    "</b>", "&amp;", "&lt;p&gt;", "<!-- x -->", "https://t.cn/a", "www.a.com", "me@example.org", "13812345678", "寰堝ソ", "â€™", "é", "😀",
]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


def step(name: str, **settings_):
    return build_steps([{"name": name, **settings_}])[0]


@pytest.mark.parametrize("module", [mojibake, patterns, similar])
def test_examples_in_docstrings(module) -> None:
    assert doctest.testmod(module).failed == 0


TAGS = ["<script>", "<SCRIPT a=1>", "</script>", "</Script >", "</script", "<style>", "</style\n>", "<\u017fcript>", "</\u017fcript>", "<scr\u0131pt>", "<!--", "-->", "->", "<!-->", ">", " ", "\n", "a"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.lists(st.sampled_from(TAGS), max_size=14).map("".join), st.text(alphabet="<>!-/script \n", max_size=40)))
def test_scripts_are_what_the_pattern_finds(text) -> None:
    assert list(patterns.scripts(text)) == [match.span() for match in patterns.SCRIPT.finditer(text)]


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=12), st.text(alphabet=" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u180e\u200b\u2028\u3000\ufeffa", max_size=12)))
def test_ends_are_what_the_pattern_finds(text) -> None:
    assert list(patterns.ends(text)) == [match.span() for match in re.finditer(r"\A\s+|\s+\Z", text)]


@pytest.mark.parametrize(("name", "text"), [("strip_html", "<!--" * 200_000), ("strip_html", "<script>" * 100_000), ("whitespace", "a" + " " * 500_000 + "b"), ("punctuation", "." * 500_000 + "/"), ("strip_html", ("<a " + "=" * 900) * 1000)])
def test_one_cell_cannot_take_hours(name, text) -> None:
    """A quadratic pass would take ten minutes and more for each of these, and hold up every other thread."""
    assert len(rewriting.rewrite(text, [step(name)])) <= len(text)


def test_wide_letters_alone() -> None:
    assert rewriting.rewrite("ＡＢ１２，好！", [step("nfkc", only_letters=True)]) == "AB12，好！"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("strip_html", "<p>很好&amp;nbsp;<br/>推荐</p><script>x<3</script>", " 很好\xa0 推荐  "),
        ("strip_html", "a < b, c > d & e", "a < b, c > d & e"),
        ("strip_html", "if a <b and c> d, 1<s 且 t>2, <p & q>", "if a <b and c> d, 1<s 且 t>2, <p & q>"),
        ("strip_html", "<a\nhref='x'>y</a ><B class=x>z</B><p align=left>x</p >", "yz x "),
        ("fix_mojibake", "ÖÐÎÄÄÚÈÝ", "中文内容"),
        ("nfkc", "ＡＢ１２，", "AB12,"),
        ("whitespace", " a \n b\u3000c\u200b ", "a b c"),
        ("punctuation", "很好,不错!!!3.5分", "很好，不错！3.5分"),
        ("punctuation", "It’s “good”…", "It's \"good\"..."),
        ("punctuation", "百度.com的std::string好,看../a.txt和文件.txt.", "百度.com的std::string好，看../a.txt和文件.txt."),
        ("punctuation", "他说::好.........是吗??", "他说：好…是吗？"),
        ("lowercase", "GOOD", "good"),
        ("simplify_chinese", "這個東西很乾淨", "这个东西很干净"),
        ("simplify_chinese", "這個の東西很乾淨", "这个の东西很干净"),  # as it is written in fun
        ("simplify_chinese", "瑪麗・居禮", "玛丽・居礼"),
        ("simplify_chinese", "東京駅で電車を乗り換えます", "東京駅で電車を乗り換えます"),
        ("mask_urls", "看http://t.cn/abc很好, www.a.com.", "看[URL]很好, [URL]."),
        ("mask_emails", "写信a.b@c.com吧", "写信[EMAIL]吧"),
        ("mask_phones", "电话138 1234 5678，编号 20138123456789", "电话[PHONE]，编号 20138123456789"),
    ],
)
def test_what_each_step_does(name, before, after) -> None:
    assert rewriting.rewrite(before, [step(name)]) == after


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_a_step_done_twice_is_done_once(name, text) -> None:
    once = rewriting.rewrite(text, [step(name)])
    assert rewriting.rewrite(once, [step(name)]) == once


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=60, deadline=None)
@given(before=TEXTS, after=TEXTS)
def test_spans_still_cut_out_the_same_word(name, before, after) -> None:
    """A word of plain letters between any two texts is found at its place, and the text is what the step makes of it."""
    word = "银行kappa"
    text = f"{before} {word} {after}"
    start = len(before) + 1
    made, (span,) = rewriting.follow(text, step(name), [(start, start + len(word))])
    assert made == rewriting.rewrite(text, [step(name)])
    if word in made and made.count(word) == 1 and text.count(word) == 1:
        assert span is not None
        assert made[slice(*span)] == word or (name == "fix_mojibake" and word in made[slice(*span)])  # it rewrites wholes


def test_a_pattern_replaces_and_may_not_take_for_ever() -> None:
    assert rewriting.rewrite("#好 #坏", [step("replace", pattern=r"#(\w)", replacement=r"<\1>")]) == "<好> <坏>"
    with pytest.raises(UserError) as error:
        rewriting.rewrite("a" * 40, [step("replace", pattern=r"^(a|b|ab|a)*c|^(a|a)+$|(a+a+)+b")])
    assert error.value.code == "pattern_too_slow"
