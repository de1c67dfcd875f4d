"""Handlers of the other tabs, without Gradio's server."""

import html
import json
import os
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import gradio as gr
import pytest

from ftui import jobs
from ftui.artifacts import exporting
from ftui.core import events as ev
from ftui.core import recipe
from ftui.core.access import DEMO
from ftui.core.errors import UserError
from ftui.core.home import Home, write_json
from ftui.jobs import processes, queue
from ftui.ui import (
    charts,
    data_tab,
    dialogs,
    evaluation_tab,
    export_tab,
    form,
    many,
    planning,
    playground_tab,
    readings,
    sidebar,
    sources,
)
from ftui.ui.task_views import classes, evaluation
from ftui.ui.turns import Turns
from tests.ui.conftest import make_run, reading_of

COLUMNS = ("评论内容", "情感标签")
READING = reading_of(*COLUMNS)
VALUES = [
    "starter-encoder" if name == "model" else "full" if name == "strategy.name" else form.control(name, "en").value
    for name in form.FIELDS
]


def changed(name: str, value: object) -> list:
    return [value if field == name else old for field, old in zip(form.FIELDS, VALUES, strict=True)]


class TestData:
    @pytest.mark.parametrize(("task", "name"), [(task, name) for task, names in sources.SAMPLES.items() for name in names])
    def test_samples_are_there_and_understood(self, home: Home, task, name):
        data_id, notice, *_ = sources.add_sample(home, "en", name)
        assert notice == ""
        shown = data_tab.show(home, "en", data_id)
        reading = readings.read(shown[5])
        assert reading.problem("en") is None and reading.task == ("text-classification" if task in ("sentence-pairs", "sentiment") else task)

    def test_facts_and_guesses(self, home: Home, dataset):
        listed, empty, view, facts, _, reading, plan, *rest = data_tab.show(home, "zh", dataset.id)
        assert not empty.visible and view.visible and len(rest) == 7 and listed.value == dataset.id
        assert "reviews.csv" in facts and "300 行" in facts and "UTF-8" in facts
        assert tuple(readings.read(reading).columns.values()) == COLUMNS

    def test_rows_are_paged_and_searched(self, home: Home, dataset):
        table, page = data_tab.view_rows(home, "en", dataset.id, READING, "", 15)
        assert table.count("<tr>") == 21 and " 15" in page.label and page.value == 15
        table, page = data_tab.view_rows(home, "en", dataset.id, READING, "no such words", 15)
        assert "No row contains this" in table and page.value == 1

    def test_a_search_shows_its_first_page_when_the_page_is_past_the_end(self, home: Home, dataset):
        table, page = data_tab.view_rows(home, "en", dataset.id, READING, "excellent", 15)
        assert "excellent" in table and page.value < 15 and f" {page.value}" in page.label

    def test_charts_and_split(self, home: Home, dataset):
        counts, lengths = data_tab.view_columns(home, "en", dataset.id, READING)
        assert json.loads(counts)["data"] and json.loads(lengths)["data"]
        assert "<b>216</b>" in data_tab.view_split(home, "en", dataset.id, READING, 0.2, 0.1)

    def test_a_data_set_that_is_gone_leaves_the_page_empty(self, home: Home):
        assert data_tab.show(home, "en", "0123456789abcdef")[1].visible
        assert data_tab.view_rows(home, "en", "../..", "", "", 1)[0] == ""

    def test_earlier_data_sets_are_listed(self, home: Home, dataset):
        listed = data_tab.known(home, "en", dataset.id)
        assert listed.value == dataset.id and listed.choices == [("reviews.csv · 300 rows", dataset.id)]


class TestTune:
    def test_the_recipe_says_what_the_page_shows(self, home: Home, dataset):
        made = planning.make_recipe(home, dataset.id, READING, (0.3, 0.15), tuple(VALUES))
        assert made.data.columns == {"text": COLUMNS[0], "label": COLUMNS[1]}
        assert (made.data.test_size, made.data.validation_size) == (0.3, 0.15)

    def test_the_preview_resolves_auto_and_writes_yaml(self, home: Home, dataset, tmp_path):
        changes = changed("model", "somebody/large")
        rate, yaml, notice, *_ = planning.preview(home, "en", dataset.id, READING, 0.2, 0.1, *changes)
        assert "5e-5" in rate.info and notice == ""
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml, encoding="utf-8")
        assert recipe.load(path).model == "somebody/large"

    def test_a_bad_value_is_said_in_words_and_nothing_starts(self, home: Home, dataset):
        inputs = (READING, 0.2, 0.1, *changed("training.learning_rate", "-1"))
        notice, run, tabs = planning.start(home, "zh", dataset.id, *inputs)
        assert "学习率" in notice and "必须大于" in notice
        assert run == tabs == gr.skip() and home.all_runs() == []

    def test_without_data_it_says_so(self, home: Home):
        notice, _, _ = planning.start(home, "en", "", "", 0.2, 0.1, *VALUES)
        assert "No data is chosen" in notice

    def test_start_leads_to_the_log(self, home: Home, dataset, running, monkeypatch):
        started = []
        monkeypatch.setattr(jobs, "start_training", lambda made, where, way: started.append((made, where)) or running[0])
        notice, run, tabs = planning.start(home, "en", dataset.id, READING, 0.2, 0.1, *VALUES)
        assert (notice, run, tabs.selected) == ("", running[0].id, "log")
        assert started[0][1] == home and started[0][0].strategy.name == "full"

    @pytest.mark.parametrize(
        ("strategy", "visible"),
        [
            ("lora", [True, False, False, False]),
            ("last_n", [False, True, False, False]),
            ("full", [False, False, True, False]),
            ("gradual", [False, False, True, True]),
            ("frozen", [False] * 4),
        ],
    )
    def test_each_strategy_shows_its_own_settings(self, home: Home, strategy, visible):
        group, *own = planning.preview(home, "en", "", "", 0.2, 0.1, *changed("strategy.name", strategy))[3:7]
        assert [group.visible, *(part["visible"] for part in own)] == visible

    @pytest.mark.parametrize(
        ("task", "seen"),
        [
            ("text-classification", set()),
            ("fill-mask", {"mlm_probability"}),
            ("text2text-generation", {"prefix", "samples", "max_new_tokens", "num_beams"}),
        ],
    )
    def test_settings_of_language_models_are_shown_to_tasks_that_have_them(self, home: Home, task, seen):
        group, *fields = planning.preview(home, "en", "", json.dumps({"task": task}), 0.2, 0.1, *VALUES)[7 : 8 + len(planning.LANGUAGE)]
        assert group.visible == bool(seen)
        assert {name.partition(".")[2] for name, field in zip(planning.LANGUAGE, fields, strict=True) if field["visible"]} == seen

    def test_a_reading_without_its_label_is_said_in_words(self, home: Home, dataset):
        reading = json.dumps({"task": "text-classification", "columns": {"text": COLUMNS[0]}})
        notice = planning.preview(home, "en", dataset.id, reading, 0.2, 0.1, *VALUES)[2]
        assert "needs a column for: label" in notice

    def test_the_tab_says_what_will_be_learned_from(self, home: Home, dataset):
        line, empty, view, *_ = planning.show(home, "en", dataset.id, READING, 0.2, 0.1, *VALUES)
        assert "评论内容 → 情感标签" in line and not empty.visible and view.visible
        line, empty, view, *_ = planning.show(home, "en", "", "", 0.2, 0.1, *VALUES)
        assert empty.visible and not view.visible


class TestEvaluation:
    def test_the_report_is_shown_with_its_split(self, home: Home, finished):
        shown = evaluation_tab.show(home, "en", finished.id, None)
        assert not shown[0].visible and shown[1].visible and shown[2].visible and shown[3].value == "test"
        assert "0.800" in shown[6] and "test, 60 rows" in shown[6] and "guessing" in shown[6]
        assert shown[6].index("F1 (macro)") < shown[6].index("Accuracy")  # the metric that the list of runs shows
        assert "step 20" in shown[7]
        assert shown[8] == ""  # no simple model was measured beside it
        view, matrix, table, _, *figures = classes.show(home, "en", finished.id, None)
        assert view.visible and matrix.count("<button") == 4 and "正面" in table
        assert all(json.loads(figure)["data"] for figure in figures[:4])
        assert "12 of 60" in figures[6]
        assert not evaluation.show(home, "en", finished.id, None)[0].visible

    def test_a_run_that_kept_no_rows_for_it_is_not_waited_for(self, home: Home, finished):
        write_json(finished.report, {"version": 1, "task": "text-classification", "labels": ["a", "b"], "best": {}, "splits": {}})
        message, view, *_ = evaluation_tab.show(home, "en", finished.id, "test")
        assert "learned from all rows" in message.value and not view.visible
        finished.report.unlink()
        assert "no results yet" in evaluation_tab.show(home, "en", finished.id, "test")[0].value

    def test_the_other_split(self, home: Home, finished):
        assert "验证集，30 行" in evaluation_tab.show(home, "zh", finished.id, "validation")[6]

    def test_two_runs_side_by_side(self, home: Home, finished):
        told = evaluation_tab.compare(home, "en", finished.id, finished.id, "test")
        assert "+0.000" in told and "may well be chance" in told and "60 rows that both" in told
        assert told.count('class="k-tuned"') == told.count('class="k-other"') == 2
        assert evaluation_tab.compare(home, "en", finished.id, None, "test") == ""
        assert evaluation_tab.others(home, "en", finished.id).visible is False  # there is no other run

    def test_a_finished_run_without_a_score_is_not_offered_for_comparison(self, home: Home, finished, dataset):
        names = {}
        for metrics in ({}, {"test_f1_macro": 0.7}):
            run, _, events = make_run(home, dataset)
            events.metric(1, 1, metrics)
            events.state(ev.FINISHED, exit_code=0)
            names[run.id] = metrics
        offered = [value for _, value in evaluation_tab.others(home, "en", finished.id).choices]
        assert offered == [run for run, metrics in names.items() if metrics]

    def test_runs_tested_on_other_rows_are_refused_in_words(self, home: Home, finished, dataset):
        import pyarrow as pa
        import pyarrow.parquet as pq

        other, *_ = make_run(home, dataset)
        table = pq.read_table(finished.predictions)
        pq.write_table(table.set_column(1, "row", pa.array(range(500, 500 + len(table)))), other.predictions)
        told = evaluation_tab.compare(home, "en", finished.id, other.id, "test")
        assert "different rows (this run 60, the other 60, in common 0)" in told and "<table" not in told

    def test_a_run_without_results_says_when_they_come(self, home: Home, running):
        shown = evaluation_tab.show(home, "en", running[0].id, None)
        assert shown[0].visible and "Not evaluated yet" in shown[0].value
        assert not shown[2].visible and len(shown) == 9  # nothing to try yet


class Answers(BaseHTTPRequestHandler):
    """What the run's server would say."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        bad = {"error": {"code": "x", "message": "no text", "hint": ""}}
        good = {"label": "正面", "scores": {"正面": 0.9, "负面": 0.1}}
        answer = {"results": [good] * len(asked["inputs"])} if "inputs" in asked else bad if asked["text"] == "bad" else good
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch):
    """A server that answers like the run's own; `jobs.serving` names it."""
    http = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    monkeypatch.setattr(jobs, "serving", lambda run: f"http://127.0.0.1:{http.server_port}")
    yield
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_failed_export_is_told_in_the_language_of_the_page(home: Home, finished):
    for lang, told in (("zh", "无法导出"), ("en", "cannot be exported")):
        job = finished.new_job("export", {"format": "onnx"})
        events = ev.Writer(job.events, 1)
        problem = UserError("format_impossible", format="onnx", problem="RuntimeError: x")
        events.error(problem.code, problem.message(), problem.hint(), **problem.params)
        events.state(ev.FAILED, exit_code=2)
        shown = html.unescape(export_tab.show(home, lang, finished.id)[6])
        assert told in shown and problem.hint(lang) in shown


@pytest.mark.parametrize(("own", "shown"), [(0.002, 0.01), (0.314, 0.31), (0.998, 0.99)])
def test_a_threshold_at_the_edge_is_not_taken_for_none(home: Home, finished, own, shown):
    finished.recipe.write_text(recipe.dump(recipe.load(finished.recipe).model_copy(update={"task": "multi-label-classification"})), encoding="utf-8")
    (finished.model / "ftui.json").write_text(json.dumps({"decision": {"threshold": own}}), encoding="utf-8")
    slider = many.show(home, "en", finished.id, Turns())[1]
    assert slider.visible and slider.value == shown == many._threshold(finished)


class TestPlayground:
    def test_an_answer_is_label_and_bars(self, home: Home, finished, server):
        ((answer, snippets, past, history),) = playground_tab.ask(home, "en", finished.id, "好")
        assert "正面" in answer and "90.0% sure" in answer and "0.100" in answer and "last layer is random" in answer
        assert "127.0.0.1" in snippets and "curl" in snippets and "{'text': '好'}" in html.unescape(snippets)
        assert past == "" and history == [(("好",), ("正面", "90.0%"))]

    def test_a_refusal_is_shown(self, home: Home, finished, server):
        ((answer, *_),) = playground_tab.ask(home, "zh", finished.id, "bad")
        assert "no text" in answer and 'role="alert"' in answer

    def test_nothing_is_not_asked(self, home: Home, finished):
        ((answer, *_),) = playground_tab.ask(home, "en", finished.id, "  ")
        assert "Type a text first" in answer
        ((answer, *_),) = playground_tab.ask(home, "en", finished.id, "a\n" * 201, lines=True)
        assert "At most 200 lines" in answer

    def test_each_line_is_a_text(self, home: Home, finished, server):
        ((answer, _, past, history),) = playground_tab.ask(home, "en", finished.id, "好\n\n<b>坏", lines=True, history=[(("旧",), ("负面", "60.0%"))])
        assert answer.count("<tr>") == 3 and "&lt;b&gt;坏" in answer
        assert [text for (text,), _ in history] == ["好", "<b>坏", "旧"] and "<b>坏" not in past

    def test_an_example_tells_whether_the_model_agrees(self, home: Home, finished, server):
        texts = dict(playground_tab._examples_of(finished))
        assert set(texts.values()) == {"正面", "负面"}
        for (text,), label in texts.items():
            ((answer, *_),) = playground_tab.ask(home, "en", finished.id, text)
            assert ("says “正面” too" in answer) == (label == "正面") and f"“{label}”" in answer

    def test_the_first_five_labels_and_the_others_a_click_away(self):
        answer = {"label": "c0", "scores": {f"c{i}": 1 / (i + 2) for i in range(150)}}
        shown = playground_tab.render("text-classification", answer, {}, "en")
        assert "Show all 150 labels" in shown and shown.index('title="c4"') < shown.index("<details") < shown.index('title="c5"')
        assert shown.count('class="bar first"') == 1 and shown.count('class="bar"') + shown.count('class="bar first"') == 150

    def test_it_says_that_it_loads_and_why_it_could_not(self, home: Home, finished, monkeypatch):
        monkeypatch.setattr(jobs, "serving", lambda run: None)

        def fails(run, kind, options):
            from ftui.core import events as ev

            job = run.new_job(kind, options)
            events = ev.Writer(job.events, 1)
            events.error("internal", "no memory")
            events.state(ev.FAILED)
            return job

        monkeypatch.setattr(jobs, "start", fails)
        loading, failed = playground_tab.ask(home, "en", finished.id, "hello")
        assert "Starting the model, 0 s" in loading[0] and "no memory" in failed[0]

    def test_examples_come_from_the_test_rows(self, home: Home, finished):
        shown = playground_tab.show(home, "en", finished.id)
        assert shown[1].visible and shown[2].count("<button") == playground_tab.EXAMPLES
        assert "test 文本" in shown[2] and "validation 文本" not in shown[2] and 'class="pill' in shown[2]

    def test_a_rare_label_does_not_make_the_examples_few(self, tmp_path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        labels = ["rare", *["usual"] * 9]
        pq.write_table(pa.table({"split": ["test"] * 10, "text": [f"text {n}" for n in range(10)], "label": labels}), tmp_path / "predictions.parquet")
        found = playground_tab._examples(tmp_path / "predictions.parquet", 1, ("text",), True)
        assert [label for _, label in found] == ["rare", *["usual"] * (playground_tab.EXAMPLES - 1)]

    def test_a_run_without_a_model(self, home: Home, running):
        assert "No model yet" in playground_tab.show(home, "en", running[0].id)[0].value


class TestMany:
    def test_a_file_is_looked_at_asked_about_and_given_back(self, home: Home, finished, server, tmp_path):
        path = tmp_path / "数据.csv"
        path.write_bytes("编号,评论内容\n1,好\n2,\n3,=坏\n".encode("gb18030"))
        facts, column, unused, start, preview, output = many.look(home, "en", finished.id, str(path))
        assert "GB18030" in facts and column.value == "评论内容" and start.value == "Predict 3 rows" and "好" in preview
        *progress, last = many.run_file(home, "en", finished.id, str(path), 0.5, Turns(), column.value)
        assert "of 3 rows" in progress[0][0] and "3 rows are done" in last[0] and "1 have no text" in last[0] and last[4] == "csv"
        saved = many.save(home, "en", last[1], "csv")
        assert saved.endswith("数据-predictions.csv")
        with open(saved, encoding="utf-8-sig") as file:
            assert file.read() == "编号,评论内容,prediction,confidence\n1,好,正面,0.9\n2,,,\n3,=坏,正面,0.9\n"

    def test_a_bad_file_and_caps_are_one_sentence(self, home: Home, finished, tmp_path):
        path = tmp_path / "a.csv"
        path.write_bytes(b"")
        assert "a.csv is empty" in many.look(home, "en", finished.id, str(path))[0]
        path.write_text("text\na\nb\n")
        few = replace(DEMO, most_rows=1)
        assert "at most 1" in many.look(home, "en", finished.id, str(path), few)[0]
        ((told, *_),) = many.run_file(home, "en", finished.id, None, None, Turns(), "text")
        assert "Choose the file again" in told

    def test_the_cap_holds_for_whoever_has_not_looked_first(self, home: Home, finished, server, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("text\na\nb\n")
        *_, (told, made, *_) = many.run_file(home, "en", finished.id, str(path), 0.5, Turns(), "text", way=replace(DEMO, most_rows=1))
        assert "at most 1" in told and made is None


CARD = {
    "split": "test", "rows": 60, "size": 2_000_000, "metrics": {"f1_macro": 0.8, "accuracy": 0.83}, "agreement": 0.95,
    "largest_difference": 0.3, "latency_ms": {"p50": 4.2, "p95": 6.0}, "throughput": 812.0, "peak_memory": 400_000_000,
    "promise": {"most_difference": None, "least_agreement": 0.98}, "within": False,
}  # fmt: skip


@pytest.fixture
def exported(finished):
    """The finished run with a measured artefact that breaks its promise, and one that was never measured."""
    for name in ("onnx-int8", "safetensors"):
        (finished.exports / name).mkdir(parents=True)
        (finished.exports / name / "weights").write_bytes(b"w" * 2_000_000)
    (finished.exports / "onnx-int8" / "artefact.json").write_text(json.dumps(CARD))
    base = {key: value for key, value in CARD.items() if key not in ("promise", "within")} | {"agreement": 1.0}
    (finished.exports / "model.json").write_text(json.dumps(base))
    return finished


def exporting_now(run):
    """An export that goes on, of this very process."""
    job = run.new_job("export", {"format": "safetensors"})
    job.write_card({**job.card(), **processes.identity(os.getpid()), "spawned": time.time()})
    ev.Writer(job.events, 1).state(ev.RUNNING)
    return job


class TestExport:
    def test_what_there_is_and_what_was_measured(self, home: Home, exported):
        shown = export_tab.show(home, "en", exported.id)
        assert shown[2].count("<tr>") == 1 + 3
        for part in ("2.0 MB", "0.830", "4.2 / 6.0 ms", "812", "95.0%", "400 MB", "Accuracy · test"):
            assert part in shown[2]
        assert [name for _, name in shown[4].choices] == ["model", "onnx-int8", "safetensors"]
        assert shown[5].visible is False and shown[7].active is False

    def test_what_is_chosen_stays_chosen_while_something_is_made(self, home: Home, exported):
        assert export_tab.show(home, "en", exported.id)[4].value == "safetensors"
        seen = export_tab.look(home, "en", exported.id)[4]
        assert set(seen.constructor_args) == {"choices"} and len(seen.choices) == 3
        assert export_tab.look(home, "en", "")[4] == gr.skip()

    def test_what_has_just_been_made_is_chosen(self, home: Home, exported):
        job = exporting_now(exported)
        assert "value" not in export_tab.look(home, "en", exported.id)[4].constructor_args
        job.write_card({**job.card(), "options": {"format": "onnx-int8"}})
        ev.Writer(job.events, 1).state(ev.FINISHED)
        assert export_tab.look(home, "en", exported.id)[4].value == "onnx-int8"
        ev.Writer(job.events, 1).state(ev.FAILED)
        assert "value" not in export_tab.look(home, "en", exported.id)[4].constructor_args

    def test_before_any_export_the_model_has_its_evaluation(self, home: Home, finished):
        shown = export_tab.show(home, "en", finished.id)
        assert "Made from: starter-encoder" in shown[2] and "0.800" in shown[2] and "Accuracy · test" in shown[2]

    @pytest.mark.parametrize(("lang", "word"), [("en", "promised: 98.0%"), ("zh", "承诺 98.0%")])
    def test_a_broken_promise_is_marked_wherever_it_can_be_taken(self, home: Home, exported, lang, word):
        shown = export_tab.show(home, lang, exported.id)
        assert shown[2].count(word) == 1
        assert [name for text, name in shown[4].choices if "⚠" in text] == ["onnx-int8"]

    def test_the_plot_has_a_disc_for_each_measured_one(self, home: Home, exported):
        cards = {name: exporting.card_of(exported, name) for name in exporting.found(exported)}
        figure = charts.artefacts(export_tab.points(cards, "en"), "en")
        assert [trace.name for trace in figure.data] == ["Model · 2.0 MB", "ONNX, 8 bits · 2.0 MB"]
        assert charts.artefacts([], "en") is None

    def test_what_is_being_made_is_not_begun_again(self, home: Home, finished):
        going_on = exporting_now(finished)
        assert jobs.start_export(finished, "safetensors") == going_on
        assert finished.jobs("export") == [going_on]

    def test_a_demo_makes_one_thing_at_a_time(self, tmp_path, dataset):
        mine, others = (make_run(Home(tmp_path / "visitors" / name), dataset)[0] for name in "ab")
        for run in (mine, others):
            run.model.mkdir()
        going_on = exporting_now(others)
        with pytest.raises(UserError, match="Another model of this demo"):
            jobs.start_export(mine, "safetensors", DEMO)
        with pytest.raises(UserError, match="Another model of this demo"):
            jobs.start_export(others, "onnx", DEMO)
        assert jobs.start_export(others, "safetensors", DEMO) == going_on
        assert mine.jobs("export") == [] and others.jobs("export") == [going_on]

    @pytest.mark.parametrize("name", ["../..", "../recipe.yaml", "", "jobs", "model.json"])
    def test_nothing_else_can_be_packed(self, home: Home, exported, name):
        with pytest.raises(UserError):
            export_tab.pack(home, "en", exported.id, name, "zip")


def queued(home: Home, dataset, place: int) -> tuple:
    """A run that waits, its entry that of this process."""
    run, job, events = make_run(home, dataset)
    events.state(ev.QUEUED)
    home.queue.mkdir(exist_ok=True)
    entry = {**processes.identity(os.getpid()), "job": str(job.path)}
    write_json(home.queue / f"waiting-{place:020.6f}-{run.id}", entry)
    return run, job


class TestDialogs:
    def test_a_run_is_named_and_noted(self, home: Home, finished):
        dialog, head, name, note, notice, stop, delete, question = dialogs.open_run(home, "en", finished.id)
        assert dialog.visible and "reviews.csv" in head and finished.id in head
        assert (name.value, note, notice, stop.visible, delete.visible, question.visible) == ("", "", "", False, True, False)
        assert dialogs.save(home, "en", finished.id, " New\nname ", "a note") == ""
        assert finished.about() == {"name": "New name", "note": "a note"}
        assert "New name" in dialogs.open_run(home, "en", finished.id)[1]

    def test_a_run_at_work_is_stopped_first(self, home: Home, running):
        run, job, _ = running
        *_, notice, stop, delete, _ = dialogs.open_run(home, "en", run.id)
        assert "Stop it first" in notice and stop.visible and not delete.visible
        with pytest.raises(UserError):
            dialogs.delete(home, "en", run.id, "")
        assert dialogs.stop(home, "en", run.id) == "" and job.stop.exists()

    def test_a_run_goes_after_a_question(self, home: Home, finished):
        words, group, asked = dialogs.ask(home, "en", finished.id)
        assert "cannot be undone" in words and group.visible and not asked.visible and finished.path.exists()
        assert dialogs.delete(home, "en", finished.id, finished.id) == ("", "", "")
        assert home.all_runs() == [] and dialogs.open_run(home, "en", finished.id)[0].visible is False

    def test_the_disk_is_cleaned_after_a_question(self, home: Home, finished):
        (home.cache / "x").mkdir(parents=True)
        (home.cache / "x" / "states").write_bytes(b"x" * 5_000_000)
        dialog, table, parts, go, question = dialogs.open_disk(home, "en")
        assert dialog.visible and "5.0 MB" in table and parts.value == ["cache"] and go.visible and not question.visible
        words, group = dialogs.ask_clean(home, "en", ["cache"])
        assert "5.0 MB" in words and group.visible and (home.cache / "x").exists()
        assert "start from the beginning" in dialogs.ask_clean(home, "en", ["stopped_checkpoints"])[0]
        assert dialogs.clean(home, "en", ["cache"])[2].choices == [] and not (home.cache / "x").exists()


class TestSidebar:
    def test_runs_newest_first_with_state_metric_and_times(self, home: Home, finished, running):
        listed, same, find, pulse = sidebar.runs(home, "en", finished.id, "", "", "")
        assert listed == same and pulse == f"{finished.id}:finished" and not find.visible
        assert listed.count('<span class="name">reviews.csv</span>') == 2
        assert listed.count('class="run"') == 2 and "0.810" in listed and "13%" in listed
        assert f'data-pick="{finished.id}" title="{finished.id}" aria-current=true' in listed
        assert listed.count("<time data-ago=") == 2

    def test_nothing_new_sends_nothing(self, home: Home, finished):
        listed, _, _, pulse = sidebar.runs(home, "en", finished.id, "", "", "")
        assert sidebar.runs(home, "en", finished.id, listed, "", pulse) == (gr.skip(),) * 4

    def test_runs_are_found_by_name_note_model_and_state(self, home: Home, finished, running):
        finished.write_about(name="Second <try>", note="with smaller steps")
        for words, count in [("second SMALLER", 1), ("运行中", 0), ("running", 1), ("starter-encoder", 2), ("zzz", 0)]:
            assert sidebar.runs(home, "en", "", "", words, "")[0].count('class="run"') == count
        assert "No run matches" in sidebar.runs(home, "en", "", "", "zzz", "")[0]
        assert "Second &lt;try&gt;" in sidebar.runs(home, "en", "", "", "", "")[0]

    def test_a_click_opens_results_where_there_are_any(self, home: Home, dataset, finished, running):
        run, pulse, tabs, data, menu = sidebar.pick(home, "en", finished.id, "data")
        assert (run, tabs.selected, data, menu) == (finished.id, "evaluation", dataset.id, gr.skip())
        assert pulse == f"{finished.id}:finished"
        run, _, tabs, data, _ = sidebar.pick(home, "en", running[0].id, "tune")
        assert (run, tabs.selected, data) == (running[0].id, "log", dataset.id)
        assert sidebar.pick(home, "en", finished.id, "playground")[2] == gr.skip()
        assert sidebar.pick(home, "en", f"menu:{finished.id}", "data") == (*[gr.skip()] * 4, finished.id)

    def test_who_waits_has_a_place_and_can_change_it(self, home: Home, dataset):
        waiting = [queued(home, dataset, place) for place in range(3)]
        ids = [run.id for run, _ in waiting]
        listed = sidebar.runs(home, "en", "", "", "", "")[0]
        assert all(place in listed for place in ("1st in the queue", "2nd in the queue", "3rd in the queue"))
        sidebar.steer(home, "en", f"first:{ids[2]}", "", "", "", "")
        assert queue.waiting(home) == [ids[2], ids[0], ids[1]]
        sidebar.steer(home, "en", f"down:{ids[2]}", "", "", "", "")
        sidebar.steer(home, "en", f"up:{ids[1]}", "", "", "", "")
        assert queue.waiting(home) == [ids[0], ids[1], ids[2]]
        assert "1 at a time" in sidebar.runs(home, "en", "", "", "", "")[0]
        assert "3 at a time" in sidebar.steer(home, "en", "slots:3", "", "", "", "")[0]
        assert "stopping" in sidebar.steer(home, "en", f"cancel:{ids[1]}", "", "", "", "")[0]
        assert waiting[1][1].stop.exists() and not waiting[0][1].stop.exists()
        assert sidebar.steer(home, "en", f"kill:{ids[0]}", "", "", "", "") == (gr.skip(),) * 4

    def test_nobody_goes_before_other_visitors_of_a_demo(self, home: Home, dataset):
        ids = [queued(home, dataset, place)[0].id for place in range(2)]
        listed = sidebar.steer(home, "en", f"first:{ids[1]}", "", "", "", "", way=DEMO)[0]
        assert queue.waiting(home) == ids and "first:" not in listed and "cancel:" in listed

    def test_the_strip_names_what_is_chosen(self, home: Home, dataset, running):
        shown = sidebar.strip(home, "zh", dataset.id, running[0].id)
        assert "reviews.csv" in shown and "运行中" in shown and f'data-run="{running[0].id}"' in shown
        assert "no longer there" in sidebar.strip(home, "en", "0123456789abcdef", "")
