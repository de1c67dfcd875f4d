import doctest
import string

import pytest

from ftui.core import languages


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", sorted(p.stem for p in languages._FOLDER.glob("*.yaml") if p.stem != "help"))
def test_both_languages_say_the_same(name):
    for key, whole in languages.catalogue(name).items():
        entry = {lang: said for lang, said in whole.items() if lang != "one"}
        assert set(entry) == set(languages.LANGUAGES), key
        assert "one" not in whole or blanks(whole["one"]) <= blanks(whole["en"]), key
        assert all(e[0].strip() for e in entry.values()), key
        pairs = zip(*[e if isinstance(e, list) else [e] for e in entry.values()], strict=True)
        for english, chinese in pairs:
            assert bool(english.strip()) == bool(chinese.strip()), key
            assert blanks(english) == blanks(chinese), key


def test_one_row_is_no_rows():
    assert languages.finding("urls", count=1) == "One text holds web addresses."
    assert languages.finding("urls", count=2) == "2 texts hold web addresses."
    assert languages.finding("urls", "zh", count=1) == "1 条文本含有网址。"
    assert languages.log("dropped_empty_text", rows=1) == languages.finding("empty_text", count=1) == "One row without text was left out."


def test_examples_in_docstrings():
    assert doctest.testmod(languages).failed == 0
