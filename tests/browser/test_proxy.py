"""The page under a path of another server: its files, its queue, its live events, uploads and downloads."""

import re

from playwright.sync_api import expect

from ftui import jobs
from tests.browser.steps import drop
from tests.conftest import wait_for
from tests.proxy import Proxy

PREFIX = "/tools/ftui"


def test_everything_goes_through_a_proxy_that_shows_it_under_a_path(tmp_path, start_ui, browser, toy_csv):
    ui = start_ui(tmp_path / "home", "--root-path", PREFIX)
    with Proxy(ui.url, PREFIX) as proxy:
        context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
        page = context.new_page()
        failed, asked, problems = [], [], []
        page.on("response", lambda answer: failed.append((answer.status, answer.url)) if answer.status >= 400 else None)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(proxy.url + "/")
        page.wait_for_url(re.compile(PREFIX + "/en/"))
        drop(page, toy_csv)  # upload, and a handler through the queue
        page.locator("#use-data").click()
        page.locator("#start-training").click()
        page.wait_for_url(re.compile("run="))
        [run] = wait_for(lambda: ui.home.all_runs())
        expect(page.locator("#log-lines")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))  # live events
        jobs.end_all(ui.home)
        page.goto(proxy.url + "/?lang=zh")
        page.wait_for_url(re.compile(PREFIX + "/zh/"))
        expect(page.locator("#runs")).to_contain_text("reviews.csv")
        context.close()
        assert any(f"{PREFIX}/live" in url for url in asked) and any("/queue/data" in url for url in asked)
        outside = [url for url in asked if not url.startswith((proxy.url, "data:", "blob:"))]
        assert (failed, outside, proxy.strays, problems) == ([], [], [], [])
