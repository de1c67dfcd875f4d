"""What is known of base models without loading them: those that come with ftui, those on this machine, well-known ones."""

from __future__ import annotations

import functools
import json
import math
import struct
from pathlib import Path

import yaml

from ftui.core.home import starter_models

UNKNOWN = 110_000_000  # weights: the size of a base encoder, for models that are not here to be counted


def names() -> list[str]:
    """Names of the starter models that are there."""
    return sorted(p.parent.name for p in starter_models().glob("*/config.json"))


def found() -> dict[str, int]:
    """{name of a starter model: number of weights}"""
    return {name: weights(starter_models() / name) for name in names()}


@functools.cache
def well_known() -> list[dict]:
    """Models of the Hub that are offered by name: [{"id", "millions", "language", "config"}]; none of them has been downloaded."""
    path = Path(__file__).with_name("hub_models.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def count(model: str) -> int:
    """Weights of a model by its name or folder, UNKNOWN where its files are not on this machine."""
    folder = starter_models() / model if model.startswith("starter-") else Path(model)
    here = weights(folder) if model and folder.is_dir() else 0
    listed = next((int(m["millions"] * 1e6) for m in well_known() if m["id"] == model), 0)
    return here or listed or UNKNOWN


@functools.lru_cache(maxsize=64)
def weights(folder: Path) -> int:
    """Numbers in all safetensors files of a folder, read from their headers; 0 where there are none."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        total += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total
