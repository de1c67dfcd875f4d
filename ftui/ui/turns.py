"""One answer at a time: whoever asks again, stops, begins anew or looks at another run puts an end to the answer that is being
written, and what writes it looks whether it still has its turn.

Not Gradio's own `cancels`: after these a page takes an event for ended while its server still writes, and a later one for
cancelled that is not (Gradio 6).
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import gradio as gr

from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.ui import asking
from ftui.ui.page import BROWSER

LOOK = 0.2  # seconds between two looks whether an answer is still wanted, where nothing comes


@dataclass
class Turn:
    """An answer's time to be written."""

    over: bool = False


@dataclass
class Turns:
    """Those of one session in one place. As the value of a gr.State each session has a copy, the same for all its events."""

    now: Turn = field(default_factory=Turn)

    def begin(self) -> Turn:
        """The turn of a new answer; that of the one before is over."""
        self.end()
        self.now = Turn()
        return self.now

    def end(self) -> None:
        self.now.over = True


def stop(home: Home, lang: str, turns: Turns) -> None:
    """Break off the answer that is being written; what there is of it stays."""
    turns.end()


def pieces_of(url: str, path: str, request: dict) -> Iterator[str]:
    """What the server says to a request in OpenAI's form, as it comes, and "" every LOOK seconds in which nothing does. Raises
    UserError. Whoever stops reading hangs up with the next piece."""
    inbox: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
    gone = threading.Event()

    def read() -> None:
        try:
            with contextlib.closing(_said(url, path, request)) as said:
                for piece in said:
                    if gone.is_set():
                        return
                    inbox.put(piece)
            inbox.put(None)
        except BaseException as error:  # to be raised where it is waited for
            inbox.put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                piece = inbox.get(timeout=LOOK)
            except queue.Empty:
                piece = ""
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        gone.set()


def _said(url: str, path: str, request: dict) -> Iterator[str]:
    import httpx

    waiting = httpx.Timeout(10, read=180)
    try:
        with httpx.stream("POST", f"{url}{path}", json={**request, "stream": True}, headers=asking.key(), timeout=waiting, trust_env=False) as answer:
            if answer.status_code != 200:
                raise UserError("server_failed", problem=json.loads(answer.read())["error"]["message"])
            for line in answer.iter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    event = json.loads(line.removeprefix("data: "))
                    if "error" in event:
                        raise UserError("server_failed", problem=event["error"]["message"])
                    choice = event["choices"][0]
                    yield choice["delta"].get("content", "") if "delta" in choice else choice["text"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise UserError("server_failed", problem=str(error) or type(error).__name__) from error


# ---- the buttons


def hold(start: gr.Button, stop: gr.Button, *events: Callable) -> None:
    """From each of `events` on, until `release`: `start` cannot be pressed, `stop` can. Gradio ignores what is pressed while
    an event runs: so a button that can be pressed is one that is heard. To be called before the event itself is wired."""
    for event in events:
        event(None, [], [start, stop], js=_pressable(False, True), **BROWSER)


def release(start: gr.Button, stop: gr.Button, running: gr.events.Dependency) -> None:
    """When `running` has ended or failed: `start` can be pressed again."""
    for end in (running.then, running.failure):  # after a failure Gradio calls only the second
        end(None, [], [start, stop], js=_pressable(True, False), **BROWSER)


def _pressable(*buttons: bool) -> str:
    return "() => [" + ", ".join(f"{{__type__: 'update', interactive: {str(can).lower()}}}" for can in buttons) + "]"
