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
    """One text, or several; or a question about a context, where the model answers questions."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "物流很快，包装也好。"}]})

    text: Text | None = None
    texts: list[Text] | None = Field(None, max_length=MOST_TEXTS)
    question: Text | None = None
    context: Text | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Question:
        if sum(given is not None for given in (self.text, self.texts, self.question)) != 1:
            raise ValueError("give either text or texts, or question and context")
        if (self.question is None) != (self.context is None):
            raise ValueError("question and context belong together")
        return self

    def inputs(self) -> list[dict[str, str]]:
        """What the model is to read, by its roles."""
        if self.question is not None:
            return [{"question": self.question, "context": self.context or ""}]
        return [{"text": text} for text in (self.texts if self.texts is not None else [self.text or ""])]


def create(folder: Path, device: str = "cpu") -> FastAPI:
    """The application for the model in `folder`; `app.state.asked` is the time of the last question."""
    predictor = Predictor(folder, device)
    app = FastAPI(title="ftui", version=__version__, description="A model that was fine-tuned with ftui.")
    app.state.asked = time.monotonic()

    @app.post("/predict")
    def predict(question: Question) -> dict[str, Any]:
        """`{"text": ...}` gives one answer, `{"texts": [...]}` gives `{"results": [...]}` in the same order."""
        app.state.asked = time.monotonic()
        inputs = question.inputs()
        wanted = "question and context" if "context" in predictor.task.ROLES else "text or texts"
        if inputs and not set(inputs[0]) <= set(predictor.task.ROLES):
            raise UserError("inputs_of_task", wanted=wanted)
        results = predictor.predict(inputs)
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
