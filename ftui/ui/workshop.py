"""The data workshop on the Data tab: what is odd about the rows, the steps that mend it, rows before and after.

What was chosen is kept beside the data set (`plan.json`), so that it is there again after a reload: how it is read
(see ftui.ui.readings), and the plan, a part of the recipe's `data` as plain data: {"clean": [...], "test_path": ...}. The
page holds both as JSON.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ftui import tasks
from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home, starter_tokenizer, write_json
from ftui.core.steps import CLEAN, build_steps
from ftui.ui import pieces, readings, step_form
from ftui.ui.page import LATEST, QUIET, Page, html, pickable

if TYPE_CHECKING:
    from ftui.core.recipe import Recipe
    from ftui.data.report import Report, Sheet

SHOWN_ROWS = 50
_KEEPING = threading.Lock()  # of two changes at a time neither undoes the other
_MARKS = {"bad": "✕", "warn": "!", "info": "i"}


# ---- the plan


def saved(folder: Path) -> dict:
    """{"task", "columns", "plan"} as they were left; no task and nothing in the others where nothing was."""
    try:
        content = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        read(json.dumps(content["plan"]))
        return {"task": next(iter(tasks.TASKS)) if content["columns"] else None, **content}
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return {"task": None, "columns": {}, "plan": {}}


def save(folder: Path, task: str | None, columns: dict, plan: dict) -> None:
    """Keep what was chosen."""
    content = {"task": task, "columns": columns, "plan": plan}
    if saved(folder) != content:
        write_json(folder / "plan.json", content)


def save_reading(folder: Path, reading: str, plan: dict) -> None:
    """Keep it, as the page holds the reading."""
    now = readings.read(reading)
    with _KEEPING:
        save(folder, now.task, now.columns, plan)


def keep(home: Home, data_id: str, plan: str) -> None:
    """Keep a plan that has changed; the columns stay."""
    folder, content = folder_of(home, data_id), read(plan)
    if folder is not None:
        with _KEEPING:
            kept = saved(folder)
            save(folder, kept["task"], kept["columns"], content)


def keep_reading(folder: Path, now: readings.Reading) -> None:
    """Keep a reading that has changed; the plan stays."""
    with _KEEPING:
        save(folder, now.task, now.columns, saved(folder)["plan"])


def plan_of(made: Recipe) -> dict:
    """What a recipe says of cleaning and splitting, as a plan; files of its own are not taken over."""
    data, usual = made.data.model_dump(mode="json"), type(made.data).model_fields
    names = ("clean", "augment", "balance", "group_column", "date_column", "folds", "fold")
    return {name: data[name] for name in names if data[name] != usual[name].default}


def read(plan: str | None) -> dict:
    """The plan that the page holds. Raises UserError where it is none."""
    content = json.loads(plan or "{}")
    recipes.build({"data": {"path": "-", **content}})
    return content


def written(plan: dict) -> str:
    """The plan as the page holds it."""
    return json.dumps({name: value for name, value in plan.items() if value}, ensure_ascii=False)


# ---- what is computed, once for each choice


@functools.lru_cache(maxsize=4)
def sheet(folder: Path, reading: str, plan: str) -> Sheet:
    """The rows after the plan's steps. Raises UserError where they cannot be read so, and where a pattern takes too long."""
    from ftui.data import intake, report

    content = read(plan)
    own = {split: content.get(f"{split}_path") for split in ("validation", "test")}
    others = {split: intake.open_dataset(Path(path)) for split, path in own.items() if path}
    steps = build_steps(content.get("clean", []))
    columns = readings.read(reading).columns
    return report.look(intake.open_dataset(folder), columns, steps, others, starter_tokenizer())


@functools.lru_cache(maxsize=8)
def report_of(folder: Path, reading: str, plan: str) -> Report:
    """The findings on them."""
    from ftui.data import report

    return report.make(sheet(folder, reading, plan))


def inspect(home: Home, lang: str, data_id: str, reading: str, plan: str) -> tuple:
    """After any choice: (findings, steps). The reading is kept; whoever changes the plan keeps it."""
    folder = folder_of(home, data_id)
    if folder is None:
        return "", ""
    now, content = readings.read(reading), read(plan)
    keep_reading(folder, now)
    problem = now.problem(lang)
    if problem:
        return pieces.notice(problem, kind="warn"), ""
    try:
        found, rows = report_of(folder, reading, plan), sheet(folder, reading, plan)
        if rows.labels is None:  # the report itself looks at labels
            tasks.get(now.task).check({"train": rows.table}, now.columns)
    except UserError as error:
        return pieces.error(error, lang), _steps([], content.get("clean", []), lang)
    counts = [(len(o.changed), len(o.dropped)) for o in rows.outcomes]
    return _findings(found, content, lang), _steps(counts, content.get("clean", []), lang)


def folder_of(home: Home, data_id: str) -> Path | None:
    """The folder of a data set, None where there is none."""
    try:
        return home.dataset(data_id) if data_id else None
    except UserError:
        return None


# ---- pieces


def button(pick: str, text: str, kind: str = "", title: str = "") -> str:
    """A button of a `pickable`: a click is the event `pick`."""
    hint = f' title="{escape(title)}" aria-label="{escape(title)}"' if title else ""
    return f'<button data-pick="{escape(pick)}" class="{kind}"{hint}>{escape(text)}</button>'


def _findings(found: Report, plan: dict, lang: str) -> str:
    lines, smaller = [], []
    for finding in found.findings:
        buttons = button(f"rows:{finding.kind}", languages.text("show_rows", lang)) if len(finding.rows) else ""
        if finding.cure:
            buttons += button(f"cure:{finding.kind}", languages.step(finding.cure["name"], lang)[0], "cure")
        for name, value in (finding.setting or {}).items():
            if plan.get(name) != value:
                buttons += button(f"set:{finding.kind}", languages.text(f"{name}_{value}", lang), "cure")
        mark = f'<span class="mark" aria-hidden="true">{_MARKS[finding.level]}</span>'
        sentence = escape(finding.sentence(lang))
        (smaller if finding.level == "info" else lines).append(f'<li class="finding {finding.level}" data-kind="{finding.kind}">{mark}<p>{sentence}</p><span class="acts">{buttons}</span></li>')
    if not lines and not smaller:
        return pieces.notice(languages.text("nothing_odd", lang), kind="info")
    if (cures := len(_grave(found))) > 1:
        lines.append(f'<li class="finding onto"><span class="acts">{button("cure_all:", languages.text("mend_all", lang, n=cures), "cure")}</span></li>')
    if len(smaller) > 1:
        if not lines:
            lines.append(f'<li class="finding info"><span class="mark" aria-hidden="true">✓</span><p>{escape(languages.text("nothing_in_the_way", lang))}</p></li>')
        inside = f'<ul class="findings">{"".join(smaller)}</ul>'
        lines.append(f'<li class="smaller"><details data-kept="smaller"><summary>{escape(languages.text("smaller_findings", lang, n=len(smaller)))}</summary>{inside}</details></li>')
    else:
        lines += smaller
    about = languages.text("looked_at", lang, n=found.looked_at, all=found.total) if found.looked_at < found.total else ""
    return f'<div class="ft"><ul class="findings">{"".join(lines)}</ul><p class="sub">{escape(about)}</p></div>'


def _grave(found: Report) -> list[dict]:
    """The cures of what is more than a hint, in a good order to run them in."""
    cures = [finding.cure for finding in found.findings if finding.cure and finding.level != "info"]
    return sorted(cures, key=lambda cure: list(CLEAN).index(cure["name"]))


def _steps(counts: Sequence[tuple[int, int]], steps: Sequence[dict], lang: str) -> str:
    if not steps:
        return f'<div class="ft sub">{escape(languages.text("no_steps", lang))}</div>'
    lines = []
    for i, step in enumerate(steps):
        changed, dropped = counts[i] if i < len(counts) else (0, 0)
        done = languages.text("step_done", lang, changed=changed, dropped=dropped)
        settings = ", ".join(_setting(step["name"], name, value, lang) for name, value in step.items() if name != "name" and value not in (None, ""))
        see = button(f"see:{i}", languages.text("before_after", lang)) if changed or dropped else ""
        moves = button(f"up:{i}", "↑", title=languages.text("step_up", lang)) if i else ""
        moves += button(f"down:{i}", "↓", title=languages.text("step_down", lang)) if i < len(steps) - 1 else ""
        moves += button(f"remove:{i}", "✕", title=languages.text("step_remove", lang))
        name = escape(languages.step(step["name"], lang)[0])
        detail = f'<span class="sub">{escape(settings)}</span>' if settings else ""
        lines.append(f'<li class="step"><p><b>{name}</b> {detail}</p><span class="n">{escape(done)}</span><span class="acts">{see}{moves}</span></li>')
    return f'<div class="ft"><ol class="steps">{"".join(lines)}</ol></div>'


def _setting(step: str, name: str, value: object, lang: str) -> str:
    """A setting of a step as it was chosen, with the name that its field has; new names of labels explain themselves."""
    if isinstance(value, dict):
        return ", ".join(f"{a} → {b}" for a, b in value.items())
    return f"{languages.step(f'{step}.{name}', lang)[0]}: {value}"


def rows_panel(title: str, heads: list[str], rows: list[list[str]], lang: str) -> str:
    """Rows in a table with a title and a button that closes it; cells are HTML."""
    close = button("close:", "✕", title=languages.text("close", lang))
    table = pieces.table([escape(head) for head in heads], rows, numeric=(0,))
    return f'<div class="ft rows-panel"><div class="line"><div class="h">{escape(title)}</div>{close}</div><div class="tall">{table}</div></div>'


def marked(text: str, other: str, kind: str) -> str:
    """A text with what differs from another set off."""
    import difflib

    if len(text) > 2000 or len(other) > 2000:
        return pieces.cell(text)
    parts = []
    for tag, a, b, _, _ in difflib.SequenceMatcher(None, text, other, autojunk=False).get_opcodes():
        piece = escape(text[a:b]).replace("\n", "⏎").replace("\u3000", "␣")
        parts.append(piece if tag == "equal" else f"<mark class='{kind}'>{piece}</mark>" if piece else "")
    return f'<div class="clamp">{"".join(parts)}</div>'


def finding_rows(folder: Path, reading: str, plan: str, kind: str, lang: str) -> str:
    """The rows behind a finding."""
    now = sheet(folder, reading, plan)
    found = next((f for f in report_of(folder, reading, plan).findings if f.kind == kind), None)
    if found is None:
        return ""
    place = {row: i for i, row in enumerate(now.numbers.tolist())}
    rows = found.rows[:SHOWN_ROWS].tolist()
    columns = readings.read(reading).named
    cells = now.raw.take([place[row] for row in rows]).select([name for _, name in columns]).to_pylist()
    title = languages.text("rows_shown", lang, n=len(rows), all=len(found.rows)) + " · " + found.sentence(lang)
    shown = [
        [f"{row + 1:,}", *((pieces.pill if role == "label" else pieces.cell)(cell[column]) for role, column in columns)]
        for row, cell in zip(rows, cells, strict=True)
    ]
    return rows_panel(title, [languages.text("row", lang), *(name for _, name in columns)], shown, lang)


def step_rows(folder: Path, reading: str, plan: str, number: int, lang: str) -> str:
    """Rows that a step changed or dropped, before and after."""
    now = sheet(folder, reading, plan)
    if number >= len(now.outcomes):
        return ""
    outcome = now.outcomes[number]
    before = now.outcomes[number - 1].table if number else now.before
    old, new = _by_row(before), _by_row(outcome.table)
    changed, dropped = outcome.changed[:SHOWN_ROWS].tolist(), outcome.dropped[:SHOWN_ROWS].tolist()
    rows = []
    for row in changed:
        was, is_ = old[row], new[row]
        rows.append([f"{row + 1:,}", *(marked(a, b, kind) for a, b, kind in ((was[0], is_[0], "gone"), (is_[0], was[0], "new"))), _labels(was[1], is_[1])])
    gone = f'<span class="dropped">{escape(languages.text("row_dropped", lang))}</span>'
    rows += [[f"{row + 1:,}", pieces.cell(old[row][0]), gone, _labels(old[row][1], old[row][1])] for row in dropped]
    name = languages.step(outcome.step.name, lang)[0]
    title = f"{name} · {languages.text('step_done', lang, changed=len(outcome.changed), dropped=len(outcome.dropped))}"
    heads = [languages.text(key, lang) for key in ("row", "before", "after", "label")]
    if now.labels is None:
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return rows_panel(title, heads, rows[: 2 * SHOWN_ROWS], lang)


def _labels(was: str, now: str) -> str:
    return pieces.pill(now) if was == now else f"{pieces.pill(was)} → {pieces.pill(now)}"


def _by_row(table) -> dict[int, tuple[str, str]]:
    """{number: (text, label)}; the label is empty where rows have none."""
    from ftui.data import cleaning

    labels = table["label"].to_pylist() if "label" in table.column_names else [""] * len(table)
    return {row: (text, label) for row, text, label in zip(table["row"].to_pylist(), cleaning.texts(table), labels, strict=True)}


# ---- clicks


def act(home: Home, lang: str, pick: str, data_id: str, reading: str, plan: str) -> tuple:
    """A button of a finding or a step was clicked: (plan, rows that are shown)."""
    verb, _, what = pick.partition(":")
    folder = folder_of(home, data_id)
    if verb == "close" or folder is None or readings.read(reading).problem(lang):
        return gr.skip(), ""
    if verb == "rows":
        return gr.skip(), finding_rows(folder, reading, plan, what, lang)
    if verb == "see":
        return gr.skip(), step_rows(folder, reading, plan, int(what), lang)
    content = read(plan)
    steps = list(content.get("clean", []))
    if verb == "cure":
        found = next((f for f in report_of(folder, reading, plan).findings if f.kind == what), None)
        if found and found.cure:
            steps.append(found.cure)
    elif verb == "cure_all":
        steps += _grave(report_of(folder, reading, plan))
    elif verb == "set":
        found = next((f for f in report_of(folder, reading, plan).findings if f.kind == what), None)
        content |= (found and found.setting) or {}
    elif verb in ("up", "down", "remove") and int(what) < len(steps):
        step = steps.pop(int(what))
        if verb != "remove":
            steps.insert(max(0, int(what) + (1 if verb == "down" else -1)), step)
    made = written({**content, "clean": steps})
    save_reading(folder, reading, read(made))
    return made, step_rows(folder, reading, made, len(steps) - 1, lang) if verb == "cure" else ""


def add(home: Home, lang: str, data_id: str, plan: str, name: str | None, *values: str) -> tuple:
    """Add the chosen step with its settings: (plan, notice)."""
    if not name:
        return gr.skip(), pieces.notice(languages.text("choose_step", lang), kind="warn")
    content = read(plan)
    content["clean"] = [*content.get("clean", []), step_form.step_of(CLEAN, name, values)]
    try:
        read(json.dumps(content))
    except UserError as error:
        return gr.skip(), pieces.error(error, lang)
    keep(home, data_id, written(content))
    return written(content), ""


# ---- the page


@dataclass(frozen=True)
class Controls:
    """Parts of the page: `plan` is what Fine-tune reads."""

    plan: gr.Textbox
    findings: gr.HTML
    steps: gr.HTML
    panel: gr.HTML
    name: gr.Dropdown
    settings: list[gr.Textbox]
    about: gr.HTML
    add: gr.Button
    notice: gr.HTML


def build(page: Page) -> Controls:
    """Lay out findings, steps and the rows behind them."""
    t = page.t
    hidden = {"visible": "hidden", "container": False, "show_label": False}
    plan = gr.Textbox("{}", elem_id="data-plan", **hidden)
    with gr.Column(elem_classes=["sheet"]):
        html(pieces.heading(t("findings_title"), t("findings_note")))
        findings = pickable(elem_id="data-findings")
        html(pieces.heading(t("steps_title"), t("steps_note")))
        steps = pickable(elem_id="data-steps")
        panel = pickable(elem_id="data-panel")
        with gr.Accordion(t("own_step"), open=False, elem_id="own-step", elem_classes=["plain"]):
            with gr.Row(elem_classes=["row-bottom", "add-step"]):
                names = [(languages.step(name, page.lang)[0], name) for name in CLEAN]
                chosen = gr.Dropdown(names, value=None, label=t("add_step_label"), elem_id="step-name", min_width=220, scale=2)
                settings = [gr.Textbox(visible=False, elem_id=f"step-setting-{i}", min_width=140) for i in range(step_form.MOST_SETTINGS)]
                add_ = gr.Button(t("add_step"), elem_id="step-add", elem_classes=["fit"])
            about = html(elem_id="step-about")
            notice = html(elem_id="step-notice")
    return Controls(plan, findings, steps, panel, chosen, settings, about, add_, notice)


def wire(page: Page, controls: Controls, reading: gr.Textbox, then: Callable) -> None:
    """What happens on clicks and changes; `then(event)` adds what else follows when reading or plan have changed."""
    c = controls
    inputs = [page.data, reading, c.plan]
    then(gr.on([reading.change, c.plan.change], page.bind(inspect), inputs, [c.findings, c.steps], **LATEST))
    for part in (c.findings, c.steps, c.panel):
        part.click(page.bind(act, event=True), inputs, [c.plan, c.panel], **QUIET)

    def ask(home: Home, lang: str, name: str | None) -> list:
        *fields, about = step_form.settings(lang, name)
        return [*fields, pieces.heading("", about) if about else ""]

    c.name.change(page.bind(ask), [c.name], [*c.settings, c.about], **QUIET)
    c.add.click(page.bind(add), [page.data, c.plan, c.name, *c.settings], [c.plan, c.notice], **QUIET)
