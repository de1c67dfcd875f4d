"""The words are explained, each with its picture, in both languages."""

import xml.etree.ElementTree as xml

import pytest

from ftui.core import languages
from ftui.ui import glossary


@pytest.mark.parametrize("lang", languages.LANGUAGES)
@pytest.mark.parametrize("entry", glossary.ENTRIES)
def test_an_entry_has_words_and_a_picture(entry, lang):
    title, short, _ = languages.catalogue("glossary")[entry][lang]
    drawn = xml.fromstring(glossary.picture(entry, lang))
    assert drawn.attrib["aria-hidden"] == "true" and len(drawn) >= 2
    told = glossary.why(entry, lang)
    assert xml.fromstring(told).find("summary") is not None
    assert short in told and title in glossary.dialog(lang)


def test_nothing_in_it_is_forgotten():
    assert set(languages.catalogue("glossary")) == set(glossary.ENTRIES)
    assert glossary.dialog("zh").count("<article") == len(glossary.ENTRIES)
