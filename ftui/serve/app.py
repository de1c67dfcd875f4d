"""The REST API: POST /predict, GET /health, /info, /metrics, documentation at /docs; each model also under /models/NAME."""

import json
import time
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ftui import __version__
from ftui.artifacts.predicting import Predictor
from ftui.core.errors import UserError
from ftui.serve import chat, door, questions
from ftui.serve.batching import Batcher, Busy
from ftui.serve.metrics import Metrics


class Problem(BaseModel):
    """A refusal: a stable code, what happened, what to do."""

    class Error(BaseModel):
        code: str
        message: str
        hint: str

    error: Error


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "Not to be read at all, or nothing for this model",
        401: "The key is missing or wrong",
        403: "Another site's page asks a server that only this machine may reach",
        408: "The body came too slowly",
        413: "The body is too large",
        421: "Asked under a foreign name, where only this machine may reach the server",
        422: "Not what is expected",
        429: "Too many questions wait; Retry-After says how long to stay away",
        500: "The model could not answer",
    }.items()
}
ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


class Served:
    """One model: its predictor, and what waits for it."""

    def __init__(self, name: str, folder: Path, device: str, metrics: Metrics):
        self.name, self.device = name, device
        self.predictor = Predictor(folder, device)
        self.refused = metrics.refused.labels(name)
        seen = metrics.model(name, lambda: self.batcher.waiting)
        self.batcher = Batcher(self.predictor.predict, seen=seen)

    async def answer(self, question: BaseModel, request: Request) -> Response:
        """What /predict says."""
        several, inputs = questions.read(question, self.predictor.inputs)
        request.app.state.asked = time.monotonic()
        try:
            results = await self.batcher.ask(inputs, request.is_disconnected) if inputs else []
        except Busy as busy:
            self.refused.inc()
            return door.refuse(request.scope, 429, UserError("server_busy", seconds=busy.seconds), {"Retry-After": str(busy.seconds)})
        threshold = getattr(question, "threshold", None)
        if threshold is not None:
            results = [self.predictor.task.decided(one, threshold) for one in results]
        answer = {"results": results} if several else results[0]
        return Response(json.dumps(answer, ensure_ascii=False).encode(), media_type="application/json")

    def info(self) -> dict[str, Any]:
        """The model's card, and how it is served."""
        return {**self.predictor.card, "name": self.name, "device": self.device, "inputs": list(questions.fields(self.predictor.inputs))}


def create(models: dict[str, Path], device: str = "cpu", key: str | None = None, **limits: Any) -> FastAPI:
    """The application for these models, {name: folder of an artefact}; /predict asks the first.

    With `key`, whoever asks has to send it (`Authorization: Bearer KEY`). `limits`: largest, patience, local (see ftui.serve.door).
    `app.state.asked` is the time of the last question, `app.state.served` has the models.
    """
    metrics = Metrics()
    served = [Served(name, folder, device, metrics) for name, folder in models.items()]
    keyed: dict[str, Any] = {"dependencies": [Depends(HTTPBearer(auto_error=False, description="$FTUI_API_KEY of the server"))]} if key else {}
    closed = {401: REFUSALS[401]} if key else {}

    about = {"title": "ftui", "version": __version__, "description": "Models that were fine-tuned with ftui."}
    app = FastAPIOffline(redoc_url=None, static_url=door.DOCS, **about)  # /docs without scripts from elsewhere
    app.state.asked, app.state.served = time.monotonic(), served

    for number, one in enumerate(served):
        _add(app, one, [*(["/predict"] if number == 0 else []), f"/models/{one.name}/predict"], keyed)

    @app.get("/models", responses=closed, **keyed)
    async def models_() -> dict[str, Any]:
        """The models that are served here."""
        return {"models": [one.info() for one in served]}

    chat.add(app, {one.name: one.predictor for one in served}, {"responses": ANSWER | REFUSALS, **keyed})

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/info", responses=closed, **keyed)
    async def info() -> dict[str, Any]:
        """Task, labels, base model and best checkpoint of the first model."""
        return served[0].info()

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **closed}, **keyed)
    async def prometheus() -> Response:
        """Requests, texts, batches and what waits, for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        asked = next((one for one in served if f"/models/{one.name}/" in request.url.path), served[0])
        example = json.dumps(questions.example(asked.predictor.inputs))
        written = chat.EXAMPLES.get(request.scope["route"].path)
        hint = f"Send {written} as JSON." if written else f'Send {example}, or {{"inputs": [{example}, ...]}} for several, as JSON.'
        return _error(422, "invalid_request", f"{where}: {first['msg']}", hint)

    @app.exception_handler(HTTPException)
    async def refused_by_http(request: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, f"http_{error.status_code}", str(error.detail), "See /docs.", error.headers)

    @app.exception_handler(UserError)
    async def refused(request: Request, error: UserError) -> JSONResponse:
        return door.refuse(request.scope, 400, error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return door.refuse(request.scope, 500, door.failure(error))

    app.add_middleware(door.Door, metrics=metrics, key=key, **limits)
    return app


def _add(app: FastAPI, served: Served, paths: list[str], keyed: dict[str, Any]) -> None:
    """The routes of one model."""
    Question = questions.form(served.predictor.inputs, hasattr(served.predictor.task, "decided"))

    async def predict(question: Question, request: Request) -> Response:  # type: ignore[valid-type]
        """One question gives one answer, a list of them `{"results": [...]}` in the same order."""
        return await served.answer(question, request)

    for path in paths:
        app.post(path, responses=ANSWER | REFUSALS, response_class=Response, **keyed)(predict)


def _error(status: int, code: str, message: str, hint: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status, headers)
