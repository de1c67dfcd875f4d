"""Makes the pictures of the READMEs: python -m benchmarks.screenshots

A page of its own on an empty home; the sample of each language is trained with the values that stand there, as a
newcomer would do it. Needs Chromium (and for 简体中文 a font such as Noto Sans CJK). Writes assets/screenshots/.
"""

from __future__ import annotations

import argparse
import tempfile

from benchmarks import pages

FOLDER = pages.REPOSITORY / "assets" / "screenshots"
TABS = ("data", "tune", "log", "evaluation", "playground", "export")
QUESTION = {"en": "The striker scored twice before half-time.", "zh": "前锋上半场就打进两球。"}
DARK = ("log",)  # also as they look at night
LONG = 600_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=860)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, pages.served(home) as address, sync_playwright() as playwright:
        browser = pages.chromium(playwright)
        for lang, locale in (("en", "en-GB"), ("zh", "zh-CN")):
            size = {"width": options.width, "height": options.height}
            page = browser.new_context(locale=locale, viewport=size, color_scheme="light").new_page()
            page.set_default_timeout(60_000)
            walk(page, address, lang)
        browser.close()


def walk(page, address: str, lang: str) -> None:
    """From the sample to an answer, with a picture of each tab."""
    page.goto(address)
    sample = {"en": "English", "zh": "中文"}[lang]
    page.locator("#samples button").filter(has_text=sample).first.click()
    page.locator("#rows table").wait_for()
    shoot(page, f"data-{lang}")
    page.locator("#use-data").click()
    page.locator("#start-training").wait_for()
    shoot(page, f"tune-{lang}")
    page.locator("#start-training").click()
    page.locator("#status .badge.finished").wait_for(timeout=LONG)
    for tab in TABS[2:]:
        page.locator(f"#tab-{tab}-button").click()
        if tab == "playground":
            page.locator("#question textarea").fill(QUESTION[lang])
            page.locator("#ask").click()
            page.locator("#answer-label").wait_for(timeout=LONG)
        shoot(page, f"{tab}-{lang}")
        if tab in DARK:
            page.locator("#switch-theme").click()
            shoot(page, f"{tab}-{lang}-dark")
            page.locator("#switch-theme").click()


def shoot(page, name: str) -> None:
    """A picture of what is seen, in 256 colours: a tenth of the size and no difference to the eye."""
    from PIL import Image

    page.wait_for_timeout(2500)  # until charts are drawn
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(pages.REPOSITORY)}  {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
