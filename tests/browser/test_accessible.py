"""axe-core finds no serious fault in any tab, light or dark, wide or narrow; and the steps can be walked by keyboard."""

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from ftui.ui.page import TABS

READY = {  # what a tab shows when it is there in full
    "data": "#rows table", "tune": "#start-training", "log": "#log-lines .log div", "evaluation": "#confusion table",
    "playground": "#question", "export": "#artefacts table",
}  # fmt: skip
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def ui(start_ui, trained):
    return start_ui(trained["home"].path)


def faults(page) -> list[str]:
    """What axe-core calls serious or critical, each with the first element that has it."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]


@pytest.mark.parametrize(("lang", "width", "dark"), [("zh", 1440, False), pytest.param("en", 390, True, marks=pytest.mark.slow)])
def test_no_serious_fault(open_page, trained, lang, width, dark):
    page = open_page("/", lang=lang, width=width, dark=dark)
    assert faults(page) == [], "the start page"
    page.goto(page.url.split("?")[0] + f"?run={trained['run'].id}")
    page.locator("#status .badge.finished").wait_for()
    for tab in TABS:
        page.locator(f"#tab-{tab}-button").click()
        expect(page.locator(READY[tab]).first).to_be_visible()
        assert faults(page) == [], tab


def test_steps_by_keyboard(open_page, trained):
    page = open_page(f"/?run={trained['run'].id}&tab=data", lang="en")
    first, second = page.locator("#tab-data-button"), page.locator("#tab-tune-button")
    expect(page.locator("#data-facts")).to_contain_text("reviews.csv")
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(second).to_have_attribute("aria-selected", "true")
    expect(page.locator("#start-training")).to_be_visible()
