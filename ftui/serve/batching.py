"""Questions that arrive together are answered together, in one pass of the model; too many are sent away at once.

Nobody waits for company: whatever has come while the model was busy is what it answers next.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

MOST_ROWS = 64
MOST_WAITING = 512  # rows that may wait for the model
IMPATIENT = 1.0  # seconds after which it is worth looking whether anybody still waits for the answer
LONGEST_PAUSE = 60  # seconds that somebody is asked to stay away


class Busy(Exception):
    """Too many rows wait; `seconds` until it is worth asking again."""

    def __init__(self, seconds: int):
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(eq=False)
class _Asked:
    inputs: list[dict]
    gone: Callable[[], Awaitable[bool]]
    answer: asyncio.Future
    came: float = field(default_factory=time.monotonic)


class Batcher:
    """All questions to one model. `predict(inputs)` gives one answer for each; it runs in one thread of its own.

    To be used from one event loop. `seen(rows, seconds)` is told of each pass.
    """

    def __init__(
        self,
        predict: Callable[[list[dict]], list[dict]],
        most_rows: int = MOST_ROWS,
        most_waiting: int = MOST_WAITING,
        seen: Callable[[int, float], None] = lambda rows, seconds: None,
    ):
        self.predict, self.most_rows, self.most_waiting, self.seen = predict, most_rows, most_waiting, seen
        self.waiting = 0  # rows
        self._queue: deque[_Asked] = deque()
        self._thread = ThreadPoolExecutor(1, "model")
        self._at_work: asyncio.Task | None = None
        self._pace = 0.0  # seconds a row, of late

    async def ask(self, inputs: list[dict], gone: Callable[[], Awaitable[bool]]) -> list[dict]:
        """One answer for each input, the same as alone. `gone()`: whether the asker has left. Raises Busy.

        Where nobody waits any number of rows is taken.
        """
        if self.waiting and self.waiting + len(inputs) > self.most_waiting:
            raise Busy(min(LONGEST_PAUSE, max(1, math.ceil(self._pace * self.waiting))))
        asked = _Asked(inputs, gone, asyncio.get_running_loop().create_future())
        self._queue.append(asked)
        self.waiting += len(inputs)
        if self._at_work is None or self._at_work.done():
            self._at_work = asyncio.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        while self._queue:
            batch = await self._next()
            if batch:
                await self._answer(batch)

    async def _next(self) -> list[_Asked]:
        """As many whole requests, in the order in which they came, as make one pass."""
        batch: list[_Asked] = []
        rows = 0
        while self._queue:
            asked = self._queue[0]
            if batch and rows + len(asked.inputs) > self.most_rows:
                break
            self._queue.popleft()
            self.waiting -= len(asked.inputs)
            late = time.monotonic() - asked.came > IMPATIENT
            if asked.answer.cancelled() or (late and await asked.gone()):
                asked.answer.cancel()
                continue
            batch.append(asked)
            rows += len(asked.inputs)
        return batch

    async def _answer(self, batch: list[_Asked]) -> None:
        inputs = [given for asked in batch for given in asked.inputs]
        began = time.monotonic()
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self.predict, inputs)
        except Exception as error:
            if len(batch) == 1:
                if not batch[0].answer.done():
                    batch[0].answer.set_exception(error)
                return
            for asked in batch:  # what is wrong with one question is no reason to leave the others without an answer
                await self._answer([asked])
            return
        seconds = time.monotonic() - began
        self._pace = 0.8 * self._pace + 0.2 * seconds / max(1, len(inputs))
        self.seen(len(inputs), seconds)
        for asked in batch:
            own, answers = answers[: len(asked.inputs)], answers[len(asked.inputs) :]
            if not asked.answer.done():
                asked.answer.set_result(own)
