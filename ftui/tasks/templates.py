"""Conversations as the text that a model reads: by its tokenizer's own chat template, else by a plain one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftui.core.errors import UserError

# For tokenizers without a template of their own.
PLAIN = (
    "{%- for m in messages -%}{{- '### ' + m['role'] | capitalize + ':\\n' + m['content'] -}}"
    "{%- if m['role'] == 'assistant' -%}{{- eos_token -}}{%- endif -%}{{- '\\n\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '### Assistant:\\n' -}}{%- endif -%}"
)
# Both end an answer with the tokenizer's own mark, which is what generation stops at.
CHATML = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] + eos_token + '\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)
ALPACA = (
    "{%- for m in messages -%}{%- if m['role'] == 'system' -%}{{- m['content'] + '\\n\\n' -}}"
    "{%- elif m['role'] == 'user' -%}{{- '### Instruction:\\n' + m['content'] + '\\n\\n' -}}"
    "{%- else -%}{{- '### Response:\\n' + m['content'] + eos_token + '\\n\\n' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '### Response:\\n' -}}{%- endif -%}"
)
CHOICE = {"plain": PLAIN, "chatml": CHATML, "alpaca": ALPACA}  # besides the tokenizer's own
TEXT = "text"  # the role of plain text: no template


@dataclass(frozen=True)
class Rendered:
    """What a model reads of a conversation, and where in it (characters, start to end) each answer stands, up to and with
    the mark that ends it."""

    text: str
    answers: list[tuple[int, int]]


def adopt(tokenizer: Any, choice: str = "auto") -> None:
    """Give a tokenizer the template of CHOICE, or the plain one where it has none."""
    if choice in CHOICE or not tokenizer.chat_template:
        tokenizer.chat_template = CHOICE.get(choice, PLAIN)


def told(messages: list[dict], system: str | None) -> list[dict]:
    """A conversation with this system prompt, unless it has one of its own or is a plain text."""
    if not (system or "").strip() or messages[0]["role"] in ("system", TEXT):
        return messages
    return [{"role": "system", "content": system}, *messages]


def apply(tokenizer: Any, messages: list[dict], asking: bool = False) -> str:
    """The text of these messages; with `asking` up to where the assistant is to speak. Raises UserError where the
    template refuses them (some have no place for a system prompt)."""
    import jinja2

    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asking)
    except jinja2.TemplateError as error:
        raise UserError("template_refuses", model=tokenizer.name_or_path, problem=" ".join(str(error).split())[:200]) from error


def render(tokenizer: Any, messages: list[dict]) -> Rendered:
    """A conversation; plain text is all of it an answer."""
    if messages[0]["role"] == TEXT:
        text = messages[0]["content"]
        return Rendered(text + tokenizer.eos_token, [(0, len(text) + len(tokenizer.eos_token))])
    whole = apply(tokenizer, messages)
    found: list[tuple[int, int]] = []
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            found.append(_answer(tokenizer, messages, number, whole, found[-1][1] if found else 0))
    return Rendered(whole, found)


def _answer(tokenizer: Any, messages: list[dict], number: int, whole: str, after: int) -> tuple[int, int]:
    """(start, end) of what the assistant says in message `number`."""
    before = apply(tokenizer, messages[:number], asking=True)
    until = apply(tokenizer, messages[: number + 1])
    if until.startswith(before) and whole.startswith(until):
        return len(before), len(until.rstrip())
    said = messages[number]["content"].strip()  # a template that tells what came before in another way
    start = max(whole.find(said, after), after)
    end = start + len(said)
    return start, end + len(tokenizer.eos_token) * whole.startswith(tokenizer.eos_token, end)


def ends(tokenizer: Any) -> set[int]:
    """The tokens that end an answer: the tokenizer's own end, and the mark that its template puts there."""
    found = {tokenizer.eos_token_id} - {None}
    if tokenizer.chat_template:
        said = "x"
        mark = apply(tokenizer, [{"role": "user", "content": "y"}, {"role": "assistant", "content": said}]).rpartition(said)[2]
        ids = tokenizer(mark.strip(), add_special_tokens=False)["input_ids"]
        if ids and ids[0] in tokenizer.all_special_ids:
            found.add(ids[0])
    return found
