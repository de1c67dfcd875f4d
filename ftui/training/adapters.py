"""LoRA from its beginning to what is kept of it: weights in 4 bits, starts that change the base, merging."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.core.recipe import Lora, Strategy
from ftui.training.strategies import CHANGE_BASE

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

WEIGHTS = "adapter_model.safetensors"
HEADS = ["classifier", "score", "pre_classifier", "head", "qa_outputs", "logits_proj"]  # these learn: not in 4 bits


def quantised(strategy: Strategy, device: str) -> dict[str, Any]:
    """What `from_pretrained` needs for a base in 4 bits (QLoRA), nothing for others. Written, not run here: it needs a
    CUDA GPU and bitsandbytes. Raises UserError where one of them is missing."""
    if not (isinstance(strategy, Lora) and strategy.load_in_4bit):
        return {}
    if device != "cuda":
        raise UserError("quantised_needs_gpu", device=device)
    if not importlib.util.find_spec("bitsandbytes"):
        raise UserError("quantised_needs_package")
    import torch
    from transformers import BitsAndBytesConfig

    kind = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=kind,
        llm_int8_skip_modules=HEADS,
    )
    return {"quantization_config": config, "device_map": {"": int(os.environ.get("LOCAL_RANK", 0))}}


def remember(model: PeftModel, strategy: Strategy, checkpoints: Path) -> None:
    """Keep the adapter as it began, where that has changed the base (PiSSA, OLoRA): `save` needs it."""
    if isinstance(strategy, Lora) and strategy.init_lora_weights in CHANGE_BASE:
        model.save_pretrained(checkpoints / "first_adapter")


def save(model: PeftModel, strategy: Lora, checkpoints: Path, folder: Path) -> None:
    """The adapter for the base as it was published: one that began with a part of the base becomes an ordinary LoRA of
    twice the rank, what it has learned beside what it began with."""
    model.save_pretrained(folder)
    if strategy.init_lora_weights not in CHANGE_BASE:
        return
    import torch
    from safetensors.torch import load_file, save_file

    # W + change = (W - B0 A0) + B A, so change = [B, -B0] [A; A0]. (peft's own conversion loses the head.)
    first = load_file(checkpoints / "first_adapter" / WEIGHTS)
    now = load_file(folder / WEIGHTS)
    for name in now:
        if "lora_A" in name:
            now[name] = torch.cat([now[name], first[name]], dim=0)
        elif "lora_B" in name:
            now[name] = torch.cat([now[name], -first[name]], dim=1)
    save_file(now, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    alpha = strategy.lora_alpha * (2**0.5 if strategy.use_rslora else 2)  # the same strength at twice the rank
    config |= {"r": 2 * strategy.r, "lora_alpha": alpha, "init_lora_weights": True}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def merge(model: PeftModel, folder: Path, whole: PreTrainedModel | None) -> PreTrainedModel:
    """The model with the adapter in its weights; `whole`, the base in full precision, where `model` has 4 bits."""
    from peft import PeftModel

    return (PeftModel.from_pretrained(whole, folder) if whole is not None else model).merge_and_unload()
