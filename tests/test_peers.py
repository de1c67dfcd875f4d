"""What users of comparable tools suffer from, each with the test that keeps it out of here.

Issue numbers are those of the tool's own repository; a test is `file::name`, below `tests/`.

LlamaBoard 1  training dies with the tab, the UI, a full pipe (#8485, #8817)  browser/test_surviving.py::test_reload_second_tab_and_a_killed_ui
LlamaBoard 1  ... a full pipe                                      test_peers.py::test_a_child_that_prints_megabytes_goes_on
LlamaBoard 1  ... whoever started it                               jobs/test_life.py::test_the_run_outlives_the_one_who_started_it
LlamaBoard 2  "error" while training goes on (#1008, #8712)        test_peers.py::test_no_error_is_shown_while_training_goes_on
LlamaBoard 3  state and old curves lost on reload (#600, #7100)    ui/test_log_tab.py::test_a_page_that_has_seen_nothing_gets_everything
LlamaBoard 3  ... after the UI was killed                          browser/test_surviving.py::test_reload_second_tab_and_a_killed_ui
LlamaBoard 3  ... of earlier runs                                  ui/test_tabs.py::test_runs_newest_first_with_state_metric_and_times
LlamaBoard 4  no way to bring data (#5790)                         ui/test_workshop.py::test_a_file_becomes_a_data_set
LlamaBoard 5  preview: quoted newlines, parquet (#673, #4367)      test_peers.py::test_quoted_newlines_and_parquet_are_previewed
LlamaBoard 6  nothing works offline (#5215)                        ui/test_app.py::test_nothing_on_a_page_is_fetched_from_elsewhere
LlamaBoard 6  ... or behind a proxy (#9753)                        ui/test_guard.py::test_the_page_itself_and_programs_are_let_in
LlamaBoard 7  resume ignores changed settings (#6382, #9325)       test_peers.py::test_resume_refuses_what_it_would_ignore
LlamaBoard 7  resume is another model than training on             jobs/test_life.py::test_killed_child_fails_and_resumes_to_the_same_model
LlamaBoard 8  failure without a cause (#457, #4577)                browser/test_surviving.py::test_a_failure_says_why
LlamaBoard 8  ... in command line and event                        bad_input/test_bad_models.py::test_what_only_the_worker_finds_out_is_told_by_command_line_and_page
LlamaBoard 10 no predictions (#7009)                               test_cli.py::test_report_and_predictions_agree
LlamaBoard 11 second tab                                           browser/test_surviving.py::test_reload_second_tab_and_a_killed_ui
LlamaBoard 11 abort before results                                 test_peers.py::test_an_abort_before_results_ends
LlamaBoard 11 ... while it waits                                   jobs/test_life.py::test_the_second_run_waits_for_the_first
LlamaBoard 11 half-written line                                    core/test_events.py::test_a_reader_goes_on_where_it_was_and_leaves_half_a_line
LlamaBoard 11 ... any rubbish in the log                           test_peers.py::test_rubbish_in_the_events_stops_no_page
LlamaBoard 11 names such as ../../x.yaml                           core/test_home.py::test_a_run_id_never_leaves_the_home
LlamaBoard 11 ... on the command line                              bad_input/test_bad_recipes.py::test_a_run_that_there_cannot_be
CVE-2024-52803 command injection by path                           bad_input/test_bad_recipes.py::test_a_run_that_there_cannot_be
CVE-2025-46567 pickled weights                                     training/test_models.py::test_bin_weights_are_read_without_unpickling_code
CVE-2025-61784 file read and requests through the API              browser/test_attack.py::test_a_path_is_no_upload
CVE-2026-58116 code of a model                                     bad_input/test_bad_models.py::test_a_model_that_cannot_be_used
AutoTrain #784 validation lacks a class                            data/test_splitting.py::test_each_class_has_its_share
ms-swift #2297 errors never reach the UI                           bad_input/test_bad_models.py::test_what_only_the_worker_finds_out_is_told_by_command_line_and_page
ms-swift #454 logs lost on refresh                                 ui/test_log_tab.py::test_a_page_that_has_seen_nothing_gets_everything
textgen #5112 progress lost on reload                              browser/test_surviving.py::test_reload_second_tab_and_a_killed_ui
textgen #4074 "done" after a crash                                 test_peers.py::test_a_crash_is_never_called_finished
textgen #4074 ... of the parent                                    jobs/test_life.py::test_a_killed_parent_takes_its_child_along
"""

import ast
import re

import pytest

from ftui import jobs
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.ui import data_tab, live, log_tab, sidebar, sources
from tests.conftest import REPO, cli, wait_for
from tests.ui.conftest import dataset, home, make_run, running  # noqa: F401  (fixtures)

NAMED = sorted(set(re.findall(r"(\S+\.py)::(\w+)$", __doc__, re.MULTILINE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: part)
def test_the_table_names_tests_that_exist(file, name):
    tree = ast.parse((REPO / "tests" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_failure_of_the_list_has_its_line():
    for what in ("1", "2", "3", "5", "7", "8", "11"):
        assert re.search(rf"^LlamaBoard {what} .*::", __doc__, re.MULTILINE)
    assert all(number in __doc__ for number in ("#2297", "#454", "#5112", "#4074"))


@pytest.fixture
def meddle(tmp_path, monkeypatch):
    """`meddle(code)`: what every child of a job does before anything else."""

    def write(code: str) -> None:
        folder = tmp_path / "meddling"
        folder.mkdir()
        body = "import os, sys\nif 'ftui.jobs.child' in sys.orig_argv:\n" + "".join(f"    {line}\n" for line in code.splitlines())
        (folder / "sitecustomize.py").write_text(body)
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return write


def end_of(run) -> str:
    wait_for(lambda: jobs.state(run.training()) in ev.TERMINAL)
    return jobs.state(run.training())


def test_a_child_that_prints_megabytes_goes_on(recipe_for, tmp_path, meddle):
    """LlamaBoard 1: a pipe that nobody drains stops whoever writes to it at 64 kB."""
    meddle("for _ in range(200):\n    os.write(2, b'x' * 40_000 + b'\\n'); os.write(1, b'y' * 10_000 + b'\\n')")
    run = jobs.start_training(recipes.build(recipe_for(num_train_epochs=1)), Home(tmp_path / "home"))
    assert end_of(run) == ev.FINISHED
    assert run.training().log.stat().st_size > 9_000_000


def test_no_error_is_shown_while_training_goes_on(home, running):  # noqa: F811
    """LlamaBoard 2: neither after an earlier attempt's failure, nor after warnings, nor after an error of another job."""
    run, job, events = running
    events.error("worker_killed", "The training process was killed.")
    events.log("retrying", level="warning", left=1)
    job.write_card({**job.card(), "attempt": 2})
    again = ev.Writer(job.events, 2)
    again.state(ev.RUNNING)
    again.progress(phase="training", step=20, max_steps=90, epoch=0.4, examples_per_second=80.0, eta=9.0)
    other = run.new_job("export", {"format": "safetensors"})
    ev.Writer(other.events, 1).error("internal", "no room")
    ev.Writer(other.events, 1).state(ev.FAILED)
    shown = log_tab.tick(home, "en", run.id, False, 0.0, log_tab.NEVER)
    assert 'class="badge running"' in shown[5] and shown[6] == ""
    assert 'class="badge running"' in sidebar.render(jobs.summaries(home), [], run.id, "", True, "en")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_quoted_newlines_and_parquet_are_previewed(home, tmp_path, suffix):  # noqa: F811
    """LlamaBoard 5"""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / f"x.{suffix}"
    if suffix == "csv":
        path.write_text('text,label\n"first line\nsecond ""line""\n\nthird",a\n"b, c",d\n', encoding="utf-8")
    else:
        pq.write_table(pa.table({"text": ['first line\nsecond "line"\n\nthird', "b, c"], "label": ["a", "d"]}), path)
    *_, (chosen, notice, _) = sources.add_files(home, "en", [str(path)])
    assert notice == ""
    shown = data_tab.show(home, "en", chosen)
    table, _ = data_tab.view_rows(home, "en", chosen, shown[5], "", 1)
    assert "2 rows" in shown[3]
    assert "first line\nsecond &quot;line&quot;\n\nthird" in table and "b, c" in table


def test_resume_refuses_what_it_would_ignore(recipe_for, tmp_path):
    """LlamaBoard 7: settings are those of the start; anything else is refused, by words, and the run stays as it is."""
    run = jobs.start_training(recipes.build(recipe_for(num_train_epochs=500)), Home(tmp_path / "home"))
    jobs.stop(run.training())
    assert end_of(run) == ev.STOPPED
    cli("runs", "resume", run.id, "--set", "training.learning_rate=1", home=run.home.path, check=2)
    whole = run.recipe.read_text(encoding="utf-8")
    run.recipe.write_text(whole.replace("learning_rate: 0.003", "learning_rate: 0.1"), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        jobs.resume(run)
    assert caught.value.code == "recipe_changed"
    assert jobs.state(run.training()) == ev.STOPPED and run.training().card()["attempt"] == 1
    run.recipe.write_text(whole, encoding="utf-8")
    jobs.resume(run)
    jobs.stop(run.training())
    assert end_of(run) == ev.STOPPED and run.training().card()["attempt"] == 2


def test_an_abort_before_results_ends(recipe_for, tmp_path):
    """LlamaBoard 11: it was left "running" for ever."""
    folder = Home(tmp_path / "home")
    run = jobs.start_training(recipes.build(recipe_for()), folder)
    jobs.stop(run.training())
    assert end_of(run) == ev.STOPPED
    shown = log_tab.tick(folder, "en", run.id, False, 0.0, log_tab.NEVER)
    assert 'class="badge stopped"' in shown[5] and shown[6] == ""
    jobs.delete(run)
    assert jobs.summaries(folder) == []


RUBBISH = [b"{", b"null\n", b"[]\n", b'{"type": "log"}\n', b'{"type": "metric", "attempt": 1, "time": 1}\n', b'{"type": "state", "attempt": 1, "time": 1, "state": 7}\n', b'{"type": "state", "attempt": 1, "time": 1, "state": "dancing"}\n', b"\xff\xfe\x00\n", b'{"type": 3, "attempt": "x", "time": null}\n', b"[" * 3000 + b"\n"]  # fmt: skip


@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda line: repr(line[:30]))
def test_rubbish_in_the_events_stops_no_page(home, running, rubbish):  # noqa: F811
    """LlamaBoard 11: one bad line killed the monitor."""
    run, job, events = running
    with open(job.events, "ab") as file:
        file.write(rubbish)
    events.log("labels_after", level="info")
    events.progress(phase="training", step=33, max_steps=90, epoch=0.4, examples_per_second=80.0, eta=9.0)
    shown = log_tab.tick(home, "en", run.id, False, 0.0, log_tab.NEVER)
    assert 'class="badge running"' in shown[5] and "33" in shown[5]
    lines = live.news(home, "en", run.id, 0, "all", "")["lines"]
    assert any("labels_after" in text for _, _, text in lines)
    assert jobs.summary(run)["step"] == 33


@pytest.mark.parametrize(("code", "told"), [("os._exit(0)", "worker_crashed"), ("os.kill(os.getpid(), 9)", "worker_killed"), ("os.abort()", "worker_crashed")])
def test_a_crash_is_never_called_finished(recipe_for, tmp_path, meddle, code, told):
    """textgen #4074, also where the process that crashed says that all went well."""
    meddle(code)
    run = jobs.start_training(recipes.build(recipe_for()), Home(tmp_path / "home"))
    assert end_of(run) == ev.FAILED
    events, _ = ev.read(run.training().events)
    assert ev.last(events, "error")["code"] == told
    assert jobs.summary(run)["state"] == ev.FAILED
    shown = log_tab.tick(run.home, "zh", run.id, False, 0.0, log_tab.NEVER)
    assert 'class="badge failed"' in shown[5] and "训练进程" in shown[6]
