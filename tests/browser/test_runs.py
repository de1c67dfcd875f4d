"""Runs and their log in a browser: lines as they come, the menu of a run, the queue, a notification. Nothing is trained:
the test itself writes what a worker would."""

import json
import os
import re
import time

import pytest
from playwright.sync_api import expect

from ftui.core import events as ev
from ftui.core.home import Home, write_json
from ftui.data import intake
from ftui.jobs import processes, queue
from tests.conftest import reviews, write_csv
from tests.ui.conftest import make_run

STUB = """() => {
  window.told = [];
  window.Notification = class { constructor(title, options) { window.told.push([title, options.body]); } };
  Notification.permission = "default";
  Notification.requestPermission = async () => { Notification.permission = "granted"; return "granted"; };
}"""


@pytest.fixture(scope="module")
def ui(tmp_path_factory, serve_module):
    """One page for all these tests; each has runs of its own."""
    return serve_module(tmp_path_factory.mktemp("runs") / "home")


@pytest.fixture
def home(ui) -> Home:
    return ui.home


@pytest.fixture
def dataset(home, tmp_path):
    return intake.import_file(write_csv(tmp_path / "reviews.csv", reviews(40)), home)


@pytest.fixture
def run(home, dataset):
    """(run, job, writer) of a run that is at work; it is over at the end of the test."""
    run, job, events = make_run(home, dataset)
    events.state(ev.RUNNING)
    events.metric(1, 0.1, {"loss": 0.7, "learning_rate": 1e-4, "grad_norm": 1.0})
    events.progress(phase="training", step=25, max_steps=100, examples_per_second=81.0, eta=100.0)
    yield run, job, events
    events.state(ev.STOPPED)


def log(page):
    return page.locator("#log-lines .log")


def open_log(open_page, run, **options):
    page = open_page(f"/?run={run.id}&tab=log", **{"lang": "en", **options})
    expect(page.locator("#status .badge")).to_be_visible()
    expect(log(page)).to_contain_text("[running]")
    return page


def test_lines_and_points_come_by_themselves_also_after_a_hundred_thousand(run, open_page):
    run, job, events = run
    line = {"time": time.time(), "attempt": 1, "type": "log", "level": "info", "key": "checkpoint", "params": {"step": 1}}
    point = {"time": time.time(), "attempt": 1, "type": "metric", "epoch": 1}
    with open(job.events, "a") as file:
        for i in range(2, 50_002):
            file.write(json.dumps(line) + "\n")
            file.write(json.dumps({**point, "step": i, "values": {"loss": 1 / i, "learning_rate": 1e-4}}) + "\n")
    page = open_page(f"/?run={run.id}&tab=log", lang="en")
    expect(log(page)).to_contain_text("Step 50001", timeout=60_000)
    expect(page.locator("#log-lines .more")).to_contain_text("of 100,00")
    assert page.locator("#log-lines .log > div").count() == 1000
    page.wait_for_function("document.querySelector('#chart-loss .chart').data")
    assert page.evaluate("document.querySelector('#chart-loss .chart').data[0].x.length") < 700  # thinned
    for step in range(60_000, 60_003):  # how soon: benchmarks/log.py measures it
        events.log("checkpoint", step=step)
        page.wait_for_function(f"document.querySelector('#log-lines .log').textContent.includes('step {step}.')")
        events.metric(step, 1, {"loss": 0.5})
        page.wait_for_function(f"document.querySelector('#chart-loss .chart').data[0].x.at(-1) === {step}")


def test_following_stops_when_the_reader_scrolls_up(run, open_page):
    run, _, events = run
    for step in range(200):
        events.log("checkpoint", step=step)
    page = open_log(open_page, run)
    expect(log(page)).to_contain_text("step 199.")
    at_end = "(() => { const l = document.querySelector('#log-lines .log'); return l.scrollHeight - l.scrollTop - l.clientHeight < 5; })()"
    page.wait_for_function(at_end)
    expect(page.locator("#log-lines .newest")).to_be_hidden()
    log(page).evaluate("l => { l.scrollTop = 100; }")
    expect(page.locator("#log-lines .newest")).to_contain_text("Newest")
    events.log("checkpoint", step=777)
    expect(page.locator("#log-lines .newest")).to_contain_text("1 new")
    assert log(page).evaluate("l => l.scrollTop") == 100
    page.locator("#log-lines .newest").click()
    page.wait_for_function(at_end)
    events.log("checkpoint", step=888)
    expect(log(page)).to_contain_text("step 888.")
    page.wait_for_function(at_end)


def test_lines_of_a_level_with_some_words_and_all_as_a_file(run, open_page):
    run, job, events = run
    events.log("dropped_empty_text", level="warning", rows=3)
    events.log("checkpoint", step=41)
    job.log.write_text("raw output")
    page = open_log(open_page, run)
    page.locator("#level input[value=warnings]").check(force=True)
    expect(log(page)).to_have_text(re.compile("3 rows without text were left out.$"))
    assert log(page).locator("> div").count() == 1
    page.locator("#level input[value=all]").check(force=True)
    page.locator("#find-lines textarea, #find-lines input").first.press_sequentially("CHECKPOINT")
    expect(log(page)).to_have_text(re.compile("^[0-9:]+Checkpoint saved at step 41.$"))
    events.log("checkpoint", step=42)
    expect(log(page)).to_contain_text("step 42.")
    with page.expect_download() as download:
        page.locator("#download-log").click()
    text = download.value.path().read_text()
    assert "3 rows without text" in text and text.endswith("raw output")


def test_two_tabs_on_the_same_run(run, open_page):
    run, _, events = run
    pages = [open_log(open_page, run, lang=lang) if lang == "en" else open_page(f"/?run={run.id}", lang=lang) for lang in ("en", "zh")]
    events.log("checkpoint", step=55)
    expect(log(pages[0])).to_contain_text("Checkpoint saved at step 55.")
    expect(log(pages[1])).to_contain_text("已保存第 55 步的检查点")
    events.state(ev.FINISHED)
    for page in pages:
        expect(page.locator("#status .badge.finished")).to_be_visible()
        expect(page.locator("#see-evaluation")).to_be_visible()


def test_smoothing_and_log_scale(run, open_page):
    run, _, events = run
    for step in range(2, 60):
        events.metric(step, 1, {"loss": 1 + step % 2})
    page = open_log(open_page, run)
    page.wait_for_function("document.querySelector('#chart-loss .chart').data?.length === 1")
    page.locator("#smoothing input[type=range]").press("ArrowRight")
    page.wait_for_function("document.querySelector('#chart-loss .chart').data.length === 2")
    page.locator("#log-scale input").check()
    page.wait_for_function("document.querySelector('#chart-loss .chart').layout.yaxis.type === 'log'")


def test_the_end_is_told_also_in_the_background(run, open_page, browser):
    run, _, events = run
    page = open_log(open_page, run)
    page.evaluate(STUB)
    page.wait_for_function("document.title === '25 % · ftui'")
    tell = page.locator("#tell button")
    expect(tell).to_have_text(re.compile("Tell me when it is done"))
    assert page.evaluate("Notification.permission") == "default"  # nobody has been asked
    tell.click()
    expect(tell).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("Notification.permission") == "granted"
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    events.metric(100, 3, {"test_f1_macro": 0.91})
    events.state(ev.FINISHED)
    page.wait_for_function("window.told.length === 1")
    title, text = page.evaluate("window.told[0]")
    assert "reviews.csv" in title and "finished" in title and "0.910" in text
    page.wait_for_function("document.title === '✓ 0.91 · ftui'")
    page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")
    expect(page.locator("#status .badge.finished")).to_be_visible()
    expect(page.locator("#tell button")).to_be_hidden()


@pytest.mark.slow
def test_a_run_is_named_noted_and_deleted_after_a_question(run, home, open_page):
    run, _, events = run
    page = open_log(open_page, run)
    more = page.locator(f'[data-pick="menu:{run.id}"]')
    more.click()
    dialog = page.locator("#run-dialog")
    expect(dialog).to_contain_text("Stop it first")
    expect(page.locator("#run-delete")).to_be_hidden()
    page.locator("#run-name textarea, #run-name input").first.fill("Second <b>try</b>")
    page.locator("#run-note textarea").fill("with more rows")
    page.locator("#run-save").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#runs [aria-current=true] .name").first).to_have_text("Second <b>try</b>")
    expect(page.locator("#strip")).to_contain_text("Second <b>try</b>")
    expect(page.locator("#runs")).to_contain_text("with more rows")
    events.state(ev.STOPPED)
    expect(page.locator("#status .badge.stopped")).to_be_visible()
    more.click()
    page.locator("#run-delete").click()
    expect(page.locator("#run-question")).to_contain_text("cannot be undone")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert run.path.exists()
    more.click()
    page.locator("#run-delete").click()
    page.locator("#run-delete-yes").click()
    expect(page.locator("#log-empty")).to_be_visible()
    expect(more).to_have_count(0)
    assert not run.path.exists()
    run.path.joinpath("jobs", events.path.parent.name).mkdir(parents=True)  # where the test ends its run


@pytest.mark.slow
def test_the_queue_is_shown_and_can_be_changed(home, dataset, open_page):
    waiting = []
    for place in range(3):
        run, job, events = make_run(home, dataset)
        events.state(ev.QUEUED)
        home.queue.mkdir(exist_ok=True)
        write_json(home.queue / f"waiting-{place:020.6f}-{run.id}", {**processes.identity(os.getpid()), "job": str(job.path)})
        waiting.append((run, job, events))
    ids = [run.id for run, _, _ in waiting]
    page = open_page(f"/?run={ids[2]}&tab=log", lang="en")
    expect(page.locator("#status")).to_contain_text("3rd in the queue")
    page.wait_for_function("document.title === '◷ 3 · ftui'")
    page.locator(f'[data-pick="first:{ids[2]}"]').click()
    expect(page.locator("#status")).to_contain_text("1st in the queue")
    assert queue.waiting(home) == [ids[2], ids[0], ids[1]]
    page.locator(f'[data-pick="down:{ids[2]}"]').click()
    expect(page.locator("#status")).to_contain_text("2nd in the queue")
    page.locator(f'[data-pick="cancel:{ids[0]}"]').click()
    expect(page.locator("#runs .run", has=page.locator(f'[data-pick="{ids[0]}"]')).locator(".badge.stopping")).to_be_visible()
    assert waiting[0][1].stop.exists()
    for path in home.queue.glob("waiting-*"):
        path.unlink()
    for _, _, events in waiting:
        events.state(ev.STOPPED)


def test_the_disk_is_shown_and_cleaned(home, open_page):
    (home.cache / "hidden").mkdir(parents=True)
    (home.cache / "hidden" / "states").write_bytes(b"x" * 7_000_000)
    page = open_page("/", lang="zh")
    page.locator("#storage").click()
    expect(page.locator("#disk-table")).to_contain_text("7.0 MB")
    expect(page.locator("#disk-parts")).to_contain_text("缓存，需要时会重新生成")
    page.locator("#disk-clean").click()
    expect(page.locator("#disk-question")).to_contain_text("此操作无法撤销")
    assert (home.cache / "hidden").exists()
    page.locator("#disk-clean-yes").click()
    expect(page.locator("#disk-parts")).to_be_hidden()
    assert not (home.cache / "hidden").exists()


def test_a_failure_says_what_where_and_what_to_do_with_the_output_a_click_away(run, open_page):
    run, job, events = run
    job.log.write_text("Fatal Python error: Segmentation fault\n")
    events.error("worker_crashed", "ended", exit_code=-11)
    events.state(ev.FAILED)
    page = open_page(f"/?run={run.id}", lang="en")
    told = page.locator("#failure")
    expect(told).to_contain_text("It happened at step 25 of 100.")
    expect(told).to_contain_text("Resume goes on")
    expect(told.locator("pre")).to_be_hidden()
    told.locator("summary").click()
    expect(told.locator("pre")).to_contain_text("Segmentation fault")
    expect(page.locator("#resume")).to_be_visible()
