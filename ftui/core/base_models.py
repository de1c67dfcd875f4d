"""What is known of a base model before it is loaded: from its files on this machine, a short list, or its config on the Hub.

No weights are read or downloaded here, and torch is not imported.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ftui.core import starters
from ftui.core.home import starter_models
from ftui.core.recipe import LastN, Lora, Part

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
PATIENCE = 5.0  # seconds for the Hub to answer
# These put a dense layer before the labels.
DENSE_HEADS = ("roberta", "xlm-roberta", "electra", "distilbert", "modernbert", "camembert")

GATED = ("llama", "qwen2", "qwen3", "mistral", "gemma")
# Where peft puts adapters into queries and values by itself; elsewhere `auto` means all linear layers.
ADAPTED = ("bert", "roberta", "xlm-roberta", "electra", "deberta-v2", "gpt2", *GATED)


@dataclass(frozen=True)
class Known:
    """What is known of a model. `kind`: starter, folder, hub. `language`: zh, en, many or None. `bytes`: to download."""

    model: str
    kind: str
    here: bool
    parameters: int | None = None
    language: str | None = None
    bytes: int | None = None
    config: dict | None = None


def find(model: str, folders: bool = True) -> Known:
    """What this machine knows of a model, without a network; without `folders` a name is never a folder of this machine."""
    starter = model in starters.names()
    if starter or (folders and Path(model).is_dir()):
        folder = starter_models() / model if starter else Path(model)
        kind = "starter" if starter else "folder"
        config = _config(folder / "config.json")
        return Known(model, kind, config is not None, starters.weights(folder) or parameters(config), None, None, config)
    listed = next((m for m in starters.well_known() if m["id"] == model), {})
    config = _config(cached(model, "config.json"))
    here = any(cached(model, name) for name in WEIGHTS)
    counted = int(listed["millions"] * 1e6) if listed else parameters(config)
    size = None if here or counted is None else 4 * counted
    return Known(model, "hub", here, counted, listed.get("language"), size, config or listed.get("config"))


def ask_hub(model: str) -> tuple[Known, str]:
    """What the Hub says of a model: its config is fetched, its weights are not. The second is "", or why nothing came:
    `no_such_model`, `gated` or `no_network`. $HF_ENDPOINT, $HF_TOKEN and $HF_HUB_OFFLINE are respected."""
    from huggingface_hub import HfApi, constants, errors, hf_hub_download

    known = find(model)
    if known.kind != "hub" or not HUB_ID.fullmatch(model):
        return known, "" if known.kind != "hub" else "no_such_model"
    if constants.HF_HUB_OFFLINE:
        return known, "no_network"
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        files = HfApi(endpoint=endpoint).model_info(model, timeout=PATIENCE, files_metadata=True).siblings or []
        path = hf_hub_download(model, "config.json", endpoint=endpoint, etag_timeout=PATIENCE)
    except errors.GatedRepoError:
        return known, "gated"
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError, errors.HFValidationError):
        return known, "no_such_model"
    except Exception:  # whatever a network can do
        return known, "no_network"
    config = _config(Path(path))
    sizes = {f.rfilename: f.size or 0 for f in files}
    ending = ".safetensors" if any(name.endswith(".safetensors") for name in sizes) else ".bin"
    size = sum(n for name, n in sizes.items() if name.endswith(ending))
    return Known(model, "hub", known.here, known.parameters or parameters(config), known.language, size or None, config), ""


def cached(model: str, name: str) -> Path | None:
    """A file of a Hub model that has been downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    if not HUB_ID.fullmatch(model):
        return None
    try:
        path = try_to_load_from_cache(model, name)
    except Exception:  # a name that the Hub does not allow
        return None
    return Path(path) if isinstance(path, str) else None


def _config(path: Path | None) -> dict | None:
    try:
        read = json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


@dataclass(frozen=True)
class Shape:
    """The sizes that decide how many weights a transformer has."""

    family: str
    layers: int
    width: int
    inner: int
    vocabulary: int
    positions: int
    embedding: int  # width of the embeddings where it differs
    keys: int  # width of keys and values


def shape(config: dict | None) -> Shape | None:
    """The sizes in a config.json, by whichever of their names it uses; None where one is missing, and for an encoder
    with a decoder, whose sizes are two."""
    if not config or config.get("is_encoder_decoder"):
        return None

    def first(*names: str) -> int | None:
        return next((config[n] for n in names if isinstance(config.get(n), int) and config[n] > 0), None)

    family = str(config.get("model_type", ""))
    width, layers = first("hidden_size", "dim", "n_embd", "d_model"), first("num_hidden_layers", "n_layers", "n_layer", "num_layers")
    vocabulary = first("vocab_size")
    if width is None or layers is None or vocabulary is None:
        return None
    count = heads(config) or 1
    size = first("head_dim") or width // count
    inner = first("intermediate_size", "hidden_dim", "n_inner", "d_ff") or 4 * width
    positions = 0 if family in ("modernbert", *GATED) else first("max_position_embeddings", "n_positions") or 0
    keys = (first("num_key_value_heads") or count) * size
    return Shape(family, layers, width, inner, vocabulary, positions, first("embedding_size") or width, keys)


def heads(config: dict | None) -> int | None:
    """Attention heads of a layer, None where the config does not say."""
    names = ("num_attention_heads", "n_heads", "n_head", "num_heads")
    return next((config[name] for name in names if isinstance(config.get(name), int) and config[name] > 0), None) if config else None


def layer(s: Shape) -> int:
    """Weights of one layer: attention and feed-forward, with their biases and norms where the family has them."""
    if s.family in GATED:
        return 2 * s.width * s.width + 2 * s.width * s.keys + 3 * s.width * s.inner + 2 * s.width
    if s.family == "modernbert":
        return 4 * s.width * s.width + 3 * s.width * s.inner + 2 * s.width
    return 4 * s.width * s.width + 2 * s.width * s.inner + 9 * s.width + s.inner


def parameters(config: dict | None) -> int | None:
    """Weights of the model that a config describes, without a head: right to some per cent for the common families."""
    if config and config.get("is_encoder_decoder"):
        return _two_stacks(config)
    s = shape(config)
    if s is None:
        return None
    embeddings = (s.vocabulary + s.positions) * s.embedding + (s.embedding * s.width if s.embedding != s.width else 0)
    return embeddings + s.layers * layer(s) + _pooler(s)


def _two_stacks(config: dict) -> int | None:
    """Weights of an encoder and a decoder: T5's kind (d_kv, d_ff) or BART's (encoder_ffn_dim)."""

    def size(*names: str) -> int:
        return next((config[n] for n in names if isinstance(config.get(n), int)), 0)

    width, vocabulary, inner = size("d_model"), size("vocab_size"), size("d_ff", "encoder_ffn_dim")
    below = size("num_layers", "encoder_layers")
    above = size("num_decoder_layers", "decoder_layers") or below
    if not width * vocabulary * inner * below:
        return None
    attention = 4 * width * (size("num_heads") * size("d_kv") or width)
    forward = (3 if str(config.get("feed_forward_proj", "")).startswith("gated") else 2) * width * inner
    tables = vocabulary * width * (1 if config.get("tie_word_embeddings", True) else 2) + 2 * size("max_position_embeddings") * width
    return tables + below * (attention + forward) + above * (2 * attention + forward)


def _pooler(s: Shape) -> int:
    return s.width * s.width + s.width if s.family == "bert" else 0


def trained_share(config: dict | None, strategy: Part, labels: int = 2) -> float | None:
    """Share of the weights that a strategy trains, between 0 and 1; None where the config does not tell."""
    s, total = shape(config), parameters(config)
    if s is None or total is None:
        return None
    head = labels * s.width + (s.width * s.width if s.family in DENSE_HEADS else 0)
    added = 0
    name = strategy.model_dump()["name"]
    if name in ("full", "gradual"):
        return 1.0
    if isinstance(strategy, LastN):
        if strategy.n > s.layers:
            return None
        trained = strategy.n * layer(s) + _pooler(s) + head
    elif isinstance(strategy, Lora):
        if strategy.target_modules == "auto" and s.family in ADAPTED:
            adapters = 4 * s.width
        elif strategy.target_modules in ("auto", "all-linear"):
            adapters = 8 * s.width + (3 if s.family in GATED else 2) * (s.width + s.inner)
            if s.family == "modernbert":  # its queries, keys and values are one matrix, as are gate and input
                adapters = 8 * s.width + 3 * s.inner
        else:  # modules by name: only the model knows them
            return None
        added = s.layers * strategy.r * adapters
        trained = added + head
    elif name == "frozen":
        trained = head
    else:
        return None
    return trained / (total + head + added)
