"""Step 5: ask the model. A client of the run's own server, the one that can be deployed."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.ui import asking, chat, composing, many, pieces, task_views
from ftui.ui.page import BROWSER, QUIET, SHOWN, Page, View, find_run, go_to, html, pickable
from ftui.ui.task_views import evaluation
from ftui.ui.turns import Turns, hold, release, stop

EXAMPLES = 6
HISTORY = 20  # questions of this session that stay in sight
TOO_SURE = 0.15  # mean distance of confidence and share of right answers
MOST_LINES = 200  # texts at once; for more there is the file

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(empty, view, examples, answer, snippets, a box for each input, choice of lines, history, its list)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        waiting = "playground_wait" if run else "playground_empty"
        message = pieces.empty("❯", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return gr.HTML(message, visible=True), gr.Column(visible=False), *[""] * 3, *[gr.skip()] * 3, "", []
    inputs = asking.inputs(run)
    names = ["input_beginning"] if composing.goes_on(run) else ["input_" + role for role in inputs]
    boxes = [gr.Textbox(label=languages.text(name, lang), visible=True) for name in names]
    boxes += [gr.Textbox("", visible=False)] * (many.MOST_INPUTS - len(boxes))
    code = asking.snippets(run, asking.body(dict.fromkeys(inputs, "...")), lang)
    lines = gr.Checkbox(value=False, visible=len(inputs) == 1)
    placeholder = f'<div class="ft waiting">{languages.text("answer_here", lang)}</div>'
    return gr.HTML(visible=False), gr.Column(visible=True), examples(run, lang), placeholder, code, *boxes, lines, "", []


def ask(
    home: Home, lang: str, run_id: str, text: str, second: str = "", lines: bool = False, history: list | None = None,
    turns: Turns | None = None, *chosen: Any,
) -> Iterator[tuple]:
    """Ask the server, starting it first where it is not up; yields (answer, snippets, history, its list). With `lines`
    each line of the text is a text of its own; `second` is the other text where a model reads two. `chosen`: how a model
    that writes does it (see composing.answers)."""  # fmt: skip
    run, history, turn = home.run(run_id), history or [], (turns or Turns()).begin()
    same = (gr.skip(), gr.skip(), gr.skip())
    inputs, task = asking.inputs(run), asking.task_of(run)
    texts = [line.strip() for line in text.splitlines() if line.strip()] if lines else [text]
    asked = [tuple((one, second)[: len(inputs)]) for one in texts]
    if not asked or not all(part.strip() for one in asked for part in one) or len(asked) > MOST_LINES:
        key = "too_many_lines" if len(asked) > MOST_LINES else "ask_something"
        yield pieces.notice(languages.text(key, lang, **({"most": MOST_LINES} if len(asked) > MOST_LINES else {})), kind="warn"), *same
        return
    questions = [asking.body(dict(zip(inputs, one, strict=True))) for one in asked]
    given = {"inputs": questions} if lines else questions[0]
    try:
        url = ""
        for found, waited in asking.server(run):
            if turn.over:
                return
            if found is None:
                yield asking.loading(waited, lang), *same
            else:
                url = found
        written = ""
        if chosen and composing.writes(run) and not lines:
            answer = {}
            for answer["text"], written in composing.answers(url, text, given, task, chosen, lang, turn):
                yield written, *same
        else:
            answer = asking.predict(url, given)
    except UserError as problem:
        if not turn.over:
            yield pieces.error(problem, lang), *same
        return
    if turn.over:
        return
    answers = answer["results"] if lines else [answer]
    true = dict(_examples_of(run))
    short = task_views.get(task).short
    history = [*((one, short(a)) for one, a in zip(asked, answers, strict=True)), *history][:HISTORY]
    if lines:
        written = _several(task, asked, answers, true, lang)
    shown = written or render(task, answer, dict(zip(inputs, asked[0], strict=True)), lang, true.get(asked[0]))
    yield shown, asking.snippets(run, given, lang), past(history, lang), history


def render(task: str, answer: dict, given: dict, lang: str, true: str | None = None) -> str:
    """What the model says to what was given (input -> text). `true` is the label that the file has."""
    shown = task_views.get(task).answer(answer, given, lang, true)
    return f'<div class="ft card answer" aria-live="polite">{shown}</div>'


def _several(task: str, asked: list[tuple], answers: list[dict], true: dict[tuple, str], lang: str) -> str:
    heads = [languages.text(key, lang) for key in ("text", "predicted", "confidence")]
    rows = []
    for one, answer in zip(asked, answers, strict=True):
        label, sure = task_views.get(task).short(answer)
        wrong = "wrong" if one in true and true[one] != label else ""
        rows.append([pieces.cell(one[0]), pieces.pill(label, wrong), sure])
    return f'<div aria-live="polite" class="tall">{pieces.table(heads, rows, numeric=(2,))}</div>'


def past(history: list, lang: str) -> str:
    """What was asked in this session, the newest first; each can be asked again."""
    if len(history) < 2:
        return ""
    lines = "".join(
        f'<button data-pick="{_pick(one)}" title="{escape(one[0][:300])}"><span>{escape(_short(one[0]))}</span>'
        f"<b>{escape(_short(label, 24))}</b> <small>{sure}</small></button>"
        for one, (label, sure) in history
    )
    title, note = escape(languages.text("history", lang)), escape(languages.text("history_note", lang))
    return f'<div class="ft"><div class="h">{title}</div><p class="sub">{note}</p><div class="past">{lines}</div></div>'


def warm_up(home: Home, lang: str, run_id: str) -> None:
    """Somebody is about to type: have the model loaded by the time they ask."""
    run = find_run(home, run_id)
    if run is not None and run.model.exists():
        asking.job_of(run)


def examples(run: Run, lang: str) -> str:
    """Some rows of the test split as buttons, each with its true label where it has one."""
    labelled = task_views.get(asking.task_of(run)).LABELLED
    buttons = "".join(
        f'<button data-pick="{_pick(one)}" title="{escape(one[0][:300])}"><span>{escape(_short(one[0]))}</span>{pieces.pill(label) if label else ""}</button>'
        for one, label in _examples_of(run)
    )
    if not buttons:
        return ""
    note = languages.text("examples_labelled" if labelled else "examples", lang)
    known = reliability(run, lang) if labelled else ""
    note = f"{known}<br>{note}" if known else note
    return f'<div class="ft"><p class="sub" style="margin-bottom:8px">{note}</p><div class="quotes">{buttons}</div></div>'


def reliability(run: Run, lang: str) -> str:
    """How often a classifier was wrong on the rows that it was tested on, and whether its confidence says too much."""
    report, view = evaluation.report(run.home, run.id)
    if view is None:
        return ""
    split = evaluation.split_of(report, None)
    rows, metrics = report["splits"][split]["rows"], report["splits"][split]["metrics"]
    if "accuracy" not in metrics:
        return ""
    wrong = languages.text("wrong_on", lang, wrong=round(rows * (1 - metrics["accuracy"])), rows=rows, split=languages.text("split_" + split, lang))
    return wrong + (" " + languages.text("too_sure", lang) if metrics.get("ece", 0) > TOO_SURE else "")


def _short(text: str, most: int = 64) -> str:
    return text if len(text) <= most else text[:most] + "…"


def _pick(texts: tuple[str, ...]) -> str:
    return escape(json.dumps(texts, ensure_ascii=False))


def _examples_of(run: Run) -> tuple[tuple[tuple[str, ...], str], ...]:
    if not run.predictions.exists():
        return ()
    labelled = task_views.get(asking.task_of(run)).LABELLED
    return _examples(run.predictions, run.predictions.stat().st_mtime_ns, asking.inputs(run), labelled)


@functools.lru_cache(maxsize=16)
def _examples(path, version: int, inputs: tuple[str, ...], labelled: bool) -> tuple[tuple[tuple[str, ...], str], ...]:
    """A few short (a text for each input, true label), of different labels as far as there are; the label is empty where
    it is none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    splits = set(table["split"].unique().to_pylist())
    table = table.filter(pc.equal(table["split"], "test" if "test" in splits else "validation")).slice(0, 400)
    by_label: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    columns = [table[name].to_pylist() for name in ("text", *inputs[1:])]
    for *texts, label in zip(*columns, table["label"].to_pylist(), strict=True):
        if 4 <= len(texts[0]) <= 200:
            by_label.setdefault(label, []).append((tuple(texts), label if labelled else ""))
    rounds = itertools.zip_longest(*by_label.values())
    return tuple([pair for found in rounds for pair in found if pair][:EXAMPLES])


def pick(home: Home, lang: str, picked: str) -> tuple:
    """An example goes into the boxes, as one question: (a text for each box, no choice of lines)."""
    texts = json.loads(picked)
    return *texts, *[""] * (many.MOST_INPUTS - len(texts)), False


# ---- the page


def build(page: Page) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    nothing = html(
        pieces.empty("❯", t("playground_empty_title"), t("playground_empty_text")), elem_id="playground-empty"
    )
    with gr.Column(visible=False, elem_id="playground-view") as content:
        talk = chat.build(page)
        with gr.Row(equal_height=False, elem_id="asking") as form:
            with gr.Column(scale=3, min_width=300):
                with gr.Column(elem_classes=["sheet"]):
                    text = gr.Textbox(
                        label=t("input_text"), placeholder=t("your_text_hint"), lines=4, max_lines=12, elem_id="question"
                    )
                    second = gr.Textbox(lines=6, max_lines=16, visible=False, elem_id="context")
                    with gr.Row(elem_classes=["row-end"]):
                        lines = gr.Checkbox(label=t("each_line"), elem_id="each-line", container=False)
                        halt = gr.Button(t("chat_stop"), visible=False, interactive=False, elem_id="compose-stop", elem_classes=["fit"])
                        go = gr.Button(t("ask"), variant="primary", elem_id="ask")
                quotes = pickable(elem_id="examples")
            with gr.Column(scale=2, min_width=280):
                answer = html(f'<div class="ft waiting">{t("answer_here")}</div>', elem_id="answer")
                asked_before = pickable(elem_id="history")
        settings, chosen = composing.build(page, halt)
        files = many.build(page)
        with gr.Accordion(t("snippets"), open=False, elem_id="snippets", elem_classes=["sheet"]):
            code = html(elem_id="snippet-code")
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("take_it"), elem_id="take-it")

    history = gr.State([], time_to_live=3600)  # of this session; nothing is stored
    turns = gr.State(Turns())
    inputs, outputs = [page.run, text, second, lines, history, turns, *chosen], [answer, code, asked_before, history]
    text.focus(page.bind(warm_up), [page.run], [], **QUIET)
    hold(go, halt, go.click)
    release(go, halt, go.click(page.bind(ask), inputs, outputs, **SHOWN))
    for piece in (quotes, asked_before):
        picked = piece.click(page.bind(pick, event=True), [], [text, second, lines], **QUIET)
        picked.then(None, [], [], js="() => document.getElementById('ask').click()", **BROWSER)
    halt.click(page.bind(stop), [turns], [], **QUIET)
    onward.click(lambda: go_to("export"), [], [page.tabs], **QUIET)

    def show_all(home: Home, lang: str, run_id: str, kept: chat.Talk, turns: Turns, of_files: Turns) -> tuple:
        turns.end()
        form = gr.Row(visible=not chat.talks(home, run_id))
        parts = (files.handler(home, lang, run_id, of_files), talk.handler(home, lang, run_id, kept), settings.handler(home, lang, run_id))
        return (*show(home, lang, run_id), form, *itertools.chain(*parts))

    shown = [nothing, content, quotes, answer, code, text, second, lines, asked_before, history]
    return View(show_all, [*talk.inputs, turns, *files.inputs[1:]], [*shown, form, *files.outputs, *talk.outputs, *settings.outputs])
