"""How a model is asked over HTTP: a field for each of its inputs, or lists of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

LONGEST_TEXT = 100_000  # characters
MOST_TEXTS = 256  # in one request
LISTS = ("texts", "inputs")

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


def fields(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the fields of one question; one that is all a model needs is called text.

    >>> fields(("source",)), fields(("question", "context"))
    (('text',), ('question', 'context'))
    """
    return ("text",) if len(inputs) == 1 else inputs


def form(inputs: tuple[str, ...], decides: bool = False) -> type[BaseModel]:
    """The body of a request: the fields of one question, or `inputs`, a list of such, or `texts` where a text is all; and the
    `threshold` of this request, where the model `decides` by one."""
    names = fields(inputs)
    strict = ConfigDict(extra="forbid", json_schema_extra={"examples": [example(inputs)]})
    one: Any = create_model("Inputs", __config__=strict, **{name: (Text, ...) for name in names})
    parts: dict[str, Any] = {name: (Text | None, None) for name in names}
    parts["inputs"] = (Annotated[list[one], Field(max_length=MOST_TEXTS)] | None, None)
    if len(names) == 1:
        parts["texts"] = (Annotated[list[Text], Field(max_length=MOST_TEXTS)] | None, None)

    if decides:
        parts["threshold"] = (Annotated[float, Field(gt=0, lt=1)] | None, None)

    def one_way(question: BaseModel) -> BaseModel:
        if set(question.model_dump(exclude_none=True)) - {"threshold"} not in ({"texts"}, {"inputs"}, set(names)):
            lists = " or ".join(name for name in LISTS if name in parts)
            raise ValueError(f"give {' and '.join(names)}, or a list of {lists}")
        return question

    return create_model("Question", __config__=strict, __validators__={"one_way": model_validator(mode="after")(one_way)}, **parts)


def read(question: BaseModel, inputs: tuple[str, ...]) -> tuple[bool, list[dict[str, str]]]:
    """(whether a list was given, what the model is to read of each question: a text for each of its inputs)."""
    given = question.model_dump(exclude_none=True, exclude={"threshold"})
    several = next((name for name in LISTS if name in given), None)
    rows = [{"text": text} for text in given["texts"]] if several == "texts" else given[several] if several else [given]
    names = fields(inputs)
    return several is not None, [{role: row[name] for role, name in zip(inputs, names, strict=True)} for row in rows]


def example(inputs: tuple[str, ...]) -> dict[str, str]:
    """A question as it is sent, its texts left out."""
    return {name: "..." for name in fields(inputs)}
