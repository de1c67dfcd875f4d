"""The part of the plain script that says which weights learn, and how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from string import Template

from ftui.core import recipe as r

FROZEN = """
for parameter in model.base_model.parameters():  # the head alone is trained
    parameter.requires_grad = False
"""

LAST_N = """
layers = next(m for n, m in model.base_model.named_modules() if n.endswith(("layer", "layers", ".h", "block")))
for parameter in model.base_model.parameters():  # the last $n layers and the head are trained
    parameter.requires_grad = False
for parameter in layers[-$n:].parameters():
    parameter.requires_grad = True
"""

BITFIT = """
for name, parameter in model.base_model.named_parameters():  # the biases and the head are trained
    parameter.requires_grad = name.endswith("bias")
"""

LORA = """
from peft import LoraConfig, get_peft_model

model = get_peft_model(
    model,
    LoraConfig(
        task_type="SEQ_CLS",
        r=$r,
        lora_alpha=$lora_alpha,
        lora_dropout=$lora_dropout,
        target_modules=$target_modules,
        use_rslora=$use_rslora,
        use_dora=$use_dora,
        init_lora_weights=$init_lora_weights,
    ),
)
"""

LORA_PLUS = """

def share(name):  # LoRA+: the B matrices learn faster
    return $loraplus_lr_ratio if "lora_B" in name else 1.0

"""

DEPTH = r"""
LAYER = re.compile(r"\.(?:layer|layers|h|block)\.(\d+)\.")
LAYERS = 1 + max(int(LAYER.search(name).group(1)) for name, _ in model.named_parameters() if LAYER.search(name))


def depth(name):  # 0 for the head, 1 for the last layer, most for the embeddings
    if LAYER.search(name):
        return LAYERS - int(LAYER.search(name).group(1))
    above = re.search(r"\.(pooler|ln_f|norm|final_norm|final_layer_norm)\.", name)
    return LAYERS + 1 if name.startswith(model.base_model_prefix + ".") and not above else 0

"""

LAYER_DECAY = """
def share(name):  # each layer further down learns more slowly
    return $layer_decay ** depth(name)

"""

GROUPS = """
def optimizer():
    groups = [
        {
            "params": [parameter],
            "lr": $learning_rate * share(name),
            "weight_decay": $weight_decay if parameter.ndim > 1 else 0.0,
        }
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]
    return torch.optim.AdamW(groups, betas=($adam_beta1, $adam_beta2), eps=$adam_epsilon)

"""

THAW = """
class Thaw(TrainerCallback):  # the head and the uppermost layers learn first, more with every epoch
    def on_epoch_begin(self, args, state, control, **_):
        for name, parameter in model.named_parameters():
            parameter.requires_grad = min(depth(name), LAYERS) <= $per_epoch * (int(state.epoch or 0) + 1)

"""

FOUR_BITS = """
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype="bfloat16",
        llm_int8_skip_modules=["classifier", "score", "pre_classifier", "head"],
    ),"""


@dataclass(frozen=True)
class Pieces:
    """What a strategy puts into the script. `load`: options of the model; `optimizers`, `callbacks`: of the Trainer."""

    code: str
    load: str = ""
    optimizers: str = ""
    callbacks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()  # of transformers
    imports: str = ""
    packages: str = ""


def write(recipe: r.Recipe, learning_rate: float, epochs: float) -> Pieces:
    """What learns, and how fast."""
    strategy = recipe.strategy
    pieces = {"full": [], "frozen": [FROZEN], "last_n": [LAST_N], "bitfit": [BITFIT], "lora": [LORA], "gradual": [DEPTH]}
    chosen = list(pieces[strategy.name])
    values = strategy.model_dump() | recipe.training.model_dump() | {"learning_rate": learning_rate}
    packages, load = "", ""
    faster = False
    if isinstance(strategy, r.Lora):
        packages = " peft"
        values["target_modules"] = repr(None if strategy.target_modules == "auto" else strategy.target_modules)
        values["init_lora_weights"] = True if strategy.init_lora_weights == "default" else repr(strategy.init_lora_weights)
        if strategy.load_in_4bit:
            load, packages = FOUR_BITS, " peft bitsandbytes"
        if faster := strategy.loraplus_lr_ratio > 1:
            chosen.append(LORA_PLUS)
    if isinstance(strategy, r.Full | r.Gradual) and (faster := strategy.layer_decay < 1):
        chosen += [LAYER_DECAY] if DEPTH in chosen else [DEPTH, LAYER_DECAY]
    if faster:
        chosen.append(GROUPS)
    if isinstance(strategy, r.Gradual):
        spread = f"-(-LAYERS // {max(1, math.ceil(epochs))})"
        values["per_epoch"] = spread if strategy.layers_per_epoch == "auto" else strategy.layers_per_epoch
        chosen.append(THAW)
    return Pieces(
        code=Template("".join(chosen).rstrip("\n") + "\n" if chosen else "").substitute(values),
        load=load,
        optimizers="(optimizer(), None)" if faster else "",
        callbacks=("Thaw()",) if THAW in chosen else (),
        classes=(*(["BitsAndBytesConfig"] if load else []), *(["TrainerCallback"] if THAW in chosen else [])),
        imports="import re\n\n" if DEPTH in chosen else "",
        packages=packages,
    )
