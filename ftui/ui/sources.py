"""Where data comes from: dropped files (several at once), a sample, pasted rows, a path of this machine, the Hub."""

from __future__ import annotations

import queue
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from html import escape
from pathlib import Path

import gradio as gr

from ftui import tasks
from ftui.core import languages, starters
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError, of_system
from ftui.core.home import Home
from ftui.ui import demo, pieces, readings, workshop

SAMPLES = {  # kind -> a file in Chinese, and one in English
    "text-classification": ("zh_headlines.csv", "en_headlines.csv"),
    "sentiment": ("zh_reviews.csv", "en_reviews.csv"),
    "multi-label-classification": ("zh_feedback.csv", "en_feedback.csv"),
    "sentence-pairs": ("zh_pairs.csv", "en_pairs.csv"),
    "text-regression": ("zh_scores.csv", "en_scores.csv"),
    "token-classification": ("zh_entities.jsonl", "en_entities.conll"),
    "question-answering": ("zh_questions.json", "en_questions.csv"),
    "text-generation": ("zh_chat.jsonl", "en_chat.jsonl"),
    "preference-tuning": ("zh_preferences.jsonl", "en_preferences.jsonl"),
    "text2text-generation": ("zh_tickets.csv", "en_tickets.csv"),
    "fill-mask": ("zh_tea.txt", "en_bees.txt"),
}
TELL_ROWS = 50_000  # a file with fewer is there before anybody could read how far it is
_SPLITS = {
    "test": re.compile(r"(?<![a-z])test(?![a-z])|测试", re.I),
    "validation": re.compile(r"(?<![a-z])(val|valid|validation|dev|eval)(?![a-z])|验证", re.I),
    "train": re.compile(r"(?<![a-z])train(ing)?(?![a-z])|训练", re.I),
}


def samples_folder() -> Path:
    """The folder of the files that come with ftui."""
    return Path(__file__).parents[2] / "assets" / "samples"


def add_sample(home: Home, lang: str, picked: str, way: Access = LOCAL) -> tuple:
    """Import one of SAMPLES, and train on it where `train:` stands before its name: (data id, notice, run id, tabs)."""
    verb, _, name = picked.rpartition(":")
    if not any(name in files for files in SAMPLES.values()):
        return (gr.skip(),) * 4
    if verb:
        data_id, run_id, tabs = demo.start(home, lang, name, way)
        return data_id, "", run_id, tabs
    return *_told(lambda: _file(home, samples_folder() / name, way), lang), gr.skip(), gr.skip()


def _samples(lang: str) -> str:
    """The samples of all tasks as buttons: one looks at it, the one beside it trains at once."""
    rows = []
    for task, files in SAMPLES.items():
        buttons, trains = "", task not in tasks.TASKS or tasks.starter(task) in starters.names()
        for name, words in zip(files, ("sample_zh", "sample_en"), strict=True):
            label, stem = languages.text(words, lang), name.partition(".")[0]
            hint = escape(languages.text("sample_train", lang, task=readings.task_name(task, lang), sample=label))
            buttons += f'<span class="sample"><button data-pick="{name}" id="sample-{stem}">{label}</button>'
            if trains:
                buttons += f'<button data-pick="train:{name}" id="train-{stem}" class="go" title="{hint}" aria-label="{hint}">▶</button>'
            buttons += "</span>"
        rows.append(f"<dt>{readings.task_name(task, lang)}</dt><dd>{buttons}</dd>")
    return f'<dl class="ft samples">{"".join(rows)}</dl>'


def add_files(home: Home, lang: str, paths: str | Sequence[str] | None, way: Access = LOCAL) -> Iterator[tuple]:
    """Import what was dropped: (data id, notice, empty drop zone), notices of how far it is before. Of several files
    those that are called so become validation and test rows of the first of the others."""
    chosen = [Path(path) for path in ([paths] if isinstance(paths, str) else paths or [])]
    if not chosen:
        yield gr.skip(), gr.skip(), gr.skip()
        return
    told: queue.Queue[int | None] = queue.Queue()
    result: Future[tuple] = Future()

    def work() -> None:
        try:
            result.set_result(_told(lambda: _several(home, lang, chosen, way, told.put), lang))
        except BaseException as error:  # the page says that something went wrong
            result.set_exception(error)
        finally:
            told.put(None)

    threading.Thread(target=work, daemon=True).start()
    next_told = TELL_ROWS
    while (rows := told.get()) is not None:
        if rows >= next_told:
            next_told = rows + TELL_ROWS
            yield gr.skip(), pieces.notice(languages.text("rows_read", lang, n=rows)), gr.skip()
    yield (*result.result(), None)


def add_pasted(home: Home, lang: str, text: str, way: Access = LOCAL) -> tuple:
    """Import pasted rows; (data id, notice)."""
    if len((text or "").strip().splitlines()) < 2:
        return gr.skip(), pieces.notice(languages.text("paste_empty", lang), kind="warn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{languages.text('pasted_name', lang)}.txt"
        path.write_text(text.strip() + "\n", encoding="utf-8")
        return _told(lambda: _file(home, path, way), lang)


def add_named(home: Home, lang: str, name: str, way: Access = LOCAL) -> tuple:
    """Import a Hub data set, or (only in local mode) a file of this machine; (data id, notice)."""
    from ftui.data import hub, preparing

    name = (name or "").strip()
    if not name:
        return gr.skip(), gr.skip()

    def bring() -> tuple[str, str]:
        way.check_source(name)
        if way.mode != "local" and not hub.is_id(name):
            raise UserError("path_only_local", path=name)
        return preparing.resolve(name, home).id, ""

    return _told(bring, lang)


def delete(home: Home, lang: str, data_id: str) -> tuple:
    """Delete the data set that is shown, unless runs use it: (data id, notice). An empty id: nothing was confirmed."""
    from ftui.data import versions

    if not data_id:
        return gr.skip(), gr.skip()
    try:
        versions.delete(home, data_id)
    except UserError as problem:
        hint = languages.text("delete_data_runs", lang) if problem.code == "dataset_used" else problem.hint(lang)
        return gr.skip(), pieces.notice(problem.message(lang), hint, "bad")
    return "", pieces.notice(languages.text("data_deleted", lang))


def _told(bring: Callable[[], tuple[str, str]], lang: str) -> tuple:
    try:
        return bring()
    except UserError as problem:
        return gr.skip(), pieces.error(problem, lang)
    except OSError as error:
        problem = of_system(error, "--home")
        if problem is None:
            raise
        return gr.skip(), pieces.error(problem, lang)


def _file(home: Home, path: Path, way: Access, progress: Callable[[int], None] | None = None) -> tuple[str, str]:
    from ftui.data import intake

    def tell(rows: int) -> None:
        way.check_import_rows(rows)
        if progress:
            progress(rows)

    way.check_import(home, path.stat().st_size)
    return intake.import_file(path, home, name=path.name, progress=tell).id, ""


def by_split(paths: Sequence[Path]) -> dict[str, Path]:
    """Which of several files is train, validation, test, by their names; train is the first that is neither of the others.

    >>> {k: v.name for k, v in by_split([Path("a_test.csv"), Path("a_dev.csv"), Path("a_train.csv")]).items()}
    {'train': 'a_train.csv', 'validation': 'a_dev.csv', 'test': 'a_test.csv'}
    """
    found: dict[str, Path] = {}
    rest = []
    for path in paths:
        split = next((name for name, pattern in _SPLITS.items() if pattern.search(path.stem)), None)
        if split and split not in found:
            found[split] = path
        else:
            rest.append(path)
    if "train" not in found:
        found["train"] = rest[0] if rest else paths[0]
    return {name: found[name] for name in ("train", "validation", "test") if name in found}


def _several(home: Home, lang: str, paths: Sequence[Path], way: Access, progress: Callable[[int], None]) -> tuple[str, str]:
    parts = by_split(paths)
    ids = {split: _file(home, path, way, progress)[0] for split, path in parts.items()}
    main = ids.pop("train")
    others = {f"{split}_path": str(home.dataset(id)) for split, id in ids.items() if id != main}
    folder = home.dataset(main)
    before = workshop.saved(folder)
    kept = {name: value for name, value in before["plan"].items() if not name.endswith("_path")}
    workshop.save(folder, before["task"], before["columns"], {**kept, **others})
    own = [split for split in ids if f"{split}_path" in others]
    comma = "、" if lang == "zh" else ", "
    taken = [parts[split] for split in ("train", *own)]
    left = comma.join(path.name for path in paths if path not in taken)
    notice = pieces.notice(languages.text("files_left", lang, names=left, main=parts["train"].name), kind="warn") if left else ""
    if own:
        names, splits = ", ".join(path.name for path in taken[1:]), comma.join(languages.text(f"split_{split}", lang) for split in own)
        notice += pieces.notice(languages.text("own_files", lang, names=names, splits=splits))
    return main, notice


def build(page) -> tuple[gr.HTML, gr.Dropdown]:
    """The head of the tab; returns the place for notices and the list of what was used before."""
    from ftui.ui.page import SHOWN, html, pickable

    t = page.t
    with gr.Column(elem_classes=["sheet"]):
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                drop = gr.File(label=t("drop"), height=200, elem_id="drop", container=False, file_count="multiple")
                html(f'<div class="ft sub">{t("drop_formats")}</div>')
                hosted = page.way.mode == "demo"
                with gr.Accordion(t("paste" if hosted else "more_sources"), open=False, elem_id="more-sources"):
                    with gr.Row():
                        with gr.Column(min_width=260):
                            pasted = gr.Textbox(label=t("paste"), placeholder=t("paste_hint"), lines=4, max_lines=8, elem_id="paste")
                            paste = gr.Button(t("paste_use"), size="sm", elem_id="paste-use")
                        with gr.Column(min_width=260, visible=not hosted):
                            local = page.way.mode == "local"
                            named = gr.Textbox(
                                label=t("source_name" if local else "source_name_hub"),
                                placeholder=t("source_hint") if local else "owner/name",
                                max_lines=1,
                                elem_id="source-name",
                            )
                            open_ = gr.Button(t("source_use"), size="sm", elem_id="source-use")
            with gr.Column(scale=2, min_width=260):
                html(pieces.heading(t("no_file_title"), t("no_file_text")), elem_classes=["no-file"])
                samples = pickable(_samples(page.lang), elem_id="samples", elem_classes=["no-file"])
                demo.button(page, "demo-data")
                html(f'<div class="ft sub">{t("demo_note")}</div>', elem_classes=["no-file"])
                earlier = gr.Dropdown(label=t("earlier_data"), choices=[], value=None, visible=False, elem_id="earlier-data")
    notice = html(elem_id="data-notice")

    def dropped(home: Home, lang: str, paths: list[str] | None) -> Iterator[tuple]:
        yield from add_files(home, lang, paths, page.way)

    def paste_rows(home: Home, lang: str, text: str) -> tuple:
        return add_pasted(home, lang, text, page.way)

    def open_named(home: Home, lang: str, name: str) -> tuple:
        return add_named(home, lang, name, page.way)

    def sample(home: Home, lang: str, picked: str) -> tuple:
        return add_sample(home, lang, picked, page.way)

    drop.upload(page.bind(dropped), [drop], [page.data, notice, drop], **SHOWN)
    samples.click(page.bind(sample, event=True), [], [page.data, notice, page.run, page.tabs], **SHOWN)
    paste.click(page.bind(paste_rows), [pasted], [page.data, notice], **SHOWN)
    gr.on([named.submit, open_.click], page.bind(open_named), [named], [page.data, notice], **SHOWN)
    return notice, earlier
