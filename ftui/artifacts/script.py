"""A recipe as a plain Python script: the same fine-tuning with transformers alone, for reading, changing and keeping."""

from __future__ import annotations

from ftui.artifacts import script_strategies
from ftui.core import starters
from ftui.core.errors import UserError
from ftui.core.home import RUN
from ftui.core.recipe import ENOUGH_TO_CHOOSE, Data, Recipe, Training

READERS = {
    "csv": "pd.read_csv({path!r}, dtype=str, keep_default_na=False{csv})",
    "tsv": "pd.read_csv({path!r}, dtype=str, keep_default_na=False{csv})",
    "jsonl": "pd.read_json({path!r}, lines=True, dtype=False)",
    "json": "pd.read_json({path!r}, dtype=False)",
    "parquet": "pd.read_parquet({path!r})",
    "xlsx": "pd.read_excel({path!r}, dtype=str, keep_default_na=False)",
    "hub": "load_dataset({path!r}, split='train').to_pandas()",
}

TEMPLATE = '''"""Fine-tunes {model} on {path}: what ftui did, with transformers alone.

    pip install torch transformers datasets scikit-learn pandas accelerate{packages}
    python train.py
"""

{imports}import numpy as np
import pandas as pd
{more_imports}from datasets import Dataset{load_dataset}
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
{classes}    set_seed,
)

MODEL = {model_path!r}{model_note}
TEXT, LABEL = {text!r}, {label!r}


def usable(table):
    """The rows that have a text and a label."""
    table = table[[TEXT, LABEL]].convert_dtypes().map(lambda value: "" if pd.isna(value) else str(value))
    table[LABEL] = table[LABEL].str.strip()
    return table[(table[TEXT].str.strip() != "") & (table[LABEL] != "")]

{splitter}
{not_done}{splits}
labels = sorted(train[LABEL].unique())

set_seed({seed})
tokenizer = AutoTokenizer.from_pretrained(MODEL)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
config = AutoConfig.from_pretrained(
    MODEL,
    problem_type="single_label_classification",
    num_labels=len(labels),
    id2label=dict(enumerate(labels)),
    label2id={{label: number for number, label in enumerate(labels)}},
    pad_token_id=tokenizer.pad_token_id,
)
{dropout}model = AutoModelForSequenceClassification.from_pretrained(
    MODEL,
    config=config,
    dtype="float32",{load}
    ignore_mismatched_sizes=True,  # a head that was trained for other labels is replaced
)
{strategy}

def encode(part):
    length = min({max_length}, tokenizer.model_max_length)
    encoded = dict(tokenizer(list(part[TEXT]), truncation=True, max_length=length))
    return Dataset.from_dict(encoded | {{"labels": [labels.index(label) for label in part[LABEL]]}})


def metrics(prediction):
    true, guess = prediction.label_ids, np.argmax(prediction.predictions, axis=-1)
    return {{
        "accuracy": accuracy_score(true, guess),
        "f1_macro": f1_score(true, guess, average="macro", zero_division=0),
        "f1_micro": f1_score(true, guess, average="micro", zero_division=0),
        "f1_weighted": f1_score(true, guess, average="weighted", zero_division=0),
        "mcc": matthews_corrcoef(true, guess),
    }}


{loss}trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="checkpoints",
        train_sampling_strategy="group_by_length",
{arguments}
    ),
    train_dataset=encode(train),
    processing_class=tokenizer,
    data_collator=DataCollatorWithPadding(tokenizer),
    compute_metrics=metrics,{trainer}
)
trainer.train()
{tested}trainer.save_model("model")
'''

SPLITTER = '''
def split_off(rows, share):
    """(the others, a share of each label's rows): at least one of two, and never the last."""
    size = rows.groupby(LABEL)[LABEL].transform("size")
    place = rows.sample(frac=1, random_state={seed}).groupby(LABEL).cumcount()
    taken = place.reindex(rows.index) < (share * size).round().clip(size.gt(1), size - 1)
    return rows[~taken], rows[taken]

'''

DROPOUT = """for name in ("classifier_dropout", "seq_classif_dropout"):  # of the head, whatever the model's family calls it
    if hasattr(config, name):
        setattr(config, name, {share})
"""

# The Trainer takes a model with **kwargs for one that does this itself; of the accumulated batches the sum would then be learned from.
LOSS = """def loss(outputs, labels, num_items_in_batch=None):  # the mean over all rows of an update
    total = torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="sum", label_smoothing={smoothing})
    return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)


"""

# Settings that TrainingArguments has under the same name.
SAME = (
    "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size", "lr_scheduler_type",
    "warmup_steps", "gradient_accumulation_steps", "max_grad_norm", "adam_beta1", "adam_beta2", "adam_epsilon",
    "weight_decay", "label_smoothing_factor", "fp16", "save_total_limit", "seed",
)  # fmt: skip


def _prose(name: str) -> str:
    """A name as it may stand in the docstring: whoever named the file does not get to write code."""
    return " ".join(name.replace("\\", "/").replace('"', "'").split())


def _not_done(recipe: Recipe) -> str:
    """What of the run the script leaves out or does in another way, as comments."""
    data, training = recipe.data, recipe.training
    left_out = {
        "clean the rows": [step.name for step in data.clean],
        "make new training rows": [step.name for step in data.augment],
        "balance the classes": _changed(balance=data.balance, class_weights=training.class_weights),
        "follow the sections": [name for name in ("prune", "distil", "ensemble", "search") if getattr(recipe, name)],
    }
    lines = [f"# not done here, but by ftui: {what}: {', '.join(names)}" for what, names in left_out.items() if names]
    ways = [field for field in ("group_column", "date_column", "folds") if getattr(data, field)]
    ways += [f"keep_together: {data.keep_together}"] if data.keep_together != "none" else []
    if ways and any(_shares(data).values()):
        lines.append(f"# split at random here, but by ftui with {', '.join(ways)}")
    if data.test_path or data.validation_path:
        lines.append("# training rows that also stand in an own file stay; ftui leaves them out")
    if training.bf16 == "auto" and not training.fp16:
        lines.append("# computed in float32 here, but by ftui in bfloat16 where the hardware can (bf16: auto)")
    return "".join(line + "\n" for line in lines)


def _changed(**settings: str) -> list[str]:
    return [f"{name}: {value}" for name, value in settings.items() if value != "none"]


def _shares(data: Data) -> dict[str, float]:
    """What is split off: for the test of all rows, for the validation of the others."""
    test = 0.0 if data.test_path else 1 / data.folds if data.folds else data.test_size
    return {"test": test, "validation": 0.0 if data.validation_path else data.validation_size}


def _reader(card: dict) -> str:
    """The expression that reads a file of the user's."""
    csv = ""
    if card.get("encoding") and card["encoding"].lower() not in ("utf-8", "ascii"):
        csv += f", encoding={card['encoding']!r}"
    if card.get("delimiter") and card["delimiter"] != ",":
        csv += f", sep={card['delimiter']!r}"
    return READERS.get(card["format"].removesuffix(".gz"), READERS["csv"]).format(path=card["name"], csv=csv)


def _splits(data: Data, card: dict, own: dict[str, dict]) -> str:
    """Lines that make `train`, and `validation` and `test` where they are wanted."""
    lines = [f"train = usable({_reader(card)})"]
    for split, share in _shares(data).items():
        if share:
            lines.append(f"train, {split} = split_off(train, {share:.6g})")
    for split in own:
        lines.append(f"{split} = usable({_reader(own[split])})")
        lines.append(f"{split} = {split}[{split}[LABEL].isin(train[LABEL])]")
    return "\n".join(lines)


def _validating(training: Training) -> tuple[dict[str, str], list[str]]:
    """(arguments, callbacks) of a training that is validated: which checkpoint stays."""
    asked = training.metric_for_best_model or training.early_stopping_patience
    best = (training.metric_for_best_model or "loss").removeprefix("validation_")
    arguments = {"eval_strategy": repr(training.eval_strategy), "save_strategy": repr(training.eval_strategy)}
    if training.eval_strategy == "steps":
        arguments |= {"eval_steps": repr(training.eval_steps), "save_steps": repr(training.eval_steps)}
    arguments |= {
        "load_best_model_at_end": "True" if asked else f"len(validation) >= {ENOUGH_TO_CHOOSE}",  # of fewer the loss says little
        "metric_for_best_model": repr(f"eval_{best}"),
    }
    patience = training.early_stopping_patience
    return arguments, [f"EarlyStoppingCallback({patience})"] if patience else []


def _model_note(recipe: Recipe, path: str | None) -> tuple[str, str]:
    """(what MODEL is, a comment on where it comes from)"""
    if path is None and recipe.model.startswith(RUN):
        return recipe.model.removeprefix(RUN), "  # a folder: the model of this run, which ftui's Export tab gives out"
    if path is None and recipe.model in starters.names():
        return recipe.model, "  # a folder: the starter model is not on the Hub but in ftui's source, under assets/starter"
    return path or recipe.model, ""


def write(
    recipe: Recipe, card: dict, learning_rate: float, epochs: float, model_path: str | None = None, own: dict[str, dict] | None = None
) -> str:
    """The script's text. `card` is the data set's, `own` those of the recipe's own validation and test files by split; learning
    rate and epochs are given since a recipe may say `auto`; `model_path` where the model's files lie, if not at `recipe.model`."""
    if recipe.task != "text-classification" or "text_pair" in recipe.data.columns:
        raise UserError("script_task", task=" + ".join([recipe.task, *(role for role in recipe.data.columns if role == "text_pair")]))
    data, settings, own = recipe.data, recipe.training, own or {}
    shares = _shares(data)
    tested, validated = (shares[split] > 0 or split in own for split in ("test", "validation"))
    strategy = script_strategies.write(recipe, learning_rate, epochs)
    accumulated = settings.gradient_accumulation_steps > 1
    choosing, stopping = _validating(settings) if validated else ({"save_strategy": "'epoch'"}, [])
    callbacks = [*strategy.callbacks, *stopping]
    trainer = {
        "eval_dataset": "encode(validation)" if validated else "",
        "compute_loss_func": "loss" if accumulated else "",
        "optimizers": strategy.optimizers,
        "callbacks": f"[{', '.join(callbacks)}]" if callbacks else "",
    }
    model, note = _model_note(recipe, model_path)
    return TEMPLATE.format(
        model=_prose(recipe.model),
        model_path=model,
        model_note=note,
        path=_prose(card["name"]),
        load_dataset=", load_dataset" if "hub" in (one["format"] for one in (card, *own.values())) else "",
        text=data.columns.get("text", "text"),
        label=data.columns.get("label", "label"),
        splitter=SPLITTER.format(seed=data.seed) if any(shares.values()) else "",
        not_done=_not_done(recipe),
        splits=_splits(data, card, own),
        seed=settings.seed,
        dropout="" if settings.classifier_dropout is None else DROPOUT.format(share=settings.classifier_dropout),
        max_length=settings.longest,
        loss=LOSS.format(smoothing=settings.label_smoothing_factor) if accumulated else "",
        imports=strategy.imports,
        more_imports="import torch\n" if accumulated or strategy.optimizers else "",
        packages=strategy.packages + (" openpyxl" if any(one["format"].startswith("xlsx") for one in (card, *own.values())) else ""),
        classes="".join(f"    {name},\n" for name in (*(["EarlyStoppingCallback"] if stopping else []), *strategy.classes)),
        load=strategy.load,
        strategy=strategy.code,
        arguments="\n".join(f"        {name}={value}," for name, value in (choosing | _arguments(recipe, learning_rate, epochs)).items()),
        trainer="".join(f"\n    {name}={value}," for name, value in trainer.items() if value),
        tested='print(trainer.evaluate(encode(test), metric_key_prefix="test"))\n' if tested else "",
    )


def _arguments(recipe: Recipe, learning_rate: float, epochs: float) -> dict[str, str]:
    """TrainingArguments, as Python writes them."""
    settings = recipe.training
    found = {"learning_rate": learning_rate, "num_train_epochs": epochs} | {name: getattr(settings, name) for name in SAME}
    found["activation_checkpointing"] = settings.gradient_checkpointing
    if settings.logging_steps:
        found["logging_steps"] = settings.logging_steps
    if settings.bf16 != "auto":
        found["bf16"] = settings.bf16
    if recipe.device == "cpu":
        found["use_cpu"] = True
    return {name: repr(value) for name, value in found.items()}
