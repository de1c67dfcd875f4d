"""The REST API: POST /predict, GET /health, GET /info, documentation at /docs."""

import json
import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ftui import __version__
from ftui.artifacts.predicting import Predictor
from ftui.core.errors import UserError
from ftui.serve import questions


def create(folder: Path, device: str = "cpu") -> FastAPI:
    """The application for the model in `folder`; `app.state.asked` is the time of the last question."""
    predictor = Predictor(folder, device)
    app = FastAPI(title="ftui", version=__version__, description="A model that was fine-tuned with ftui.")
    app.state.asked = time.monotonic()

    Question = questions.form(predictor.inputs)
    example = json.dumps(questions.example(predictor.inputs))

    @app.post("/predict")
    def predict(question: Question) -> dict[str, Any]:  # type: ignore[valid-type]
        """One question gives one answer, a list of them `{"results": [...]}` in the same order."""
        app.state.asked = time.monotonic()
        several, inputs = questions.read(question, predictor.inputs)
        results = predictor.predict(inputs)
        return {"results": results} if several else results[0]

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/info")
    def info() -> dict[str, Any]:
        """Task, labels, base model and best checkpoint."""
        return {**predictor.card, "device": device}

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where}: {first['msg']}"
        return _error(422, "invalid_request", message, f'Send {example}, or {{"inputs": [{example}, ...]}} for several, as JSON.')

    @app.exception_handler(UserError)
    def refused(request: Request, error: UserError) -> JSONResponse:
        return _error(400, error.code, error.message(), error.hint())

    return app


def _error(status: int, code: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status_code=status)
