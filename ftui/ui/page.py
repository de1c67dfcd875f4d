"""What all tabs share: the language, the visitor's home, the parts of the address, and how a handler is called."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import gradio as gr

from ftui.core import languages
from ftui.core.access import Access
from ftui.core.errors import UserError, of_system
from ftui.core.home import Home, Run

TABS = ("data", "tune", "log", "evaluation", "playground", "export")
QUIET = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
LATEST = {**QUIET, "trigger_mode": "always_last"}
SHOWN = {"show_progress": "minimal", "api_visibility": "private", "concurrency_limit": None}
BROWSER = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Choice:
    """The controls that say how the data set is read and split: made by the Data tab, read and filled by Fine-tune. `reading`
    has what ftui.ui.readings writes, `plan` what ftui.ui.workshop does; `divided_by` says of the plan how rows are split."""

    reading: gr.Textbox
    test_size: gr.Slider
    validation_size: gr.Slider
    plan: gr.Textbox
    divided_by: list

    @property
    def all(self) -> list:
        return [self.reading, self.test_size, self.validation_size, self.plan, *self.divided_by]


@dataclass(frozen=True)
class View:
    """What a tab shows of the chosen data and run: `handler(home, lang, *inputs)` gives the outputs.

    ftui.ui.app calls it when the tab is opened, and when the choice changes while it is open; never for a tab that
    nobody looks at. Where `by_run`, once for each run and state of it.
    """

    handler: Callable
    inputs: list
    outputs: list
    by_run: bool = True
    settle: tuple[Callable, list, list] | None = None  # handler, inputs, outputs: after another data set was opened


@dataclass(frozen=True)
class Page:
    """One page in one language.

    `data`, `run` and `tab` hold what the address says (?data=, ?run=, ?tab=): ids, never objects. `pulse` is run and
    state (see `pulse_of`): it changes whenever one of them does. Putting a run's id into `again` fills the Fine-tune tab with its
    recipe and data.
    """

    lang: str
    way: Access
    home_of: Callable[[gr.Request | None], Home]
    tabs: gr.Tabs
    data: gr.Textbox
    run: gr.Textbox
    tab: gr.Textbox
    pulse: gr.Textbox
    again: gr.Textbox

    def t(self, key: str, /, **params: object) -> str:
        """A text of the interface."""
        return languages.text(key, self.lang, **params)

    def bind(self, handler: Callable, event: bool = False) -> Callable:
        """`handler(home, lang, *inputs)` as Gradio calls it. With `event` the picked value comes before the inputs.

        A UserError that the handler does not show at its place becomes a message in the corner of the page.
        """

        def arguments(request: gr.Request, data: gr.EventData, inputs: tuple) -> tuple:
            return (self.home_of(request), self.lang, *((data.pick,) if event else ()), *inputs)

        if inspect.isgeneratorfunction(handler):

            def bound(request: gr.Request, data: gr.EventData, *inputs):
                try:
                    yield from handler(*arguments(request, data, inputs))
                except (UserError, OSError) as error:
                    raise _toast(error, self.lang) from error
        else:

            def bound(request: gr.Request, data: gr.EventData, *inputs):
                try:
                    return handler(*arguments(request, data, inputs))
                except (UserError, OSError) as error:
                    raise _toast(error, self.lang) from error

        bound.__name__ = getattr(handler, "func", handler).__name__  # a partial has none
        return bound

    def bind_request(self, handler: Callable) -> Callable:
        """`handler(home, lang, query)` as Gradio calls it when the page loads; `query` is what the address says."""

        def bound(request: gr.Request):
            return handler(self.home_of(request), self.lang, dict(request.query_params))

        return bound

    def offer(self, button: gr.Button, handler: Callable, inputs: list) -> None:
        """A click makes a file (`handler` returns the path of a copy) and downloads it."""

        @functools.wraps(handler)
        def checked(home: Home, lang: str, *values):
            self.way.check_disk(home)
            return handler(home, lang, *values)

        file = gr.DownloadButton(elem_id=f"{button.elem_id}-file", elem_classes=["offscreen"])
        made = button.click(self.bind(checked), inputs, [file], **SHOWN)
        made.success(None, [file], [], js="(file) => ftui.download(file)", **BROWSER)


def _toast(error: UserError | OSError, lang: str) -> Exception:
    """An error as a message in the corner. Gradio reads it as HTML, and it may quote what users have written."""
    if isinstance(error, OSError):
        told = of_system(error, "")
        if told is None:
            return error
        error = told
    return gr.Error(
        escape(f"{error.message(lang)} {error.hint(lang)}"), title=languages.text("error_title", lang), print_exception=False
    )


def find_run(home: Home, run_id: str) -> Run | None:
    """The run with this id, None where none is chosen or it is gone."""
    try:
        return home.run(run_id) if run_id else None
    except UserError:
        return None


def pulse_of(run_id: str, state: str) -> str:
    """What `Page.pulse` holds for a run in this state."""
    return f"{run_id}:{state}"


def go_to(tab: str) -> dict:
    """An update of the tabs that opens one."""
    return gr.Tabs(selected=tab)


def html(value: str = "", elem_id: str | None = None, **options) -> gr.HTML:
    """A piece of the page; see ftui.ui.pieces for what goes in."""
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=None, **options)


def pickable(value: str = "", elem_id: str | None = None, **options) -> gr.HTML:
    """A piece in which things marked data-pick can be clicked; handlers are bound with `event=True`."""
    on_load = "ftui.picker(element, trigger)"
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=on_load, **options)


def chart(title: str, note: str = "", later: str = "", elem_id: str | None = None, **options) -> gr.HTML:
    """A card with a chart; its value is what `draw` makes of a figure, and where it has none `later` stands there.

    Unlike gr.Plot it is updated in place."""
    title, note = escape(title), escape(note)
    template = f'<div class="ft chart-box blank"><div class="h">{title}</div><div class="sub">{note}</div>'
    template += (
        f'<div class="later">{escape(later)}</div><div class="chart" role="img" aria-label="{title}"></div></div>'
    )
    on_load = "ftui.chart(element, props, watch)"
    shared = {"apply_default_css": False, "html_template": template, "js_on_load": on_load}
    return gr.HTML("", elem_id=elem_id, **shared, **options)


def draw(figure) -> str:
    """A figure as the page's script takes it."""
    return figure.to_json().replace("<", "\\u003c") if figure is not None else ""
