"""The recipe: every setting of a run, checked where it is built. Form, YAML, command line and worker all come from it.

Hyper-parameters bear the names of `transformers.TrainingArguments` and `peft.LoraConfig`.
"""

import math
import os
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, FiniteFloat, ValidationError, field_validator, model_validator

from ftui.core import languages, recipe_yaml
from ftui.core.augmentation import AUGMENT, Augment, Synonyms
from ftui.core.errors import UserError
from ftui.core.part import Part, Share
from ftui.core.search import Search
from ftui.core.steps import CLEAN, Clean

Auto = Literal["auto"]
LayerDecay = Annotated[FiniteFloat, Field(gt=0, le=1)]  # each layer further down learns with this share of the rate


class Data(Part):
    path: str = Field(min_length=1)
    columns: dict[str, str] = {}
    validation_path: str | None = None
    test_path: str | None = None
    test_size: Share = 0.2
    validation_size: Share = 0.1
    seed: int = Field(42, ge=0, lt=2**32)
    keep_together: Literal["near", "same", "none"] = "near"  # duplicates, on one side of the split
    group_column: str | None = None  # rows with the same value stay on one side
    date_column: str | None = None  # the newest rows are tested
    folds: int | None = Field(None, ge=2, le=20)
    fold: int = Field(1, ge=1, le=20)  # which of them is tested
    clean: list[Clean] = Field([], max_length=50)  # in this order; the file itself stays as it is
    augment: list[Augment] = Field([], max_length=10)  # new training rows, made from the others
    balance: Literal["none", "oversample", "undersample"] = "none"  # of the training rows alone

    @model_validator(mode="after")
    def _one_way_to_split(self) -> "Data":
        if self.folds is not None and self.fold > self.folds:
            raise ValueError("fold_beyond_folds")
        if self.folds is not None and (self.date_column or self.test_path):
            raise ValueError("folds_alone")
        return self

    def train_rows(self, rows: int) -> int:
        """About how many of the rows are trained on."""
        test = 0 if self.test_path else 1 / self.folds if self.folds else self.test_size
        validation = 0 if self.validation_path else self.validation_size
        return round(rows * (1 - test) * (1 - validation) * (1 + sum(step.share for step in self.augment)))


class Full(Part):
    name: Literal["full"] = "full"
    layer_decay: LayerDecay = 1.0


class Frozen(Part):
    name: Literal["frozen"] = "frozen"


class LastN(Part):
    name: Literal["last_n"] = "last_n"
    n: int = Field(3, ge=1, le=1000)


class Gradual(Part):
    name: Literal["gradual"] = "gradual"
    layers_per_epoch: Auto | Annotated[int, Field(ge=1, le=1000)] = "auto"  # auto: all of them learn in the last epoch
    layer_decay: LayerDecay = 1.0


class BitFit(Part):
    name: Literal["bitfit"] = "bitfit"


class Lora(Part):
    name: Literal["lora"] = "lora"
    r: int = Field(8, ge=1, le=1024)
    lora_alpha: int = Field(16, ge=1, le=4096)
    lora_dropout: Share = 0.05
    target_modules: Auto | Literal["all-linear"] | list[str] = "auto"
    use_rslora: bool = False
    use_dora: bool = False
    init_lora_weights: Literal["default", "gaussian", "pissa", "olora"] = "default"
    loraplus_lr_ratio: FiniteFloat = Field(1.0, ge=1, le=1000)  # LoRA+: how much faster B learns than A
    load_in_4bit: bool = False  # QLoRA: needs a CUDA GPU and bitsandbytes

    @model_validator(mode="after")
    def _fits_together(self) -> "Lora":
        if self.load_in_4bit and self.init_lora_weights in ("pissa", "olora"):
            raise ValueError("quantised_init")  # they change the weights that are kept in 4 bits
        return self


Strategy = Annotated[Full | Lora | Frozen | LastN | Gradual | BitFit, Field(discriminator="name")]
STRATEGIES: dict[str, type[Part]] = {
    "full": Full,
    "lora": Lora,
    "frozen": Frozen,
    "last_n": LastN,
    "gradual": Gradual,
    "bitfit": BitFit,
}

# What a strategy needs where the recipe says "auto": the fewer weights are trained, the larger the steps they bear.
LEARNING_RATES = {"full": 5e-5, "gradual": 5e-5, "last_n": 1e-4, "lora": 3e-4, "bitfit": 1e-3, "frozen": 1e-3}


LONGEST = 512  # tokens: what `max_length: auto` never exceeds, since attention's cost grows with the square
ENOUGH_TO_CHOOSE = 100  # validation rows: the loss on fewer says little about which checkpoint is best


class Training(Part):
    num_train_epochs: Auto | Annotated[FiniteFloat, Field(gt=0, le=1000)] = "auto"
    learning_rate: Auto | Annotated[FiniteFloat, Field(gt=0, le=1)] = "auto"
    per_device_train_batch_size: int = Field(16, ge=1, le=4096)
    max_length: Auto | Annotated[int, Field(ge=4, le=131072)] = "auto"

    # optimisation
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial"] = "linear"
    warmup_steps: FiniteFloat = Field(0.1, ge=0)  # below 1: a share of all steps
    gradient_accumulation_steps: int = Field(1, ge=1, le=4096)
    max_grad_norm: FiniteFloat = Field(1.0, ge=0)
    adam_beta1: Share = 0.9
    adam_beta2: Share = 0.999
    adam_epsilon: FiniteFloat = Field(1e-8, gt=0, lt=1)
    max_steps: int = Field(-1, ge=-1)

    # regularisation
    weight_decay: FiniteFloat = Field(0.01, ge=0, le=10)
    label_smoothing_factor: Share = 0.0
    class_weights: Literal["none", "balanced"] = "none"  # balanced: an error on a rare class costs more
    classifier_dropout: Share | None = None
    early_stopping_patience: int | None = Field(None, ge=1)
    metric_for_best_model: str | None = None  # null: validation loss

    # precision and memory
    bf16: Auto | bool = "auto"
    fp16: bool = False
    gradient_checkpointing: bool = False
    cache_frozen: bool = True  # frozen and last_n: what the frozen layers make of each row is computed once and kept
    per_device_eval_batch_size: int = Field(32, ge=1, le=4096)

    # evaluating and saving
    eval_strategy: Literal["epoch", "steps"] = "epoch"
    eval_steps: int | None = Field(None, ge=1)
    logging_steps: int | None = Field(None, ge=1)  # null: about 200 points in a run
    save_total_limit: int = Field(2, ge=1, le=1000)
    seed: int = Field(42, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _fits_together(self) -> "Training":
        if self.fp16 and self.bf16 is True:
            raise ValueError("fp16_and_bf16")
        if self.eval_strategy == "steps" and self.eval_steps is None:
            raise ValueError("eval_steps_missing")
        return self

    @property
    def longest(self) -> int:
        """Tokens that are kept of a text at most, as far as the model can read them."""
        return LONGEST if self.max_length == "auto" else self.max_length


class Distil(Part):
    """Learning from a finished run: its answers beside the labels (Hinton et al., 2015)."""

    teacher: str = Field(min_length=1, max_length=200)  # a run's id
    temperature: FiniteFloat = Field(2.0, gt=0, le=100)
    weight: FiniteFloat = Field(0.5, ge=0, le=1)  # of the teacher's answers; the labels have the rest
    hidden_weight: FiniteFloat = Field(0.0, ge=0, le=1000)  # of the distance between the last hidden states
    unlabelled_path: str | None = None  # texts without labels, which the teacher answers


class Prune(Part):
    """What of the base model goes before anything is learned."""

    layers: int | None = Field(None, ge=1, le=1000)  # that stay
    layers_by: Literal["importance", "first"] = "importance"
    feed_forward: FiniteFloat = Field(1.0, gt=0, le=1)  # share of the neurons that stays
    heads: FiniteFloat = Field(1.0, gt=0, le=1)  # share of the attention heads that stays
    vocabulary: Literal["all", "scripts", "used"] = "all"
    magnitude: Share = 0.0  # share of the weights that become zero
    recover: bool = True  # whether it learns again afterwards


class Ensemble(Part):
    """Runs that answer together."""

    members: list[str] = Field(min_length=2, max_length=50)
    vote: Literal["soft", "hard"] = "soft"


class Language(Part):
    """What only language models need."""

    loss_on: Literal["answers", "all"] = "answers"  # of a conversation
    chat_template: Literal["auto", "plain", "chatml", "alpaca"] = "auto"  # auto: the tokenizer's own, plain where it has none
    system: str | None = Field(None, max_length=20_000)  # the system prompt of conversations that have none of their own
    prefix: str | None = Field(None, max_length=1000)  # before each source, a space between: what T5's kind is to do with it
    samples: int | None = Field(None, ge=0, le=1000)  # rows of a split whose answers are written out; null: as suits the task
    max_new_tokens: int = Field(64, ge=1, le=4096)  # of each of them
    num_beams: int = Field(1, ge=1, le=32)  # 1: always the likeliest token
    beta: FiniteFloat = Field(0.1, gt=0, le=10)  # of preferences: how dear it is to move away from the model that it began as
    mlm_probability: FiniteFloat = Field(0.15, gt=0, lt=1)  # share of the tokens that are hidden and guessed


class Recipe(Part):
    version: Literal[1] = 1
    task: Literal[
        "text-classification", "token-classification", "question-answering", "multi-label-classification", "text-regression",
        "text-generation", "text2text-generation", "fill-mask", "preference-tuning",
    ] = "text-classification"  # fmt: skip
    model: str = Field("starter-encoder", min_length=1)
    data: Data
    strategy: Strategy = Full()
    training: Training = Training()
    language: Language = Language()
    decision_threshold: Auto | Annotated[FiniteFloat, Field(gt=0, lt=1)] = "auto"  # of several labels; auto: chosen on the validation rows
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    launcher: Literal["local", "torchrun", "accelerate"] = "local"
    processes: int = Field(2, ge=2, le=64)  # of torchrun
    accelerate_config: str | None = None  # the file that `accelerate config` writes: what accelerate starts, and how it shares
    retries: int = Field(0, ge=0, le=10)
    distil: Distil | None = None
    prune: Prune | None = None
    ensemble: Ensemble | None = None
    search: Search | None = None

    @field_validator("model")
    @classmethod
    def _one_line(cls, model: str) -> str:
        if any(ord(c) < 32 for c in model):
            raise ValueError("control_characters")
        return model.strip()

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        if self.search and (self.distil or self.prune or self.ensemble or self.launcher != "local"):
            raise ValueError("search_alone")
        if self.launcher == "accelerate" and not self.accelerate_config:
            raise ValueError("accelerate_config_missing")
        return self

    def epochs(self, rows: int) -> float:
        """The number of epochs, `auto` resolved for so many training rows: few rows are seen more often."""
        if self.training.num_train_epochs != "auto":
            return self.training.num_train_epochs
        if self.task == "preference-tuning":  # soon learned by heart
            return 3.0
        if rows < 500 and self.task == "text2text-generation":  # to write whole sentences takes longer
            return 25.0
        return 10.0 if rows < 500 else 5.0 if rows < 3000 else 3.0

    def steps(self, rows: int) -> int:
        """Updates in all, for so many training rows."""
        settings = self.training
        if settings.max_steps > 0:
            return settings.max_steps
        batches = math.ceil(rows / settings.per_device_train_batch_size)
        return math.ceil(self.epochs(rows) * math.ceil(batches / settings.gradient_accumulation_steps))

    def learning_rate(self, parameters: int) -> float:
        """The learning rate, `auto` resolved for a model with so many parameters: small models bear larger steps."""
        if self.training.learning_rate != "auto":
            return self.training.learning_rate
        rate = LEARNING_RATES[self.strategy.name] / (10.0 if self.task == "preference-tuning" else 1.0)
        if parameters >= 15_000_000 or self.strategy.name not in ("full", "gradual", "last_n"):
            return rate
        return rate * (20.0 if self.task == "text2text-generation" else 8.0)  # T5 bears the largest


def build(content: dict, where: str = "recipe") -> Recipe:
    """The recipe from plain data; the first thing that is wrong becomes one sentence."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise _sentence(error, where) from error


def _sentence(error: ValidationError, where: str) -> UserError:
    found = error.errors()
    field = _field(found[0]["loc"])
    same = [e for e in found if _field(e["loc"]) == field]
    first = next((e for e in same if e["type"] != "literal_error"), same[0])  # of "auto or a number" the number
    if first["type"] == "extra_forbidden":
        return UserError("recipe_unknown_key", where=where, field=field)
    if first["type"] == "missing":
        return UserError("recipe_missing_key", where=where, field=field)
    kind = str(first.get("ctx", {}).get("error", "")) if first["type"] == "value_error" else first["type"]
    known = languages.catalogue("problems").get(kind)
    problem = {lang: known[lang].format(**_said(first.get("ctx", {}), lang)) if known else first["msg"] for lang in languages.LANGUAGES}
    got = repr(str(first["input"])[:80]) if first.get("input") is not None and not isinstance(first["input"], dict) else ""
    shown = {"en": f" ({got})", "zh": f"（{got}）"} if got else ""
    return UserError("recipe_bad_value", where=where, field=field, problem=problem, got=shown)


def _said(context: dict, lang: str) -> dict:
    """What pydantic knows of a mistake; its lists of known values with Chinese punctuation where the sentence is Chinese."""
    listed = (("', '", "'、'"), ("' or '", "' 或 '")) if lang == "zh" else ()
    said = dict(context)
    for name in {"expected", "expected_tags"} & set(said):
        for english, chinese in listed:
            said[name] = said[name].replace(english, chinese)
    return said


def _field(location: tuple[int | str, ...]) -> str:
    """training.learning_rate, without pydantic's names for the branches of a union."""
    branches = ("literal", "constrained", "list", "float", "int", "bool", "finite", "function")
    parts = [str(p) for p in location if str(p) not in STRATEGIES and str(p) not in CLEAN and str(p) not in AUGMENT and not str(p).startswith(branches)]
    return ".".join(parts) or "recipe"


def load(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe file; `overrides` are `training.num_train_epochs=1` and the like, their values YAML."""
    path = Path(path)
    content = recipe_yaml.parse(recipe_yaml.read(path), path)
    _override(content, overrides or [])
    recipe = build(content, where=path.name)
    base = path.parent

    def absolute(p: str | None) -> str | None:
        return os.path.normpath(base / p) if p and not os.path.isabs(p) and (base / p).exists() else p

    data, distil = recipe.data, recipe.distil
    files = {k: absolute(getattr(data, k)) for k in ("path", "validation_path", "test_path")}
    own = [s.model_copy(update={"path": absolute(s.path)}) if isinstance(s, Synonyms) else s for s in data.augment]
    if distil:
        distil = distil.model_copy(update={"unlabelled_path": absolute(distil.unlabelled_path)})
    data = data.model_copy(update={**files, "augment": own})
    return recipe.model_copy(update={"data": data, "distil": distil, "accelerate_config": absolute(recipe.accelerate_config)})


def changed(recipe: Recipe, overrides: list[str]) -> Recipe:
    """The recipe with these settings (`training.num_train_epochs=1`) changed. Raises UserError."""
    content = recipe.model_dump(mode="json")
    _override(content, overrides)
    return build(content) if overrides else recipe


def _override(content: dict, overrides: list[str]) -> None:
    for override in overrides:
        key, sign, value = override.partition("=")
        if not sign or not key.strip():
            raise UserError("set_malformed", got=override)
        try:
            _set(content, key.strip().split("."), recipe_yaml.value(value))
        except (yaml.YAMLError, RecursionError, ValueError):
            raise UserError("set_malformed", got=override[:80]) from None


def _set(content: dict, keys: list[str], value: object) -> None:
    if keys == ["strategy", "name"]:
        content["strategy"] = {}  # another strategy has other settings
    for key in keys[:-1]:
        inner = content.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UserError("set_malformed", got=".".join(keys))
        content = inner
    content[keys[-1]] = value


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, all settings written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
