"""Hidden states at the frozen boundary, computed once and kept: `frozen` and `last_n` need nothing below it again.

The states lie in the home's cache as float16, mapped into memory, and later runs on the same rows share them. Their key
is made of all that they depend on (the frozen weights themselves, the tokens of every row, boundary, precision), so that
a changed row or weight is simply another key. The frozen part runs in eval mode, without dropout. While the states are
fed in, the embeddings and the frozen layers pass them on; names and numbers of the weights stay as they are.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core import recipe as r
from ftui.core.home import disk_use, publish
from ftui.training.batching import TokenBatches, token_counts
from ftui.training.strategies import depths
from ftui.training.strategies import layers as count_layers

if TYPE_CHECKING:
    import datasets
    import numpy as np

    from ftui.core.events import Writer

# Where the layers of each family are. Shown to be exact by a test; others step aside.
LAYERS = {
    "bert": "encoder.layer",
    "electra": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
    "distilbert": "transformer.layer",
    "modernbert": "layers",
}
LARGEST = 4_000_000_000  # bytes of all states that are kept
TOKENS = {"cpu": 1024}  # at a time, when they are computed: what a CPU's caches hold
MANY_TOKENS = 8192  # elsewhere
SPLIT = 1 << 40  # a row's place among the states is its number plus so many for each split before its own
NOT_OF_STATES = ("id2label", "label2id", "problem_type", "_name_or_path", "architectures", "dtype", "classifier_dropout")


def boundary(model: Any, strategy: r.Strategy) -> int:
    """How many layers from the bottom never learn; 0 where the strategy has no such part."""
    layers = count_layers(model)
    return layers if isinstance(strategy, r.Frozen) else layers - strategy.n if isinstance(strategy, r.LastN) else 0


class Features:
    """The states of the rows of a training, and the model that reads them. `single`: the model's last layer computes the
    first token only (first_token.py), so that one state a row is enough where all layers are frozen."""

    def __init__(self, model: Any, below: int, single: bool, bf16: bool):
        self.model, self.below, self.bf16 = model, below, bf16
        self.layers = model.base_model.get_submodule(LAYERS[model.config.model_type])
        self.single = single and below == len(self.layers)
        self.states: Any = None
        self.seconds = 0.0  # that computing the states took; 0 where they were there
        self.took = 0.0  # the same, with those that were there
        self.maps: list[np.ndarray] = []
        self.starts: list[np.ndarray] = []

    def bytes(self, rows: datasets.Dataset) -> int:
        """What their states need on disk."""
        tokens = len(rows) if self.single else sum(len(ids) for ids in rows["input_ids"])
        return 2 * tokens * self.model.config.hidden_size

    def key(self, rows: datasets.Dataset) -> str:
        """Of all that the states depend on: 128 bits of it, read at the memory's own speed."""
        import pyarrow.compute as pc
        import xxhash

        config = {k: v for k, v in self.model.config.to_diff_dict().items() if k not in NOT_OF_STATES}
        about = [3, self.below, self.single, self.bf16, self.model.device.type, config]
        made = xxhash.xxh3_128(json.dumps(about, sort_keys=True, default=str).encode())
        for parameter, depth in depths(self.model):
            if depth and not parameter.requires_grad:
                made.update(parameter.detach().cpu().contiguous().view(-1).numpy())
        table = rows.with_format("arrow")[:]
        for name in ("input_ids", "token_type_ids"):
            if name in table.column_names:
                made.update(pc.list_value_length(table[name]).to_numpy())
                made.update(pc.list_flatten(table[name]).to_numpy())
        return made.hexdigest()

    def add(self, rows: datasets.Dataset, folder: Path, collate: Callable, alive: Callable[[], None]) -> tuple[Any, bool]:
        """(the rows with their place among the states, whether the states were there already). `alive` is called with
        every batch that is computed, and may raise. Raises OverflowError for states that float16 cannot hold."""
        import datasets
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        counts = np.ones(len(rows), int) if self.single else token_counts(rows)[0]
        starts = np.concatenate([[0], np.cumsum(counts)])
        path = folder / self.key(rows)
        found = (path / "states.npy").exists()
        if found:
            os.utime(path)
        else:
            began = time.monotonic()
            with publish(path) as temporary:
                shape = (int(starts[-1]), self.model.config.hidden_size)
                states = np.lib.format.open_memmap(temporary / "states.npy", mode="w+", dtype=np.float16, shape=shape)
                self._compute(rows, collate, starts, states, alive)
                states.flush()
                del states
                (temporary / "seconds").write_text(str(time.monotonic() - began))
        self.took += float((path / "seconds").read_text())
        self.maps.append(np.load(path / "states.npy", mmap_mode="r"))
        self.starts.append(starts)
        table = rows.with_format("arrow")[:]
        if self.single:
            table = table.drop_columns([name for name in ("attention_mask", "token_type_ids") if name in table.column_names])
            at = table.column_names.index("input_ids")
            table = table.set_column(at, "input_ids", pc.list_slice(table["input_ids"], 0, 1))
        table = table.append_column("place", pa.array((len(self.maps) - 1) * SPLIT + np.arange(len(rows))))
        return datasets.Dataset(table.replace_schema_metadata(None), fingerprint=path.name), found

    def _compute(self, rows: Any, collate: Callable, starts: Any, states: Any, alive: Callable[[], None]) -> None:
        import torch

        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in rows.column_names]
        rows = rows.select_columns(names)
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]["input_ids"]))
        lengths = [len(rows[row]["input_ids"]) for row in order]
        device = self.model.device

        class Reached(Exception):
            pass

        def reached(_module: Any, _inputs: Any, output: Any) -> None:
            raise Reached(output[0] if isinstance(output, tuple) else output)

        hook = self.layers[self.below - 1].register_forward_hook(reached)
        self.model.eval()
        try:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                for batch in TokenBatches(lengths, max(TOKENS.get(device.type, MANY_TOKENS), lengths[0])):
                    alive()
                    mine = [order[i] for i in batch]
                    inputs = collate([rows[row] for row in mine])
                    try:
                        self.model(**{name: inputs[name].to(device) for name in names})
                    except Reached as found:
                        output = found.args[0].half().cpu()
                    if not torch.isfinite(output).all():
                        raise OverflowError
                    for i, row in enumerate(mine):
                        kept = output[i, :1] if self.single else output[i, inputs["attention_mask"][i].bool()]
                        states[starts[row] : starts[row + 1]] = kept.numpy()
        finally:
            hook.remove()

    def apply(self) -> None:
        """From now on the model reads what `feed` gave it."""
        self.model.base_model.embeddings.forward = lambda *_, **__: self.states
        if hasattr(self.model.base_model, "embeddings_project"):
            self.model.base_model.embeddings_project.forward = lambda states: states
        for layer in itertools.islice(self.layers, self.below):
            layer.forward = lambda states, *_, **__: states
            layer.train = lambda mode=True, layer=layer: layer  # nothing in it to be told at every step
        learning = [p for p in self.model.parameters() if p.requires_grad]

        def zero_grad(*_: Any, **__: Any) -> None:
            for parameter in learning:
                parameter.grad = None

        self.model.zero_grad = zero_grad

    def onto(self, model: Any) -> None:
        """Let another model with the same frozen part read them instead."""
        self.model, self.layers = model, model.base_model.get_submodule(LAYERS[model.config.model_type])
        self.apply()

    def feed(self, states: Any) -> None:
        """(B, T, H) states for the next passes through the model."""
        self.states = states

    def collator(self, collate: Callable) -> Callable:
        """The task's collator, with `states` (B, T, H) beside what it makes."""

        def with_states(rows: list[dict]) -> Any:
            import torch

            number = rows[0]["place"] // SPLIT
            places = [row["place"] % SPLIT for row in rows]
            if self.single:  # one token of each: nothing to pad
                batch = {name: torch.tensor([row[name] for row in rows]) for name in rows[0] if name != "place"}
                batch["states"] = torch.from_numpy(self.maps[number][places].astype("float32"))[:, None]
                return batch
            batch = collate([{name: value for name, value in row.items() if name != "place"} for row in rows])
            mask = batch["attention_mask"].bool()
            states = torch.zeros(*mask.shape, self.model.config.hidden_size)
            for i, row in enumerate(places):
                start, end = self.starts[number][row : row + 2]
                states[i, mask[i]] = torch.from_numpy(self.maps[number][start:end].astype("float32"))
            batch["states"] = states
            return batch

        return with_states


def room(cache: Path) -> tuple[Path, float]:
    """(the folder of all states, the bytes that further ones may take)."""
    folder = cache / "states"
    folder.mkdir(parents=True, exist_ok=True)
    return folder, min(LARGEST, shutil.disk_usage(folder).free / 2)


def prepare(
    model: Any,
    recipe: r.Recipe,
    encoded: dict[str, Any],
    collate: Callable,
    cache: Path,
    events: Writer,
    alive: Callable[[], None],
    single: bool,
    bf16: bool,
) -> tuple[Features | None, dict[str, Any]]:
    """(features, the rows with their places); (None, the rows as they are) where nothing is frozen for good, and where it
    must step aside, which the log then says."""
    below = boundary(model, recipe.strategy)
    if not recipe.training.cache_frozen or below < 1 or int(os.environ.get("WORLD_SIZE", 1)) > 1:
        return None, encoded
    family = model.config.model_type
    if family not in LAYERS or getattr(model.config, "is_decoder", False):
        events.log("cache_family", family=family)
        return None, encoded
    features = Features(model, below, single, bf16)
    needed = sum(features.bytes(rows) for rows in encoded.values())
    folder, most = room(cache)
    if needed > most:
        events.log("cache_large", gb=round(needed / 1e9, 1))
        return None, encoded
    began = time.monotonic()
    try:
        added = {name: features.add(rows, folder, collate, alive) for name, rows in encoded.items()}
    except OverflowError:
        events.log("cache_overflow")
        return None, encoded
    features.apply()
    bound(folder)
    there = all(found for _, found in added.values())
    features.seconds = 0.0 if there else time.monotonic() - began
    key = "cache_found" if there else "cache_made"
    events.log(key, mb=round(needed / 1e6, 1), seconds=round(time.monotonic() - began, 1), layers=below)
    return features, {name: rows for name, (rows, _) in added.items()}


def bound(folder: Path, most: int = LARGEST) -> None:
    """Throw out what was used longest ago until at most so many bytes are left."""
    kept = 0
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir(), key=lambda path: -path.stat().st_mtime):
            kept += disk_use(path)
            if kept > most:
                shutil.rmtree(path, ignore_errors=True)
