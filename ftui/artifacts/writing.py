"""A language model that is asked: what a text costs it, and what it writes itself, whole or as it comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datasets
    import numpy as np

    from ftui.core.recipe import Language

TOKENS, TOKENS_ON_CPU = 8192, 1024  # of a batch, padding included
WRITTEN = 16  # rows that are written at a time
UNKNOWN = "\ufffd"  # what half a character decodes to


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0: always the likeliest."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0  # 0: all
    repetition_penalty: float = 1.0
    max_new_tokens: int = 64
    seed: int | None = None
    num_beams: int = 1  # beginnings that are followed side by side


@dataclass
class Stream:
    """A text as it is written: `pieces` can be consumed once; then `tokens` and `finished` ("stop", "length") are known.
    Closing `pieces` ends the writing at the next token."""

    pieces: Generator[str, None, None] = field(init=False)
    asked: int = 0
    tokens: int = 0
    finished: str = "stop"


class Writer:
    """One language model with its tokenizer. `lock`: who holds it may compute. `talks`: what it is asked is said to it, rather
    than gone on with. `reference`: the model that it is compared with, where that is asked."""

    talks = True
    reference: Writer | None = None

    def __init__(self, model: Any, tokenizer: Any, settings: Language, max_length: int, lock: threading.Lock):
        self.model, self.tokenizer, self.settings, self.max_length, self.lock = model, tokenizer, settings, max_length, lock
        self.device = next(model.parameters()).device
        self.decodes = bool(model.config.is_encoder_decoder)

    def losses(self, windows: datasets.Dataset, shifted: bool, progress: Callable[[int], None] | None = None) -> list[np.ndarray]:
        """For each window the cross-entropy of each of its labelled tokens, in order."""
        import numpy as np
        import torch
        from transformers import DataCollatorForSeq2Seq, DataCollatorForTokenClassification

        from ftui.training import labelled

        names = [*self.tokenizer.model_input_names, "labels"]
        rows = windows.select_columns([name for name in windows.column_names if name in names]).to_list()
        pad = DataCollatorForSeq2Seq(self.tokenizer) if self.decodes else DataCollatorForTokenClassification(self.tokenizer)
        order = sorted(range(len(rows)), key=lambda i: -len(rows[i]["input_ids"]))
        most = TOKENS_ON_CPU if self.device.type == "cpu" else TOKENS
        found: list[np.ndarray] = [np.zeros(0, np.float32)] * len(rows)
        done = 0
        while done < len(order):
            chosen = order[done : done + max(1, most // max(8, len(rows[order[done]]["input_ids"])))]
            batch = pad([rows[i] for i in chosen]).to(self.device)
            with torch.inference_mode():
                logits, labels = labelled.forward(self.model, self.model.get_output_embeddings(), batch, shifted)
                lost = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none").cpu().numpy()
            counts = [sum(label != labelled.IGNORED for label in rows[i]["labels"]) for i in chosen]
            for i, part in zip(chosen, np.split(lost, np.cumsum(counts)[:-1]), strict=True):
                found[i] = part
            done += len(chosen)
            if progress:
                progress(done)
        return found

    def sample(self, rows: int, most: int) -> list[int]:
        """Which of so many rows are written out for a report, evenly spread: as many as the settings say, else at most `most`."""
        import numpy as np

        wanted = most if self.settings.samples is None else self.settings.samples
        return np.unique(np.linspace(0, rows - 1, min(wanted, rows)).round().astype(int)).tolist()

    def prompt(self, messages: list[dict]) -> list[int]:
        """The tokens after which the assistant speaks, or a plain text goes on."""
        from ftui.tasks import templates

        plain = messages[0]["role"] == templates.TEXT
        text = messages[0]["content"] if plain else templates.apply(self.tokenizer, templates.told(messages, self.settings.system), asking=True)
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if ids:
            return ids
        start = self.tokenizer.bos_token_id  # of a text that has not begun yet
        return [self.tokenizer.eos_token_id if start is None else start]

    def source(self, text: str) -> list[int]:
        """The tokens that an encoder reads."""
        return self.tokenizer(text, truncation=True, max_length=self.max_length)["input_ids"]

    def write(self, prompts: list[list[int]], sampling: Sampling | None = None) -> list[str]:
        """What comes after each prompt; the caller holds the lock."""
        sampling = sampling or Sampling(max_new_tokens=self.settings.max_new_tokens, num_beams=self.settings.num_beams)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        texts = [""] * len(prompts)
        for start in range(0, len(order), WRITTEN):
            chosen = order[start : start + WRITTEN]
            for i, ids in zip(chosen, self._generate([prompts[i] for i in chosen], sampling), strict=True):
                texts[i] = self.tokenizer.decode(ids, skip_special_tokens=True)
        return texts

    def stream(self, prompt: list[int], sampling: Sampling) -> Stream:
        """The same for one prompt, as it comes; waits for the lock by itself."""
        made = Stream(asked=len(prompt))
        made.pieces = self._pieces(prompt, sampling, made)
        return made

    def _pieces(self, prompt: list[int], sampling: Sampling, made: Stream) -> Generator[str, None, None]:
        told: queue.Queue[str | BaseException | None] = queue.Queue()
        stop = threading.Event()

        def work() -> None:
            try:
                while not self.lock.acquire(timeout=0.1):
                    if stop.is_set():
                        return
                try:
                    teller = _Teller(self.tokenizer, told)
                    (ids,) = self._generate([prompt], sampling, teller if sampling.num_beams == 1 else None, stop)
                    if sampling.num_beams > 1:  # what a beam says is known at its end
                        teller.whole(ids)
                    made.tokens = len(ids)
                    made.finished = "stop" if ids and ids[-1] in self._ends() else "length"
                finally:
                    self.lock.release()
            except BaseException as error:  # whoever reads the pieces is told
                told.put(error)
            finally:
                told.put(None)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while (piece := told.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            stop.set()
            thread.join()

    def _ends(self) -> list[int]:
        from ftui.tasks import templates

        own = self.model.generation_config.eos_token_id
        return sorted({*templates.ends(self.tokenizer), *(own if isinstance(own, list) else [own] if own is not None else [])})

    def _generate(self, prompts: list[list[int]], sampling: Sampling, streamer: Any = None, stop: threading.Event | None = None) -> list[list[int]]:
        """New tokens of each prompt, no more than the model has places for; what does not fit into a decoder's context is
        forgotten from its beginning."""
        import torch
        from transformers import GenerationConfig, StoppingCriteriaList

        room = getattr(self.model.config, "max_position_embeddings", None) or 10**9
        new = max(1, min(sampling.max_new_tokens, room - 1 if self.decodes else room // 2))
        prompts = prompts if self.decodes else [ids[-(room - new) :] for ids in prompts]
        longest = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id
        gaps = [longest - len(ids) for ids in prompts]  # on the right where an encoder reads, else on the left
        padded = [(ids + [pad] * gap) if self.decodes else ([pad] * gap + ids) for ids, gap in zip(prompts, gaps, strict=True)]
        mask = [([1] * len(ids) + [0] * gap) if self.decodes else ([0] * gap + [1] * len(ids)) for ids, gap in zip(prompts, gaps, strict=True)]
        chosen = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k} if sampling.temperature > 0 else {}
        config = GenerationConfig(
            max_new_tokens=new, do_sample=sampling.temperature > 0, repetition_penalty=sampling.repetition_penalty,
            num_beams=sampling.num_beams,
            eos_token_id=self._ends(), pad_token_id=pad, **chosen,
        )  # fmt: skip
        if not chosen:  # else transformers would take the model's own and warn that they do nothing
            config.temperature, config.top_p, config.top_k = 1.0, 1.0, 50
        criteria = StoppingCriteriaList([lambda ids, scores, **_: torch.full((len(ids),), stop is not None and stop.is_set(), device=ids.device)])
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        with torch.inference_mode():
            made = self.model.generate(
                input_ids=torch.tensor(padded, device=self.device), attention_mask=torch.tensor(mask, device=self.device),
                generation_config=config, stopping_criteria=criteria, streamer=streamer,
            )  # fmt: skip
        return [self._cut(row.tolist()) for row in made[:, 1 if self.decodes else longest :]]

    def _cut(self, ids: list[int]) -> list[int]:
        """Up to and with the first end."""
        ends = self._ends()
        last = next((i for i, token in enumerate(ids) if token in ends), len(ids) - 1)
        return ids[: last + 1]


class _Teller:
    """What `generate` calls with each token: tells the text that is certain by then."""

    def __init__(self, tokenizer: Any, told: queue.Queue):
        self.tokenizer, self.told = tokenizer, told
        self.ids: list[int] = []
        self.shown = 0
        self.began = False

    def put(self, tokens: Any) -> None:
        if not self.began:  # the prompt
            self.began = True
            return
        self.ids += tokens.flatten().tolist()
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        if not text.endswith(UNKNOWN):
            self._tell(text)

    def whole(self, ids: list[int]) -> None:
        """All of a text at once."""
        self.ids = ids
        self.end()

    def end(self) -> None:
        self._tell(self.tokenizer.decode(self.ids, skip_special_tokens=True))

    def _tell(self, text: str) -> None:
        if len(text) > self.shown:
            self.told.put(text[self.shown :])
            self.shown = len(text)
