"""Augmentation that needs a model: words that a masked-language model puts in, and texts translated there and back.

`python -m ftui.training.augmenting` makes a preview: rows and a step as JSON on stdin, new texts as JSON on stdout.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ftui.core.augmentation import Augment
from ftui.core.augmentation import models as models_of
from ftui.core.errors import UserError
from ftui.core.home import Home, publish
from ftui.core.part import Part
from ftui.data import augmenting, wording
from ftui.data.rewriting import Edit, Span
from ftui.training import models

if TYPE_CHECKING:
    from ftui.core.events import Writer

LIKELY = 10  # words that a masked-language model puts in are drawn from so many
MOST_TOKENS = 512
TRANSLATED = 16  # texts at a time


def maker(step: Part, base: str, device: str, events: Writer | None = None, where: Callable[[str], str] = str) -> augmenting.Batch:
    """The function that a step with a model is. `base`: the recipe's model; `where`: Home.base, for names of runs. Raises UserError."""
    if step.name == "masked_lm":
        return _masked(step, where(step.model or base), device, events)
    directions = ((step.there, step.there_prefix), (step.back, step.back_prefix))
    there, back = (_translator(where(name), prefix, device, events) for name, prefix in directions)

    def batch(texts: list[str], blocked: list[list[Span]], rng: np.random.Generator) -> list[list[Edit]]:
        import torch

        torch.manual_seed(int(rng.integers(2**31)))
        made = []
        for start in range(0, len(texts), TRANSLATED):
            some = texts[start : start + TRANSLATED]
            again = back(there(some, sampled=True), sampled=False)
            made += [[(0, len(before), after)] if after.strip() else [] for before, after in zip(some, again, strict=True)]
        return made

    return batch


def _loaded(name: str, kind: str, device: str, events: Writer | None) -> tuple[Any, Any]:
    """(model, tokenizer) with the head that this class of transformers has. Raises UserError where it has no such head."""
    import transformers

    folder = models.source(name, events)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, told = getattr(transformers, kind).from_pretrained(folder, trust_remote_code=False, output_loading_info=True)
    except Exception as error:  # broken files make the libraries raise almost anything
        raise UserError("augment_model_unfit", model=name, problem=" ".join(str(error).split())[:200]) from error
    lacking = sorted(told["missing_keys"])
    if lacking:
        raise UserError("augment_model_unfit", model=name, problem=f"no weights for {lacking[0]}")
    return model.eval().to(device), tokenizer


def _masked(step: Part, name: str, device: str, events: Writer | None) -> augmenting.Batch:
    import torch

    model, tokenizer = _loaded(name, "AutoModelForMaskedLM", device, events)
    if tokenizer.mask_token_id is None or not tokenizer.is_fast:
        raise UserError("augment_model_unfit", model=name, problem="no mask token")
    limit = models.max_length(MOST_TOKENS, 0, tokenizer, model.config)
    words = _Words(tokenizer)

    def batch(texts: list[str], blocked: list[list[Span]], rng: np.random.Generator) -> list[list[Edit]]:
        encoded = tokenizer(texts, truncation=True, max_length=limit, padding=True, return_offsets_mapping=True, return_tensors="pt")
        offsets = encoded.pop("offset_mapping").tolist()
        chosen: list[list[tuple[int, Span]]] = []
        ids = encoded["input_ids"].tolist()
        for number, (text, places) in enumerate(zip(texts, blocked, strict=True)):
            begins, ends = ({span[side] for span in wording.units(text, places)} for side in (0, 1))
            at = {(a, b): token for token, (a, b) in enumerate(offsets[number]) if a in begins and b in ends}
            chosen.append([(at[span], span) for span in wording.some(sorted(at), step.rate, rng)])
            for token, _ in chosen[-1]:
                encoded["input_ids"][number, token] = tokenizer.mask_token_id
        if not any(chosen):
            return [[] for _ in texts]
        with torch.inference_mode():
            logits = model(**encoded.to(device)).logits
        return [
            [edit for token, span in some if (edit := words.put(logits[number, token], ids[number][token], text, span, rng))]
            for number, (text, some) in enumerate(zip(texts, chosen, strict=True))
        ]

    return batch


class _Words:
    """What tokens stand for as words."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer
        self.known: dict[int, tuple[str, str] | None] = {}

    def put(self, logits: Any, before: int, text: str, span: Span, rng: np.random.Generator) -> Edit | None:
        """One of the likeliest words in the place of another one, drawn as likely as the model finds it."""
        values, ids = logits.float().softmax(-1).topk(min(5 * LIKELY, len(logits)))
        was = self.word(before)
        fit = [(p, w[1]) for p, i in zip(values.tolist(), ids.tolist(), strict=True) if i != before and (w := self.word(i)) and was and w[0] == was[0]]
        fit = [(p, word) for p, word in fit if word.casefold() != text[slice(*span)].casefold()][:LIKELY]
        if not fit:
            return None
        weights = np.array([p for p, _ in fit]) + 1e-9
        return *span, fit[rng.choice(len(fit), p=weights / weights.sum())][1]

    def word(self, token: int) -> tuple[str, str] | None:
        """(how the token begins: ## within a word, ▁ or Ġ after a blank; the word), None for what is no whole word."""
        if token not in self.known:
            raw = self.tokenizer.convert_ids_to_tokens(token)
            word = self.tokenizer.decode([token]).strip()
            begins = "##" if raw.startswith("##") else raw[0] if raw[:1] in ("▁", "Ġ") else ""
            whole = token not in self.tokenizer.all_special_ids and begins != "##" and _joined(wording.units(word), len(word))
            self.known[token] = (begins, word) if whole else None
        return self.known[token]


def _joined(places: list[Span], length: int) -> bool:
    """Whether words follow each other without a gap, as hanzi do, and are all that there is."""
    ends = [0, *(end for _, end in places)]
    return bool(places) and ends[-1] == length and all(start == end for (start, _), end in zip(places, ends, strict=False))


def _translator(name: str, prefix: str, device: str, events: Writer | None) -> Callable[..., list[str]]:
    import torch

    model, tokenizer = _loaded(name, "AutoModelForSeq2SeqLM", device, events)

    def translate(texts: list[str], sampled: bool) -> list[str]:
        encoded = tokenizer([prefix + text for text in texts], truncation=True, max_length=MOST_TOKENS, padding=True, return_tensors="pt").to(device)
        longest = min(MOST_TOKENS, 2 * encoded["input_ids"].shape[1] + 10)
        options = {"do_sample": True, "top_k": LIKELY, "temperature": 0.7} if sampled else {"do_sample": False}
        with torch.inference_mode():
            made = model.generate(**encoded, num_beams=1, max_length=None, max_new_tokens=longest, **options)
        return tokenizer.batch_decode(made, skip_special_tokens=True)

    return translate


# ---- remembered


def remembered(home: Home, step: Part, base: str, train: pa.Table, others: Sequence[pa.Table], seed: int) -> Path:
    """Where the rows lie that this step has made of these rows with this model."""
    mark = hashlib.sha256(json.dumps([step.model_dump(), seed]).encode())
    for name in models_of(step) or [base]:
        folder = models.local(home.base(name))
        mark.update(f"{name} {max((p.stat().st_mtime for p in Path(folder).iterdir()), default=0) if folder else ''}".encode())
    for table in (train, *others):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        mark.update(sink.getvalue())
    return home.cache / "augmented" / mark.hexdigest()[:32]


def recall(folder: Path) -> pa.Table | None:
    """The rows that were made earlier, None where there are none."""
    if not (folder / "rows.arrow").is_file():
        return None
    with pa.OSFile(str(folder / "rows.arrow")) as file:
        return pa.ipc.open_file(file).read_all()


def remember(folder: Path, rows: pa.Table) -> None:
    """Keep what was made; it appears once it is whole."""
    with publish(folder) as place, pa.OSFile(str(place / "rows.arrow"), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows)


# ---- a preview, in a process of its own: the page's must not import torch


def preview(asked: dict) -> dict:
    """{"step", "base", "home", "device", "seed", "texts", "blocked"} -> {"texts": what becomes of each}, or {"error"}."""
    from pydantic import TypeAdapter

    from ftui.data.rewriting import edited

    try:
        step = TypeAdapter(Augment).validate_python(asked["step"])
        batch = maker(step, asked["base"], models.device(asked["device"]), where=Home(Path(asked["home"])).base)
        rng = np.random.default_rng(asked["seed"])
        blocked = [[tuple(place) for place in row] for row in asked["blocked"]]
        edits = batch(asked["texts"], blocked, rng)
    except UserError as error:
        return {"error": {"code": error.code, "params": error.params}}
    return {"texts": [edited(text, made) for text, made in zip(asked["texts"], edits, strict=True)]}


if __name__ == "__main__":
    print(json.dumps(preview(json.load(sys.stdin)), ensure_ascii=False, default=str))
