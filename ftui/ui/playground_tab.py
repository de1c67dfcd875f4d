"""Step 5: ask the model. A client of the run's own server, the one that can be deployed."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from html import escape

import gradio as gr

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.ui import asking, many, pieces, task_views
from ftui.ui.page import QUIET, SHOWN, Page, View, find_run, go_to, html, pickable

EXAMPLES = 6
HISTORY = 20  # questions of this session that stay in sight
MOST_LINES = 200  # texts at once; for more there is the file
FIRST_BARS = 5

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(empty, view, examples, answer, snippets, text box, context box, choice of lines, history, its list)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        waiting = "playground_wait" if run else "playground_empty"
        message = pieces.empty("❯", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return gr.HTML(message, visible=True), gr.Column(visible=False), *[""] * 3, *[gr.skip()] * 3, "", []
    asked = asking.reads_context(run)
    box = gr.Textbox(label=languages.text("your_question" if asked else "your_text", lang))
    context = gr.Textbox(_context(run) if asked else "", visible=asked)
    given = {"question": "...", "context": "..."} if asked else {"text": "..."}
    code = asking.snippets(run, given, lang)
    lines = gr.Checkbox(value=False, visible=not asked)
    placeholder = f'<div class="ft waiting">{languages.text("answer_here", lang)}</div>'
    return gr.HTML(visible=False), gr.Column(visible=True), examples(run, lang), placeholder, code, box, context, lines, "", []


def ask(
    home: Home, lang: str, run_id: str, text: str, context: str = "", lines: bool = False, history: list | None = None
) -> Iterator[tuple]:
    """Ask the server, starting it first where it is not up; yields (answer, snippets, history, its list). With `lines`
    each line of the text is a text of its own."""
    run, history = home.run(run_id), history or []
    same = (gr.skip(), gr.skip(), gr.skip())
    texts = [line.strip() for line in text.splitlines() if line.strip()] if lines else [text] if text.strip() else []
    if not texts or len(texts) > MOST_LINES:
        key = "too_many_lines" if texts else "ask_something"
        yield pieces.notice(languages.text(key, lang, **({"most": MOST_LINES} if texts else {})), kind="warn"), *same
        return
    given: dict = {"text": text}
    if asking.reads_context(run):
        given = {"question": text, "context": context}
    elif lines:
        given = {"texts": texts}
    try:
        url = ""
        for found, waited in asking.server(run):
            if found is None:
                yield asking.loading(waited, lang), *same
            else:
                url = found
        answer = asking.predict(url, given)
    except UserError as problem:
        yield pieces.error(problem, lang), *same
        return
    answers = answer["results"] if lines else [answer]
    true = dict(_examples_of(run))
    history = [*((t, told(a)) for t, a in zip(texts, answers, strict=True)), *history][:HISTORY]
    shown = _several(texts, answers, true, lang) if lines else render(answer, given, lang, true.get(text))
    yield shown, asking.snippets(run, given, lang), past(history, lang), history


def told(answer: dict) -> tuple[str, str]:
    """(what the model says in few words, how sure it is)"""
    if "scores" in answer:
        return answer["label"], f"{answer['scores'][answer['label']]:.1%}"
    if "entities" in answer:
        return "; ".join(f"{e['label']}: {e['text']}" for e in answer["entities"]) or "–", ""
    return str(answer.get("answer", "")) or "–", ""


def render(answer: dict, given: dict, lang: str, true: str | None = None) -> str:
    """What the model says; of a classifier the label, and all labels as bars. `true` is the label that the file has."""
    view = task_views.of_answer(answer)
    if view:
        return f'<div class="ft card answer" aria-live="polite">{view.answer(answer, given, lang)}</div>'

    top = answer["label"]
    words = languages.text("answer_confidence", lang, share=f"{answer['scores'][top]:.1%}")
    head = f'<div class="top" id="answer-label">{escape(top)}</div><div class="muted">{escape(words)}</div>'
    if true is not None:
        right = true == top
        verdict = languages.text("example_agrees" if right else "example_differs", lang, label=true)
        head += f'<div class="truth {"right" if right else "wrong"}">{"✓" if right else "✕"} {escape(verdict)}</div>'
    note = f'<p class="sub base-note">{escape(languages.text("no_base", lang))}</p>'
    return f'<div class="ft card answer" aria-live="polite">{head}{_bars(answer["scores"], lang)}{note}</div>'


def _bars(scores: dict[str, float], lang: str) -> str:
    """The likeliest labels, the others a click away."""
    ranked = dict(sorted(scores.items(), key=lambda item: -item[1]))
    first = dict(list(ranked.items())[:FIRST_BARS])
    bars = pieces.probabilities(first)
    if len(ranked) == len(first):
        return bars
    words = escape(languages.text("show_all_labels", lang, n=len(ranked)))
    rest = dict(list(ranked.items())[FIRST_BARS:])
    others = pieces.probabilities(rest, len(rest)).replace('class="bar first"', 'class="bar"')
    return f'{bars}<details class="more"><summary>{words}</summary>{others}</details>'


def _several(texts: list[str], answers: list[dict], true: dict[str, str], lang: str) -> str:
    heads = [languages.text(key, lang) for key in ("text", "predicted", "confidence")]
    rows = []
    for text, answer in zip(texts, answers, strict=True):
        label, sure = told(answer)
        wrong = "wrong" if text in true and true[text] != label else ""
        rows.append([pieces.cell(text), pieces.pill(label, wrong), sure])
    return f'<div aria-live="polite" class="tall">{pieces.table(heads, rows, numeric=(2,))}</div>'


def past(history: list, lang: str) -> str:
    """What was asked in this session, the newest first; each can be asked again."""
    if len(history) < 2:
        return ""
    lines = "".join(
        f'<button data-pick="{escape(text)}" title="{escape(text[:300])}"><span>{escape(_short(text))}</span>'
        f"<b>{escape(_short(label, 24))}</b> <small>{sure}</small></button>"
        for text, (label, sure) in history
    )
    title, note = escape(languages.text("history", lang)), escape(languages.text("history_note", lang))
    return f'<div class="ft"><div class="h">{title}</div><p class="sub">{note}</p><div class="past">{lines}</div></div>'


def warm_up(home: Home, lang: str, run_id: str) -> None:
    """Somebody is about to type: have the model loaded by the time they ask."""
    run = find_run(home, run_id)
    if run is not None and run.model.exists():
        asking.job_of(run)


def examples(run: Run, lang: str) -> str:
    """Some texts of the test split as buttons, each with its true label."""
    buttons = "".join(
        f'<button data-pick="{escape(text)}" title="{escape(text[:300])}">{escape(_short(text))} {pieces.pill(label) if label else ""}</button>'
        for text, label in _examples_of(run)
    )
    if not buttons:
        return ""
    key = "examples" if asking.reads_context(run) else "examples_labelled"
    note = languages.text(key, lang)
    return f'<div class="ft"><p class="sub" style="margin-bottom:8px">{note}</p><div class="quotes">{buttons}</div></div>'


def _short(text: str, most: int = 64) -> str:
    return text if len(text) <= most else text[:most] + "…"


def _examples_of(run: Run) -> tuple[tuple[str, str], ...]:
    return _examples(run.predictions, run.predictions.stat().st_mtime_ns) if run.predictions.exists() else ()


@functools.lru_cache(maxsize=16)
def _examples(path, version: int) -> tuple[tuple[str, str], ...]:
    """A few short (text, true label), of different labels as far as there are; the label is empty where it is none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    labelled = "scores" in table.column_names
    splits = set(table["split"].unique().to_pylist())
    table = table.filter(pc.equal(table["split"], "test" if "test" in splits else "validation")).slice(0, 400)
    by_label: dict[str, list[tuple[str, str]]] = {}
    for text, label in zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True):
        if 4 <= len(text) <= 200:
            by_label.setdefault(label, []).append((text, label if labelled else ""))
    rounds = zip(*(texts[:EXAMPLES] for texts in by_label.values()), strict=False)
    return tuple([pair for found in rounds for pair in found][:EXAMPLES])


def _context(run: Run) -> str:
    """The context of the first test question, to begin with."""
    import pyarrow.parquet as pq

    table = pq.read_table(run.predictions, columns=["context"]).slice(0, 1) if run.predictions.exists() else []
    return table["context"][0].as_py() if len(table) else ""


def pick(home: Home, lang: str, picked: str) -> tuple:
    """An example goes into the text box, as one text."""
    return picked, False


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
                        lines = gr.Checkbox(label=t("each_line"), elem_id="each-line", container=False)
                        go = gr.Button(t("ask"), variant="primary", elem_id="ask")
                quotes = pickable(elem_id="examples")
            with gr.Column(scale=2, min_width=280):
                answer = html(f'<div class="ft waiting">{t("answer_here")}</div>', elem_id="answer")
                asked_before = pickable(elem_id="history")
        files = many.build(page)
        with gr.Accordion(t("snippets"), open=False, elem_id="snippets", elem_classes=["sheet"]):
            code = html(elem_id="snippet-code")
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("take_it"), elem_id="take-it")

    history = gr.State([], time_to_live=3600)  # of this session; nothing is stored
    asked = page.bind(ask)
    inputs, outputs = [page.run, text, context, lines, history], [answer, code, asked_before, history]
    text.focus(page.bind(warm_up), [page.run], [], **QUIET)
    go.click(asked, inputs, outputs, **SHOWN)
    for piece in (quotes, asked_before):
        piece.click(page.bind(pick, event=True), [], [text, lines], **QUIET).then(asked, inputs, outputs, **QUIET)
    onward.click(lambda: go_to("export"), [], [page.tabs], **QUIET)

    def show_all(home: Home, lang: str, run_id: str) -> tuple:
        return (*show(home, lang, run_id), *files.handler(home, lang, run_id))

    shown = [nothing, content, quotes, answer, code, text, context, lines, asked_before, history]
    return View(show_all, [page.run], [*shown, *files.outputs])
