"""Labelling by hand on the Data tab: one row after the other, each act written down at once (see ftui.data.labelling)."""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from ftui import jobs, tasks
from ftui.core import languages
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.data import forms, label_rows, labelling
from ftui.data.label_rows import FORMATS, ONE, SEVERAL, SPANS, Subject
from ftui.ui import downloads, pieces, readings, sidebar, suggesting, workshop
from ftui.ui import label_boards as boards
from ftui.ui.page import BROWSER, LATEST, QUIET, SHOWN, Page, find_run, html

WHICH = {
    "unlabelled": label_rows.waiting, "doubted": label_rows.everything, "contradictory": label_rows.contradictory, "all": label_rows.everything,
}  # fmt: skip

# ---- what is labelled


def task_of(reading: str) -> str:
    """The task whose labels are given: texts alone, read as such, are where a classification begins."""
    task = readings.read(reading).task
    return "text-classification" if task == forms.PLAIN else task


@functools.lru_cache(maxsize=8)
def subject_of(folder: Path, reading: str) -> Subject | None:
    """What can be labelled of a data set in this reading; None where its task has no labels that are given so."""
    kind = next((kind for kind in (SPANS, SEVERAL, ONE) if kind in tasks.get(task_of(reading)).ROLES), None)
    return label_rows.subject(folder, readings.read(reading).columns, kind) if kind else None


@functools.lru_cache(maxsize=16)
def rows_of(folder: Path, reading: str, which: str) -> list[int]:
    """The rows that are offered, in the file's order."""
    what = subject_of(folder, reading)
    return WHICH[which](what).tolist() if what else []


@functools.lru_cache(maxsize=8)
def _ordered(folder: Path, reading: str, which: str, run_id: str, home: Home, _answered: int) -> list[int]:
    """The rows that are offered, in the order in which they are."""
    what, rows = subject_of(folder, reading), rows_of(folder, reading, which)
    answers = suggesting.known(home, folder, run_id, what, which) if what and run_id else {}
    return suggesting.order(rows, answers, what, which == "doubted") if what and answers else rows


@functools.lru_cache(maxsize=8)
def _names(folder: Path, reading: str) -> list[str]:
    what = subject_of(folder, reading)
    return what.names() if what else []


def mark_of(data_id: str, reading: str) -> str:
    """A board bears what it is of: keys on one that the page has meanwhile left behind say nothing of the new rows."""
    return f"{zlib.crc32(f'{data_id} {reading}'.encode()):08x}"


class Desk:
    """What a person works on: the data set and its rows, what was said of them, and what a run thinks."""

    def __init__(self, home: Home, lang: str, folder: Path, reading: str, which: str | None, run_id: str | None, by: str):
        what = subject_of(folder, reading)
        assert what is not None
        self.lang, self.what, self.by, self.mark = lang, what, by, mark_of(folder.name, reading)
        which = which if which in WHICH else "unlabelled"
        self.answers = suggesting.known(home, folder, run_id, what, which) if run_id else {}
        self.queue = _ordered(folder, reading, which, run_id or "", home, len(self.answers))
        self.book = labelling.book(folder, what.column)
        self.in_file = _names(folder, reading)

    @property
    def names(self) -> list[str]:
        """All labels that are known by now: each keeps its key."""
        return list(dict.fromkeys([*self.in_file, *self.book.names, *self._of_run()]))

    def _of_run(self) -> list[str]:
        """Names that only the run knows."""
        first = next(iter(self.answers.values()), {})
        if self.what.kind != SPANS:
            return sorted(first.get("scores", {}))
        return sorted({entity["label"] for said in self.answers.values() for entity in said.get("entities", [])})

    def now(self, row: int) -> tuple[labelling.Value | None, bool]:
        """(what holds for a row, whether that is only what the run thinks): said here, else in the file, else by the run."""
        act = self.book.last(row)
        if act is not None and act.value is not None:
            return act.value, False
        given, said = self.what.given(row), self.answers.get(row, {})
        if given is not None or self.what.kind == ONE:
            return given, False
        guessed = said.get("labels", []) if self.what.kind == SEVERAL else [{k: e[k] for k in ("start", "end", "label")} for e in said.get("entities", [])]
        return guessed, bool(guessed)

    def show(self, row: int | None, note: str = "") -> str:
        """The board with this row, or what there is to say where there is none."""
        every = set(self.queue)
        done = [row for row in self.book.acts if row in every and self.book.is_done(row)]
        if row is None:
            return boards.finished(len(done), self.mark, self.lang, len(every) - len(done))
        self.book.claim(row, self.by)
        mine = sum(self.book.acts[row][-1].by == self.by for row in done)
        head = boards.head(len(done), len(every), mine, row, self.lang)
        foot = pieces.notice(note, kind="warn") if note else ""
        value, guessed = self.now(row)
        chosen: list = value if isinstance(value, list) else [value] if value else []
        if self.what.kind == SPANS:
            body = boards.marking(self.what.texts(row)[0], chosen, guessed, self.lang)
            buttons, ready = boards.types(self.names, self.lang), boards.ready(guessed, len(chosen), self.lang)
        else:
            scores = self.answers.get(row, {}).get("scores", {})
            best = max(scores, key=lambda name: scores[name]) if scores else None
            names = self.names
            names = sorted(names, key=lambda name: -scores.get(name, 0)) if len(names) > boards.KEYS else names
            body = boards.reading(self.what.texts(row))
            if self.what.kind == SEVERAL:
                best, ready = None, boards.settled(guessed, chosen, self.lang)
            else:
                ready = boards.accept(best, self.lang)
            buttons = boards.choices(names, scores, best, chosen, self.lang)
        return boards.board(row, self.book.version(row), self.mark, head, body, buttons, foot, ready, self.lang)

    def act(self, act: str, row: int, seen: int, said: dict) -> str:
        """What a person does on a row: the board after it. Raises UserError."""
        with self.book.lock:  # two keys may come one right after the other, and labels are added to what is there
            return self._act(act, row, seen, said)

    def _act(self, act: str, row: int, seen: int, said: dict) -> str:
        book = self.book
        if act == "back":
            before = book.before(self.by, row)
            return self.show(before if before is not None else row if row >= 0 else None)
        if act == "undo":
            undone = book.undo(self.by)
            note = "" if undone is not None else languages.text("labelling_nothing_to_undo", self.lang)
            return self.show(undone if undone is not None else row if row >= 0 else None, note)
        if not 0 <= row < self.what.table.num_rows:
            return self.show(book.next(self.queue, self.by))
        if book.is_over(row, self.by, seen):
            return self.show(book.next(self.queue, self.by, after=row), languages.text("labelling_late", self.lang))
        entry, stays = self._entry(act, row, said)
        other = book.say(row, self.by, seen, **entry)
        if other is not None:
            return self.show(row, self._meanwhile(other))
        return self.show(row if stays else book.next(self.queue, self.by, after=row))

    def _entry(self, act: str, row: int, said: dict) -> tuple[dict, bool]:
        """(what is written down, whether the row stays before the person)."""
        if act == "skip":
            return {"skipped": True}, False
        if self.what.kind == ONE:
            return {"value": labelling.checked(str(said.get("name", "")))}, False
        value, _ = self.now(row)
        if self.what.kind == SEVERAL:
            names = [str(name) for name in value or []]
            if act == "label":
                name = labelling.checked(str(said.get("name", "")))
                names = [other for other in names if other != name] if name in names else [*names, name]
            return {"value": labelling.checked_labels(names), "done": act == "done"}, act != "done"
        spans: list = list(value) if isinstance(value, list) else []
        if act == "mark":
            start, end = int(said["start"]), int(said["end"])
            spans = [span for span in spans if span["end"] <= start or span["start"] >= end]
            spans.append({"start": start, "end": end, "label": said["name"]})
        elif act == "unmark":
            spans = [span for i, span in enumerate(spans) if i != said["span"]]
        spans = labelling.checked_spans(spans, len(self.what.texts(row)[0]))
        return {"value": spans, "done": act == "done"}, act != "done"

    def _meanwhile(self, other: labelling.Act) -> str:
        """Somebody else was quicker."""
        if isinstance(other.value, list):
            words = [part for part in other.value if isinstance(part, str)]
            label = ", ".join(words) if words else languages.text("labelling_marks", self.lang, n=len(other.value))
        else:
            label = other.value or languages.text("labelling_marks", self.lang, n=0)
        return languages.text("labelling_meanwhile", self.lang, label=label)


# ---- handlers


def show(home: Home, lang: str, data_id: str, reading: str, by: str) -> tuple:
    """Another data set, or another reading of it: (why there is nothing to label; section; which rows, runs, board as from
    `begin`, where the section is open: then `by` says for whom)."""
    folder = workshop.folder_of(home, data_id)
    what = subject_of(folder, reading) if folder else None
    if folder is None or what is None:
        return refused(reading, lang) if folder else "", gr.Accordion(visible=False, open=False), gr.skip(), gr.skip(), ""
    part = gr.Accordion(visible=True, label=_title(folder, reading, lang))
    return "", part, *(begin(home, lang, data_id, reading, by) if by else (gr.skip(), gr.skip(), gr.skip()))


def refused(reading: str, lang: str) -> str:
    """Where a task's answers are not given here and the file lacks them: what to do instead."""
    read = readings.read(reading)
    if not read.lacking:
        return ""
    roles = ("、" if lang == "zh" else ", ").join(readings.role_name(role, lang) for role in read.lacking)
    return pieces.notice(languages.text("labelling_elsewhere", lang, task=readings.task_name(read.task, lang), roles=roles))


def _title(folder: Path, reading: str, lang: str) -> str:
    what, open_ = subject_of(folder, reading), len(rows_of(folder, reading, "unlabelled"))
    assert what is not None
    said = len(labelling.book(folder, what.column).values())
    parts = [languages.text("labelling_title", lang)]
    parts += [languages.text("labelling_open", lang, n=open_)] if open_ else []
    parts += [languages.text("labelling_said", lang, n=said)] if said else []
    return " · ".join(parts)


def begin(home: Home, lang: str, data_id: str, reading: str, by: str) -> tuple:
    """The section was opened: (which rows, runs that can help, board)."""
    folder = workshop.folder_of(home, data_id)
    what = subject_of(folder, reading) if folder else None
    if folder is None or what is None:
        return gr.skip(), gr.skip(), ""
    offered = [name for name in WHICH if what.kind == ONE or name != "contradictory"]
    which = "unlabelled" if rows_of(folder, reading, "unlabelled") else "all"
    named = {line["id"]: sidebar.name_of(line, lang) for line in jobs.summaries(home)}  # damaged ones are left out
    runs = [(named[run.id], run.id) for run in suggesting.runs(home, task_of(reading)) if run.id in named]
    ways = gr.Dropdown(choices=[(languages.text("label_rows_" + name, lang), name) for name in offered], value=which)
    helpers = gr.Dropdown(choices=[(languages.text("no_suggestions", lang), ""), *runs], value="", visible=bool(runs))
    return ways, helpers, _board(home, lang, folder, reading, which, "", by)


def choose(home: Home, lang: str, data_id: str, reading: str, which: str, run_id: str | None, by: str) -> Iterator[str]:
    """Other rows, or another run that suggests: how far it is with them, then the board."""
    folder = workshop.folder_of(home, data_id)
    what = subject_of(folder, reading) if folder else None
    if folder is None or what is None:
        yield ""
        return
    run = find_run(home, run_id or "")
    if which == "doubted" and run is None:
        yield pieces.notice(languages.text("doubted_needs_run", lang), kind="warn")
        return
    try:
        if run and not suggesting.known(home, folder, run.id, what, which) and (rows := rows_of(folder, reading, which)):
            yield pieces.notice(languages.text("suggestions_loading", lang))
            for done, total in suggesting.ask(home, folder, run, what, which, rows):
                if total:
                    yield pieces.notice(languages.text("suggestions_asked", lang, done=done, total=total))
    except UserError as problem:
        yield pieces.error(problem, lang)
        return
    yield _board(home, lang, folder, reading, which, run_id, by)


def _board(home: Home, lang: str, folder: Path, reading: str, which: str, run_id: str | None, by: str) -> str:
    desk = Desk(home, lang, folder, reading, which, run_id, by)
    return desk.show(desk.book.next(desk.queue, by))


def act(home: Home, lang: str, pick: str, data_id: str, reading: str, which: str, run_id: str | None) -> tuple:
    """A key or a click on the board: (board, section with its title)."""
    folder = workshop.folder_of(home, data_id)
    if folder is None or subject_of(folder, reading) is None:
        return "", gr.skip()
    said = json.loads(pick)
    by, row, seen = str(said["by"])[:40], int(said["row"]), int(said["seen"])
    if said["of"] != mark_of(folder.name, reading):
        return _board(home, lang, folder, reading, which, run_id, by), gr.skip()
    desk = Desk(home, lang, folder, reading, which, run_id, by)
    try:
        made = desk.act(said["act"], row, seen, said)
    except UserError as problem:
        made = desk.show(row, problem.message(lang))
    return made, gr.Accordion(label=_title(folder, reading, lang))


def finish(home: Home, lang: str, data_id: str, reading: str, way: Access = LOCAL) -> tuple:
    """A new version of the data set with all that was labelled: (its id, notice)."""
    folder = workshop.folder_of(home, data_id)
    what = subject_of(folder, reading) if folder else None
    if folder is None or what is None:
        return gr.skip(), gr.skip()
    try:
        way.check_import(home, (folder / "data.arrow").stat().st_size)
        made, columns = label_rows.finish(folder, what, home)
    except UserError as problem:
        return gr.skip(), pieces.error(problem, lang)
    kept = workshop.saved(folder)
    workshop.save(made.path, task_of(reading), columns, kept["plan"])
    count = made.card()["made_from"]["labelled"]
    return made.id, pieces.notice(languages.text("labelling_finished", lang, name=made.card()["name"], n=count))


def save(home: Home, lang: str, data_id: str, reading: str, format: str) -> str:
    """All that is labelled as a file, a copy outside the home."""
    folder = home.dataset(data_id)
    what = subject_of(folder, reading)
    if what is None or format not in FORMATS:
        raise UserError("nothing_labelled")
    suffix = {"label-studio": "label-studio.json"}.get(format, format)
    path = downloads.place(f"labels.{suffix}")
    label_rows.export(folder, what, format, path)
    return str(path)


# ---- the page


def build(page: Page, reading: gr.Textbox, notice: gr.HTML) -> None:
    """Lay out the section and wire it. `notice`: the place at the head of the tab where a new version is told of."""
    t = page.t
    no = html("", elem_id="labelling-refused")
    with gr.Accordion(t("labelling_title"), open=False, visible=False, elem_id="labelling", elem_classes=["sheet"]) as part:
        html(pieces.heading("", t("labelling_note")))
        by = gr.Textbox("", visible="hidden", container=False, show_label=False, elem_id="label-me")
        with gr.Row(elem_classes=["row-bottom"]):
            which = gr.Dropdown([], label=t("label_rows"), elem_id="label-which", min_width=200)
            run = gr.Dropdown([], label=t("label_run"), visible=False, elem_id="label-run", min_width=200)
        board = gr.HTML("", elem_id="label-board", apply_default_css=False, js_on_load="ftui.board(element, trigger)")
        with gr.Row(elem_classes=["row-bottom"]):
            ready = gr.Button(t("labelling_finish"), elem_id="label-finish", elem_classes=["fit"])
            formats = [(t("format_label_studio") if name == "label-studio" else name.upper(), name) for name in FORMATS]
            format = gr.Dropdown(formats, value=FORMATS[0], label=t("many_format"), elem_id="label-format", min_width=140)
            download = gr.Button(t("labelling_download"), elem_id="label-download", elem_classes=["fit"])

    on = [page.data, reading]
    chosen = [*on, which, run]
    reading.change(page.bind(show), [*on, by], [no, part, which, run, board], js="(data, reading) => [data, reading, ftui.meIfOpen()]", **LATEST)
    opened = part.expand(page.bind(begin), [*on, by], [which, run, board], js="(data, reading) => [data, reading, ftui.me()]", **QUIET)
    opened.then(None, [], [], js="() => ftui.startBoard()", **BROWSER)
    other = gr.on([which.input, run.input], page.bind(choose), [*chosen, by], [board], js="(...args) => [...args.slice(0, -1), ftui.me()]", **LATEST)
    other.then(None, [], [], js="() => ftui.startBoard()", **BROWSER)
    board.click(page.bind(act, event=True), chosen, [board, part], **QUIET)
    ready.click(page.bind(functools.partial(finish, way=page.way)), on, [page.data, notice], **SHOWN)
    page.offer(download, save, [*on, format])
