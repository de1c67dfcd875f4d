"""What a training will cost, before it starts: seconds, memory, disk. By arithmetic, with the speed at which this machine
has trained before, or, where it has not, with what its processor multiplies per second. Without torch.

Each training leaves its speed in <home>/queue/speeds.json. A figure of the same shape of model and the same strategy is
nearest; one of another strategy is scaled by the work of both, one of another model as well; each step makes the range wider.
"""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ftui.core import base_models, languages, machine
from ftui.core.home import Home, write_json
from ftui.core.recipe import Frozen, Gradual, LastN, Lora, Recipe

SPEEDS = "speeds.json"  # in the folder of the queue
SURE = {"same": 1.25, "strategy": 1.5, "model": 2.0, "guess": 2.5}  # a range reaches from the estimate over to times this
SHARE = 0.8  # of what the processor multiplies in float32, what a training in bfloat16 makes of it
FORWARD = 0.6  # what an operation takes in large batches without gradients, beside one in a training
PER_SECOND = 1e10  # bytes of memory that an optimiser reads and writes
PROGRAM = 900_000_000  # bytes of Python and its libraries, without a model
AT_ONCE = 2048  # tokens that are computed at a time, at least those of the longest row
START, END = 6.0, 2.0  # seconds of imports and loading, and of saving and reporting, where none was measured


@dataclass(frozen=True)
class Rows:
    """What is read: rows of each split, and the tokens of some training rows."""

    train: int
    validation: int
    test: int
    tokens: Sequence[int]

    def each(self, recipe: Recipe) -> float:
        """Tokens of a row on average, cut and padded as the training does it."""
        most = recipe.training.longest
        return sum(-(-min(n, most) // 8) * 8 for n in self.tokens) / max(1, len(self.tokens))

    def lengths(self, recipe: Recipe) -> int:
        """How many different lengths of padded batches they make, about."""
        most = recipe.training.longest
        return padded(min(n, most) for n in self.tokens)

    def longest(self, recipe: Recipe) -> int:
        most = recipe.training.longest
        return min(most, max(self.tokens, default=32))


def padded(lengths: Iterable[int]) -> int:
    """How many different lengths are left when each is padded to a multiple of eight."""
    return len({-(-n // 8) for n in lengths})


@dataclass(frozen=True)
class Speed:
    """Seconds: for each update, for each token of it, for each token of a validation, for each token whose frozen states
    are computed, for each token of the last answers, for each checkpoint, before the first update, after the last one, and
    what the first updates take besides, for each length of batches: kernels are made for each.
    `over`: bytes of memory beyond what `memory` says."""

    step: float
    token: float
    validated: float
    cached: float
    answered: float
    saved: float
    start: float = START
    end: float = END
    warming: float = 0.0
    over: int = 0


@dataclass(frozen=True)
class Estimate:
    """`seconds`: (low, high) of the whole run, None where the model's config is unknown or a graphics card has not been
    measured; `source`: a key of SURE. `memory` (of the processor, at most) and `disk` (at most) in bytes."""

    seconds: tuple[float, float] | None
    source: str
    memory: int
    disk: int


def work(recipe: Recipe, sizes: base_models.Shape) -> tuple[float, float]:
    """Operations for each token: (in every epoch, once). Two for each weight forward, two for the gradient of what flows
    back, two for that of the weight itself; embeddings need none."""
    inner = float(sizes.layers * base_models.layer(sizes))
    strategy = recipe.strategy
    if isinstance(strategy, Frozen | LastN):
        above = inner * (min(strategy.n, sizes.layers) / sizes.layers if isinstance(strategy, LastN) else 0.0)
        below = 2.0 * (inner - above)
        return (6.0 * above, below) if recipe.training.cache_frozen else (6.0 * above + below, 0.0)
    if isinstance(strategy, Gradual):
        return 4.5 * inner, 0.0
    return ((4.0 if strategy.name in ("lora", "bitfit") else 6.0) * inner, 0.0)


def memory(recipe: Recipe, config: dict | None, parameters: int, longest: int) -> int:
    """Bytes that the training process takes at most: what a backward pass needs kept, or what a validation needs at a time."""
    settings, sizes = recipe.training, base_models.shape(config)
    layers, width = (sizes.layers, sizes.width) if sizes else (12, 768)
    heads = base_models.heads(config) or max(1, width // 64)
    validated = settings.per_device_eval_batch_size * longest * (80 * width + 8 * heads * longest)
    if isinstance(recipe.strategy, Frozen | LastN):
        layers = recipe.strategy.n if isinstance(recipe.strategy, LastN) else 1
    at_once = max(longest, min(AT_ONCE, settings.per_device_train_batch_size * longest))
    each = (18 if settings.gradient_checkpointing else 102) * width + (0 if settings.gradient_checkpointing else 12) * heads * longest
    return PROGRAM + 4 * parameters + int(12 * parameters * _share(recipe, config)) + max(layers * each * at_once, validated)


def disk(recipe: Recipe, config: dict | None, parameters: int) -> int:
    """Bytes that checkpoints and model take at most: the newest checkpoint is written before an old one goes."""
    learning, lora = int(4 * parameters * _share(recipe, config)), isinstance(recipe.strategy, Lora)
    return 4 * parameters + (recipe.training.save_total_limit + 1) * (2 * learning + (learning if lora else 4 * parameters))


def estimate(recipe: Recipe, config: dict | None, parameters: int, rows: Rows, speeds: dict[str, Speed], device: str, busy: float = 1.0) -> Estimate:
    """`speeds`: what `known` read; `device`: cpu, cuda or mps; `busy`: how many times as long a guessed start and end take for
    what else is going on (what was measured has seen it, and the processor's guessed rate feels it)."""
    sizes = base_models.shape(config)
    over = next((speeds[key].over for key in _nearest(recipe, sizes, speeds, device)), 0) if sizes else 0
    needed = memory(recipe, config, parameters, rows.longest(recipe)) + over
    written = disk(recipe, config, parameters)
    if sizes is None:
        return Estimate(None, "guess", needed, written)
    speed, source = _speed(recipe, sizes, parameters, speeds, device, _share(recipe, config))
    if speed is None:
        return Estimate(None, "guess", needed, written)
    settings, each = recipe.training, rows.each(recipe)
    steps = recipe.steps(rows.train)
    seen: float = steps * settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    seen = min(seen, recipe.epochs(rows.train) * rows.train) if settings.max_steps <= 0 else seen
    scored = seen / max(1, rows.train)
    if settings.eval_strategy == "steps" and settings.eval_steps:
        scored = steps / settings.eval_steps
    best = speed.step * steps + speed.token * seen * each
    best += scored * (speed.validated * rows.validation * each + speed.saved)
    best += speed.answered * (rows.validation + rows.test) * each
    once = speed.cached * (rows.train + rows.validation) * each
    wide, fixed = SURE[source], speed.start + speed.end + speed.warming * rows.lengths(recipe)
    if source != "guess":  # what is the same in every run is known
        return Estimate((fixed * 0.85 + (best + once) / wide, fixed * 1.15 + (best + once) * wide), source, needed, written)
    best += fixed * busy
    return Estimate(((best + once) / wide, (best + once) * wide), source, needed, written)


def span(low: float, high: float, lang: str) -> str:
    """A range of time for people.

    >>> span(38, 62, "en"), span(95, 170, "en"), span(4000, 9000, "zh")
    ('40 to 65 s', '1.5 to 3 min', '1 到 2.5 小时')
    """
    units = (("s", 1, 5.0, 90), ("min", 60, 0.5, 600), ("min", 60, 1.0, 5400), ("h", 3600, 0.5, math.inf))
    unit, size, step = next(each[:3] for each in units if high < each[3])
    first, last = max(step, step * round(low / size / step)), step * math.ceil(high / size / step - 0.2)
    if first >= last:
        return languages.text("about_" + unit, lang, n=f"{first:g}")
    return languages.text("span_to_" + unit, lang, low=f"{first:g}", high=f"{last:g}")


def _share(recipe: Recipe, config: dict | None) -> float:
    """Share of the weights that learn."""
    share = base_models.trained_share(config, recipe.strategy)
    if share is None:
        return 0.02 if recipe.strategy.name in ("lora", "bitfit") else 1.0
    return share


def _speed(
    recipe: Recipe, sizes: base_models.Shape, parameters: int, speeds: dict[str, Speed], device: str, share: float
) -> tuple[Speed | None, str]:
    """The speed to reckon with, and where it comes from (a key of SURE)."""
    found = _nearest(recipe, sizes, speeds, device)
    if found and found[0] == key(recipe, sizes, device):
        return speeds[found[0]], "same"
    now, once = work(recipe, sizes)
    inner = sizes.layers * base_models.layer(sizes)
    if found:
        known = speeds[found[0]]
        _, model, _, operations = found[0].split("|")
        same = model == _model(sizes)
        rate = float(operations) / known.token if float(operations) and known.token else _rate(device)
        if rate is None:
            return None, "guess"
        times = 1.0 if same else inner / max(1.0, _inner(found[0]))
        slow = known.step if same and float(operations) and now else 0.0  # where its layers are computed in each update
        made = Speed(
            step=max(slow, _step(parameters, share)),
            token=now / rate, validated=_validated(now, once, inner) / rate, cached=FORWARD * once / rate,
            answered=known.answered * times, saved=known.saved * times, start=known.start, end=known.end, warming=known.warming, over=known.over,
        )  # fmt: skip
        return made, "strategy" if same else "model"
    rate = _rate(device)
    if rate is None:
        return None, "guess"
    validated, answered = _validated(now, once, inner) / rate, FORWARD * 2 * inner / rate
    made = Speed(_step(parameters, share), now / rate, validated, FORWARD * once / rate, answered, 8 * parameters / 1e9)
    return made, "guess"


def _validated(now: float, once: float, inner: int) -> float:
    """Operations for each token of a validation: with kept states, of the layers above them alone."""
    return now / 3 if once else FORWARD * 2 * inner


def _step(parameters: int, share: float) -> float:
    """Seconds of an update that do not depend on its tokens, guessed: mostly the optimiser's."""
    return 0.01 + 28 * parameters * share / PER_SECOND


def _rate(device: str) -> float | None:
    """Operations a second in a training, guessed; None for a graphics card: they differ too much."""
    return processor() * SHARE if device == "cpu" else None


def key(recipe: Recipe, sizes: base_models.Shape, device: str) -> str:
    """machine | model's shape | strategy | operations for each token of an update"""
    strategy = recipe.strategy.name + (f"-{recipe.strategy.n}" if isinstance(recipe.strategy, LastN) else "")
    settings = recipe.training
    flags = ("" if settings.cache_frozen else " uncached") + (" checkpointing" if settings.gradient_checkpointing else "")
    place = f"{device} {machine.cores()}" if device == "cpu" else device
    return f"{place}|{_model(sizes)}|{strategy}{flags}|{work(recipe, sizes)[0]:.0f}"


def _model(sizes: base_models.Shape) -> str:
    inner = sizes.layers * base_models.layer(sizes)
    return f"{sizes.family} {sizes.layers}x{sizes.width} {sizes.vocabulary} {inner}"


def _inner(key: str) -> float:
    return float(key.split("|")[1].split()[-1])


def _nearest(recipe: Recipe, sizes: base_models.Shape, speeds: dict[str, Speed], device: str) -> list[str]:
    """Keys of this machine that say something of this recipe, the nearest first."""
    wanted = key(recipe, sizes, device).split("|")
    found = [k.split("|") for k in speeds if k.split("|")[0] == wanted[0]]
    found.sort(key=lambda k: (k != wanted, k[1] != wanted[1], abs(_inner("|".join(k)) - _inner("|".join(wanted))), -float(k[3])))
    return ["|".join(k) for k in found]


def known(home: Home) -> dict[str, Speed]:
    """What trainings have left here; {} where nothing can be read."""
    return read(home.queue)


def read(queue: Path) -> dict[str, Speed]:
    """What trainings have left in this folder; {} where nothing can be read."""
    try:
        told = json.loads((queue / SPEEDS).read_text(encoding="utf-8"))
        return {str(name): Speed(**fields) for name, fields in told.items() if name.count("|") == 3 and _inner(name)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(home: Home, recipe: Recipe, sizes: base_models.Shape, device: str, speed: Speed) -> None:
    """Keep how quick this training was."""
    merge(home, {key(recipe, sizes, device): speed})


def merge(home: Home, speeds: dict[str, Speed]) -> None:
    """Keep these beside those that are known."""
    home.queue.mkdir(parents=True, exist_ok=True)
    write_json(home.queue / SPEEDS, {name: asdict(one) for name, one in {**known(home), **speeds}.items()})


@functools.cache
def processor() -> float:
    """Operations a second that all cores multiply, measured in some hundredths of a second."""
    import numpy as np

    one = np.ones((1024, 1024), dtype=np.float32)
    one @ one
    began = time.perf_counter()
    for _ in range(3):
        one @ one
    return 3 * 2 * 1024**3 / (time.perf_counter() - began)
