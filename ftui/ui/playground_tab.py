"""Step 5: ask the model. A client of the run's own server, the one that can be deployed."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Iterator

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages, recipe
from ftui.core.errors import UserError
from ftui.core.home import Home, Job, Run
from ftui.ui import pieces, task_views
from ftui.ui.page import QUIET, SHOWN, Page, View, find_run, go_to, html, pickable

PATIENCE = 90.0  # seconds for a model to load
IDLE = 1800  # seconds without a question after which the server ends itself
EXAMPLES = 6
_starting = threading.Lock()  # two questions at once start one server

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(empty, view, examples, answer, snippets, text box, context box) for the chosen run."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        waiting = "playground_wait" if run else "playground_empty"
        message = pieces.empty("❯", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return gr.HTML(message, visible=True), gr.Column(visible=False), "", "", "", gr.skip(), gr.skip()
    asked = reads_context(run)
    box = gr.Textbox(label=languages.text("your_question" if asked else "your_text", lang))
    context = gr.Textbox(_context(run) if asked else "", visible=asked)
    return gr.HTML(visible=False), gr.Column(visible=True), examples(run, lang), _placeholder(lang), snippets(run, lang), box, context


def ask(home: Home, lang: str, run_id: str, text: str, context: str = "") -> Iterator[tuple]:
    """Ask the server, starting it first where it is not up; yields (answer, snippets)."""
    run = home.run(run_id)
    if not text.strip():
        yield pieces.notice(languages.text("ask_something", lang), kind="warn"), gr.skip()
        return
    url = jobs.serving(run)
    if url is None:
        yield _loading(lang), gr.skip()
        try:
            url = wait_for_server(run)
        except UserError as problem:
            yield pieces.error(problem, lang), gr.skip()
            return
    try:
        given = {"question": text, "context": context} if reads_context(run) else {"text": text}
        answer = predict(url, given)
    except UserError as problem:
        yield pieces.error(problem, lang), gr.skip()
        return
    yield render(answer, given, lang), snippets(run, lang)


def wait_for_server(run: Run) -> str:
    """Start the run's server and return its address once it is up. Raises UserError where it does not come up."""
    job = _server_job(run)
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience:
        url = jobs.serving(run)
        if url:
            return url
        if jobs.state(job) in ev.TERMINAL:
            told = ev.last(ev.read(job.events)[0], "error") or {}
            raise UserError("server_failed", problem=told.get("message") or job.log)
        time.sleep(0.15)
    raise UserError("server_slow", seconds=int(PATIENCE))


MOST_SERVERS = 2  # models that playgrounds hold in memory at a time


def _server_job(run: Run) -> Job:
    """The run's server, started if there is none."""
    with _starting:
        job = next((j for j in reversed(run.jobs("serve")) if jobs.state(j) not in ev.TERMINAL), None)
        if job is None:
            jobs.limit_servers(run.home, MOST_SERVERS - 1)
            job = jobs.start(run, "serve", {"port": 0, "idle": IDLE})
        return job


def reads_context(run: Run) -> bool:
    """Whether the run's model answers questions about a context."""
    return recipe.load(run.recipe).task == "question-answering"


def predict(url: str, given: dict) -> dict:
    """What the server says to one text, or to a question and its context. Raises UserError."""
    import httpx

    try:
        answer = httpx.post(f"{url}/predict", json=given, timeout=60, trust_env=False)
        content = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UserError("server_failed", problem=str(error) or type(error).__name__) from error
    if "error" in content:
        raise UserError("server_failed", problem=content["error"]["message"])
    return content


def render(answer: dict, given: dict, lang: str) -> str:
    """What the model says; of a classifier the label, and all labels as bars."""
    from html import escape

    view = task_views.of_answer(answer)
    if view:
        return f'<div class="ft card answer" aria-live="polite">{view.answer(answer, given, lang)}</div>'

    top = answer["label"]
    words = languages.text("answer_confidence", lang, share=f"{answer['scores'][top]:.1%}")
    head = f'<div class="top" id="answer-label">{escape(top)}</div><div class="muted">{escape(words)}</div>'
    return f'<div class="ft card answer" aria-live="polite">{head}{pieces.probabilities(answer["scores"])}</div>'


def _loading(lang: str) -> str:
    text = languages.text("loading_model", lang)
    return f'<div class="ft card answer"><div class="muted">{text}</div><div class="progress wait running"><i style="width:30%"></i></div></div>'


def _placeholder(lang: str) -> str:
    return f'<div class="ft waiting">{languages.text("answer_here", lang)}</div>'


def warm_up(home: Home, lang: str, run_id: str) -> None:
    """Somebody is about to type: have the model loaded by the time they ask."""
    run = find_run(home, run_id)
    if run is not None and run.model.exists():
        _server_job(run)


def examples(run: Run, lang: str) -> str:
    """Some texts of the test split as buttons."""
    from html import escape

    texts = _examples(run.predictions, run.predictions.stat().st_mtime_ns) if run.predictions.exists() else ()
    buttons = "".join(
        f'<button data-pick="{escape(text)}" title="{escape(text[:300])}">{escape(text if len(text) <= 64 else text[:64] + "…")}</button>'
        for text in texts
    )
    return (
        f'<div class="ft"><p class="sub" style="margin-bottom:8px">{languages.text("examples", lang)}</p><div class="quotes">{buttons}</div></div>'
        if texts
        else ""
    )


@functools.lru_cache(maxsize=16)
def _examples(path, version: int) -> tuple[str, ...]:
    """A few short texts, of different labels as far as there are."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["split", "text", "label"])
    splits = set(table["split"].unique().to_pylist())
    table = table.filter(pc.equal(table["split"], "test" if "test" in splits else "validation")).slice(0, 400)
    by_label: dict[str, list[str]] = {}
    for row in table.to_pylist():
        if 4 <= len(row["text"]) <= 200:
            by_label.setdefault(row["label"], []).append(row["text"])
    rounds = zip(*(texts[:EXAMPLES] for texts in by_label.values()), strict=False)
    return tuple([text for found in rounds for text in found][:EXAMPLES])


def _context(run: Run) -> str:
    """The context of the first test question, to begin with."""
    import pyarrow.parquet as pq

    table = pq.read_table(run.predictions, columns=["context"]).slice(0, 1) if run.predictions.exists() else []
    return table["context"][0].as_py() if len(table) else ""


def snippets(run: Run, lang: str) -> str:
    """The same question from a terminal and from Python."""
    from html import escape

    url = jobs.serving(run) or "http://127.0.0.1:8000"
    body = json.dumps({"question": "...", "context": "..."} if reads_context(run) else {"text": "..."})
    start = f"python -m ftui serve {run.id} --port 8000"
    curl = f"curl -X POST {url}/predict \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    python = f'import httpx\n\nanswer = httpx.post("{url}/predict", json={body}).json()\nprint(answer)'
    parts = (("snippet_start", start), ("snippet_curl", curl), ("snippet_python", python))
    return "".join(
        f'<div class="ft snippet"><div class="k">{languages.text(key, lang)}</div><pre class="code">{escape(code)}</pre></div>'
        for key, code in parts
    )


def pick(home: Home, lang: str, picked: str) -> str:
    """An example goes into the text box."""
    return picked


# ---- the page


def build(page: Page) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    nothing = html(
        pieces.empty("❯", t("playground_empty_title"), t("playground_empty_text")), elem_id="playground-empty"
    )
    with gr.Column(visible=False, elem_id="playground-view") as content:
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=300):
                with gr.Column(elem_classes=["sheet"]):
                    text = gr.Textbox(
                        label=t("your_text"), placeholder=t("your_text_hint"), lines=4, max_lines=12, elem_id="question"
                    )
                    context = gr.Textbox(label=t("your_context"), lines=6, max_lines=16, visible=False, elem_id="context")
                    with gr.Row(elem_classes=["row-end"]):
                        go = gr.Button(t("ask"), variant="primary", elem_id="ask")
                quotes = pickable(elem_id="examples")
            with gr.Column(scale=2, min_width=280):
                answer = html(_placeholder(page.lang), elem_id="answer")
        with gr.Accordion(t("snippets"), open=False, elem_id="snippets", elem_classes=["sheet"]):
            code = html(elem_id="snippet-code")
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("take_it"), elem_id="take-it")

    asked = page.bind(ask)
    text.focus(page.bind(warm_up), [page.run], [], **QUIET)
    go.click(asked, [page.run, text, context], [answer, code], **SHOWN)
    quotes.click(page.bind(pick, event=True), [], [text], **QUIET).then(
        asked, [page.run, text, context], [answer, code], **QUIET
    )
    onward.click(lambda: go_to("export"), [], [page.tabs], **QUIET)
    return View(show, [page.run], [nothing, content, quotes, answer, code, text, context])
