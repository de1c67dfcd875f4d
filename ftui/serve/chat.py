"""Models that write, in OpenAI's form: POST /v1/chat/completions and /v1/completions, whole or streamed (SSE).

Besides OpenAI's settings there are top_k, repetition_penalty and num_beams. `model` is a name that the server has for one, or "base"
for the first as it was before tuning. Whoever goes away ends the writing at the next token.
"""

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field, model_validator

from ftui.artifacts.predicting import Predictor
from ftui.artifacts.writing import Sampling, Stream, Writer
from ftui.core.errors import UserError
from ftui.serve import door

LONGEST_TEXT = 100_000  # characters
MOST_MESSAGES = 256
MOST_WAITING = 16  # answers that are written or waited for at a time
PAUSE = 5  # seconds that others are asked to stay away
BASE = "base"
COLDEST = 0.001  # below this temperature the likeliest token is chosen: divided by less, logits are no numbers any more
EXAMPLES = {"/v1/chat/completions": '{"messages": [{"role": "user", "content": "..."}]}', "/v1/completions": '{"prompt": "..."}'}
END = object()


class Settings(BaseModel):
    """What both ways of asking have in common; what else OpenAI's clients send is ignored. Null stands for what is left out."""

    model: str = Field("model", max_length=1000)
    stream: bool = False
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.9, gt=0, le=1)
    top_k: int = Field(0, ge=0, le=1000)
    repetition_penalty: float = Field(1.1, ge=0.01, le=10)
    max_tokens: int = Field(256, ge=1, le=4096)
    num_beams: int = Field(1, ge=1, le=16)
    seed: int | None = Field(None, ge=0, lt=2**63)
    n: Literal[1] = 1

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, given: Any) -> Any:
        """max_completion_tokens is the newer name of max_tokens."""
        if not isinstance(given, dict):
            return given
        said = {name: value for name, value in given.items() if value is not None}
        return {"max_tokens": said["max_completion_tokens"], **said} if "max_completion_tokens" in said else said

    def sampling(self) -> Sampling:
        """The same for the writer."""
        temperature = self.temperature if self.temperature >= COLDEST else 0.0
        return Sampling(temperature, self.top_p, self.top_k, self.repetition_penalty, self.max_tokens, self.seed, self.num_beams)


class Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=LONGEST_TEXT)]


class Conversation(Settings):
    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)


class Beginning(Settings):
    prompt: str = Field(min_length=1, max_length=LONGEST_TEXT)


class Speakers:
    """The models of a server that speak, and how many answers are being written or waited for."""

    def __init__(self, app: FastAPI, predictors: dict[str, Predictor]):
        self.app, self.predictors, self.under_way = app, predictors, 0

    def of(self, model: str) -> Predictor:
        """The one that is asked for by its name; the first where none is called so, as OpenAI's clients send any."""
        return self.predictors.get(model) or next(iter(self.predictors.values()))

    async def answer(self, asked: Settings, request: Request, tokens: Callable[[Predictor, Writer], list[int]], kind: str) -> Response:
        """What one of them writes to `tokens`, whole or in events."""
        self.app.state.asked = time.monotonic()
        if self.under_way >= MOST_WAITING:
            return door.refuse(request.scope, 429, UserError("server_busy", seconds=PAUSE), {"Retry-After": str(PAUSE)})
        self.under_way += 1
        try:
            predictor = self.of(asked.model)
            writer = await run_in_threadpool(predictor.base) if asked.model == BASE else predictor.writer
            assert writer is not None, "only models that speak are here"
            prompt = await run_in_threadpool(tokens, predictor, writer)
            stream = writer.stream(prompt, asked.sampling())
        except BaseException:
            self.under_way -= 1
            raise
        head = {"id": f"ftui-{uuid.uuid4().hex[:12]}", "created": int(time.time()), "model": asked.model}
        if asked.stream:
            self.under_way -= 1  # counted again when it begins: whoever is gone by then never reads
            return StreamingResponse(self._events(stream, head, kind, door.language(request.scope)), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        text = ""
        try:
            async for piece in _each(stream):
                text += piece
                if await request.is_disconnected():
                    break
        finally:
            self.under_way -= 1
            await run_in_threadpool(stream.pieces.close)
        said = {"message": {"role": "assistant", "content": text}} if kind.startswith("chat") else {"text": text}
        usage = {"prompt_tokens": stream.asked, "completion_tokens": stream.tokens, "total_tokens": stream.asked + stream.tokens}
        return JSONResponse({**head, "object": kind, "choices": [{"index": 0, **said, "finish_reason": stream.finished}], "usage": usage})

    async def _events(self, stream: Stream, head: dict, kind: str, lang: str) -> AsyncIterator[str]:
        """Server-sent events as OpenAI's, [DONE] at the end, or an error. Closed by the server when the listener is gone."""
        chatting = kind.startswith("chat")
        head = {**head, "object": kind + ".chunk" if chatting else kind}

        def event(part: Any, finished: str | None = None) -> str:
            said = {"delta": part} if chatting else {"text": part.get("content", "")}
            return f"data: {json.dumps({**head, 'choices': [{'index': 0, **said, 'finish_reason': finished}]}, ensure_ascii=False)}\n\n"

        self.under_way += 1
        try:
            if chatting:
                yield event({"role": "assistant", "content": ""})
            async for piece in _each(stream):
                yield event({"content": piece})
            yield event({}, stream.finished)
            yield "data: [DONE]\n\n"
        except Exception as error:  # the answer has begun: its status cannot change any more
            yield f"data: {json.dumps({'error': door.failure(error).as_dict(lang)}, ensure_ascii=False)}\n\n"
        finally:
            self.under_way -= 1
            stream.pieces.close()


def add(app: FastAPI, predictors: dict[str, Predictor], options: dict[str, Any]) -> None:
    """Add the routes that these models can answer: both where one talks, one where one writes, none for others."""
    talking = Speakers(app, {name: one for name, one in predictors.items() if one.talks})
    writing = Speakers(app, {name: one for name, one in predictors.items() if hasattr(one.task, "begin")})
    if talking.predictors:

        @app.post("/v1/chat/completions", response_class=Response, **options)
        async def chat(asked: Conversation, request: Request) -> Response:
            """A conversation gives the assistant's next message."""
            messages = [message.model_dump() for message in asked.messages]
            return await talking.answer(asked, request, lambda predictor, writer: predictor.task.talk(messages, writer), "chat.completion")

    if writing.predictors:

        @app.post("/v1/completions", response_class=Response, **options)
        async def complete(asked: Beginning, request: Request) -> Response:
            """A beginning gives what comes next; a source gives its target."""
            return await writing.answer(asked, request, lambda predictor, writer: predictor.task.begin(asked.prompt, writer), "text_completion")

        @app.get("/v1/models", **options)
        async def listed() -> dict[str, Any]:
            """The models that write, and the first as it was before tuning."""
            return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "ftui"} for name in (*writing.predictors, BASE)]}


async def _each(stream: Stream) -> AsyncIterator[str]:
    """The pieces, waited for in a thread, so that the server can hear whether somebody still listens."""
    while (piece := await run_in_threadpool(next, stream.pieces, END)) is not END:
        yield piece
