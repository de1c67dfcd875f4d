"""The catalogue is whole: every text that the pages ask for is there, in both languages, and none is left over."""

import re
import string
from pathlib import Path

import pytest

from ftui.core import languages

UI = Path(__file__).parents[2] / "ftui" / "ui"
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted(UI.rglob("*.py")))
# Keys that are put together: text(prefix + name).
PREFIXES = (
    "baseline_", "entity_", "input_", "no_answer_", "role_", "task_",
    "clean_", "disk_", "loses_", "queue_", "tell_",
    "about_metric_", "vote_", "balance_", "bundle_", "card_", "chat_", "about_artefact_", "about_", "artefact_", "axis_", "chart_", "evaluation_", "export_", "group_", "level_", "metric_",
    "advice_", "model_", "phase_", "playground_", "sample_", "snippet_", "split_", "strategy_", "tab_",
    "way_", "search_state_", "search_mark_", "search_about_", "label_rows_", "labelling_", "estimate_by_", "span_to_", "fit_", "layer_",
)  # fmt: skip


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("name", ["interface", "interface_forms", "interface_workshop", "interface_growing", "interface_smaller", "interface_export", "interface_door", "errors_door", "interface_labelling", "interface_language", "interface_text2text", "interface_domain", "interface_outcome", "interface_cost", "errors_cost", "interface_search", "errors_search", "errors_smaller", "errors_text2text", "settings", "errors_ui", "glossary"])
def test_both_languages_say_the_same_with_the_same_blanks(name):
    for key, entry in languages.catalogue(name).items():
        assert set(entry) == set(languages.LANGUAGES), key
        pairs = (
            zip(entry["en"], entry["zh"], strict=True)
            if isinstance(entry["en"], list)
            else [(entry["en"], entry["zh"])]
        )
        for english, chinese in pairs:
            assert english.strip() and chinese.strip(), key
            assert blanks(english) == blanks(chinese), key


def test_every_text_that_is_asked_for_exists():
    asked = set(re.findall(r"""(?:languages\.text|\bt|page\.t)\(\s*["']([a-z_0-9]+)["']\s*[,)]""", SOURCE))
    assert len(asked) > 80
    assert asked - set(languages.interface()) == set()


def test_no_text_is_left_over():
    words = set(re.findall(r"[a-z_0-9]+", SOURCE))
    left = [k for k in languages.interface() if k.removesuffix("_note") not in words and not k.startswith(PREFIXES)]
    assert left == []


def test_every_state_has_a_word_and_an_icon():
    from ftui.core import events as ev
    from ftui.ui.style import STATE_ICONS

    states = {ev.QUEUED, ev.STARTING, ev.RUNNING, ev.STOPPING, *ev.TERMINAL}
    assert set(STATE_ICONS) == states
    for state in states:
        assert languages.log("state_" + state, "zh") != languages.log("state_" + state, "en")
