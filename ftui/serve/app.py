"""The REST API: POST /predict, GET /health, GET /info, documentation at /docs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ftui import __version__
from ftui.artifacts.predicting import Predictor
from ftui.core.errors import UserError

LONGEST_TEXT = 100_000  # characters
MOST_TEXTS = 256  # in one request

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Question(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "物流很快，包装也好。"}]})

    text: Text | None = None
    texts: list[Text] | None = Field(None, max_length=MOST_TEXTS)

    @model_validator(mode="after")
    def _one_of_them(self) -> Question:
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either text or texts")
        return self


def create(folder: Path, device: str = "cpu") -> FastAPI:
    """The application for the model in `folder`; `app.state.asked` is the time of the last question."""
    predictor = Predictor(folder, device)
    app = FastAPI(title="ftui", version=__version__, description="A model that was fine-tuned with ftui.")
    app.state.asked = time.monotonic()

    @app.post("/predict")
    def predict(question: Question) -> dict[str, Any]:
        """`{"text": ...}` gives one answer, `{"texts": [...]}` gives `{"results": [...]}` in the same order."""
        app.state.asked = time.monotonic()
        texts = question.texts if question.texts is not None else [question.text]
        results = predictor.predict([{"text": text} for text in texts])
        return {"results": results} if question.texts is not None else results[0]

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
        return _error(422, "invalid_request", message, 'Send {"text": "..."} or {"texts": ["...", "..."]} as JSON.')

    @app.exception_handler(UserError)
    def refused(request: Request, error: UserError) -> JSONResponse:
        return _error(400, error.code, error.message(), error.hint())

    return app


def _error(status: int, code: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status_code=status)
