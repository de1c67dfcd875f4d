"""What arrives together is answered together; too much is sent away; nobody suffers from another's question."""

import asyncio
import threading

import pytest

from ftui.serve.batching import Batcher, Busy


class Model:
    """Answers each question with itself, in upper case, once it is let; notes what came together."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []
        self.started, self.go = threading.Event(), threading.Event()

    def __call__(self, inputs: list[dict]) -> list[dict]:
        texts = [given["text"] for given in inputs]
        self.passes.append(texts)
        self.started.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return [{"said": text.upper()} for text in texts]


@pytest.fixture
def model():
    return Model()


async def stays() -> bool:
    return False


async def asked(batcher: Batcher, *texts: str, gone=stays) -> list[str]:
    return [answer["said"] for answer in await batcher.ask([{"text": text} for text in texts], gone)]


async def while_busy(batcher: Batcher, model: Model, *questions) -> list:
    """Ask a first question; while the model is at it ask all others, then let it answer."""
    first = asyncio.create_task(asked(batcher, "first"))
    await asyncio.to_thread(model.started.wait, 10)
    tasks = [asyncio.create_task(question) for question in questions]
    await asyncio.sleep(0)  # each of them is in the queue now
    model.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert await first == ["FIRST"]
    return answers


def test_who_waits_is_answered_in_one_pass(model):
    batcher = Batcher(model, most_rows=4)
    answers = asyncio.run(while_busy(batcher, model, asked(batcher, "a", "b"), asked(batcher, "c"), asked(batcher, "d", "e")))
    assert answers == [["A", "B"], ["C"], ["D", "E"]]
    assert model.passes == [["first"], ["a", "b", "c"], ["d", "e"]]
    assert batcher.waiting == 0


def test_a_question_that_cannot_be_answered_fails_alone(model):
    batcher = Batcher(model)
    answers = asyncio.run(while_busy(batcher, model, asked(batcher, "a"), asked(batcher, "bad"), asked(batcher, "c")))
    assert answers[0] == ["A"] and answers[2] == ["C"]
    assert isinstance(answers[1], ValueError)


def test_too_many_are_sent_away_at_once_and_told_how_long(model):
    batcher = Batcher(model, most_waiting=3)
    answers = asyncio.run(while_busy(batcher, model, asked(batcher, "a", "b"), asked(batcher, "c", "d"), asked(batcher, "e")))
    assert answers[0] == ["A", "B"] and answers[2] == ["E"]
    assert isinstance(answers[1], Busy) and answers[1].seconds >= 1
    assert asyncio.run(asked(batcher, *"abcdefgh")) == list("ABCDEFGH")  # nobody waits: any number is welcome


def test_who_has_gone_is_not_answered(model, monkeypatch):
    monkeypatch.setattr("ftui.serve.batching.IMPATIENT", -1.0)
    batcher = Batcher(model)

    async def left() -> bool:
        return True

    answers = asyncio.run(while_busy(batcher, model, asked(batcher, "a", gone=left), asked(batcher, "b")))
    assert isinstance(answers[0], asyncio.CancelledError) and answers[1] == ["B"]
    assert model.passes == [["first"], ["b"]]
