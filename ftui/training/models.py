"""Where a base model comes from: a starter model, a local folder or the Hub. Never with remote code."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftui import tasks
from ftui.core import home, starters
from ftui.core.errors import UserError
from ftui.core.events import Writer
from ftui.core.recipe import LONGEST, Recipe

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
HEAD_DROPOUTS = ("classifier_dropout", "seq_classif_dropout")  # decoders' heads have none
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
WANTED = ["*.json", "*.txt", "*.model", "*.spm", "*.jinja", "*.tiktoken"]


def source(name: str, events: Writer | None = None) -> str:
    """The folder that holds this model's files; what the Hub has is downloaded first, with its progress in the log.

    $HF_ENDPOINT, $HF_TOKEN and $HF_HUB_OFFLINE are respected (huggingface_hub). Raises UserError.
    """
    return local(name) or _download(name, events)


def local(name: str) -> str | None:
    """The folder of a starter or local model, None for a Hub id; UserError for a name that can be none of them."""
    if name.startswith("starter-"):
        if name not in starters.names():
            raise UserError("starter_unknown", model=name, known=", ".join(starters.names()) or "-")
        return str(home.starter_models() / name)
    if Path(name).is_dir():
        if not (Path(name) / "config.json").exists():
            raise UserError("model_folder_empty", model=name)
        return str(Path(name).absolute())
    if name.startswith(("/", ".", "~")) or "\\" in name:
        raise UserError("model_folder_missing", model=name)
    if not _HUB_ID.fullmatch(name):
        raise UserError("model_unknown", model=name)
    return None


def _download(repo: str, events: Writer | None) -> str:
    from huggingface_hub import HfApi, constants, errors, snapshot_download

    try:
        try:
            if constants.HF_HUB_OFFLINE:
                raise errors.OfflineModeIsEnabled("offline")
            files = HfApi().model_info(repo, timeout=20).siblings or []
        except (errors.RepositoryNotFoundError, errors.HFValidationError):
            raise
        except Exception:  # no network: what was downloaded before will do
            return snapshot_download(repo, local_files_only=True)
        weights = "*.safetensors" if any(f.rfilename.endswith(".safetensors") for f in files) else "*.bin"
        return snapshot_download(repo, allow_patterns=[*WANTED, weights], tqdm_class=_progress(events))
    except errors.GatedRepoError as error:
        raise UserError("model_gated", model=repo) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise UserError("model_unknown", model=repo) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        raise UserError("model_no_network", model=repo) from error


def _progress(events: Writer | None) -> Any:
    """A tqdm that tells the log how far the download is, every few seconds."""
    from tqdm import tqdm

    class Progress(tqdm):
        def __init__(self, *args: Any, **options: Any):
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": False, "file": _Nowhere()})
            self.told = time.monotonic()

        def update(self, n: float | None = 1) -> bool | None:
            done = super().update(n)
            if events and self.unit == "B" and time.monotonic() - self.told > 3:
                self.told = time.monotonic()
                events.log("downloading", mb=round(self.n / 1e6, 1), total=round((self.total or 0) / 1e6, 1))
            return done

    return Progress


class _Nowhere:
    def write(self, text: str) -> None: ...

    def flush(self) -> None: ...


def load(name: str, recipe: Recipe, build: Callable[..., Any], events: Writer) -> tuple[Any, Any]:
    """(model, tokenizer) in float32. `build(source, **options)` makes the task's model."""
    import torch
    from transformers import AutoConfig, AutoTokenizer

    folder = source(name, events)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # broken files make the libraries raise almost anything
        raise UserError("model_config_unreadable", model=name, problem=_short(error)) from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        if not any((Path(folder) / file).exists() for file in VOCABULARIES):  # transformers would make an empty one
            raise ValueError("there is no " + " / ".join(VOCABULARIES))
    except Exception as error:
        raise UserError("model_without_tokenizer", model=name, problem=_short(error)) from error
    attention = str(getattr(config, "_attn_implementation", None) or "")
    if "/" in attention:  # transformers would fetch and run a kernel of the Hub
        raise UserError("model_config_unreadable", model=name, problem=f"its attention is code of its own ({attention[:80]}).")
    if tokenizer.pad_token is None:  # GPT-2 and its kind
        tokenizer.pad_token = tokenizer.eos_token
    dropout = recipe.training.classifier_dropout
    if dropout is not None:
        fields = [field for field in HEAD_DROPOUTS if hasattr(config, field)]
        for field in fields:
            setattr(config, field, dropout)
        if not fields:
            events.log("no_head_dropout", level="warning", family=config.model_type)
    try:
        model = build(folder, config=config, dtype=torch.float32, trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:
        if "alloc" in str(error):
            raise
        if "Unrecognized configuration class" in str(error):
            raise UserError("model_wrong_family", model=name, family=config.model_type, task=recipe.task, starter=tasks.starter(recipe.task)) from error
        raise UserError("model_without_weights", model=name, problem=_short(error)) from error
    broken = next((n for n, p in model.named_parameters() if not torch.isfinite(p).all()), None)
    if broken is not None:
        raise UserError("model_weights_broken", model=name, weight=broken)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def max_length(wanted: int | str, longest: int, tokenizer: Any, config: Any) -> int:
    """Tokens kept of a text: as asked, or as long as the longest, within what the model can read."""
    positions = getattr(config, "max_position_embeddings", None) or 10**9  # T5 counts distances
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        positions -= 2  # their positions begin after the padding index
    limit = min(positions, tokenizer.model_max_length or positions)
    return min(limit, LONGEST, max(8, longest)) if wanted == "auto" else min(limit, int(wanted))


def device(wanted: str) -> str:
    """cpu, cuda or mps. Raises UserError for one that is not there."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, here in there.items() if here)
    if not there[wanted]:
        raise UserError("device_missing", device=wanted)
    return wanted


def bf16(wanted: bool | str, device: str, fp16: bool = False) -> bool:
    """Whether to compute in bfloat16: as asked, or where the processor does it in hardware and nobody wants `fp16`."""
    import torch

    if wanted != "auto" or fp16:
        return wanted is True
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
