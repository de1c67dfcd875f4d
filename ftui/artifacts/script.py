"""A recipe as a plain Python script: the same fine-tuning with transformers alone, for reading, changing and keeping."""

from __future__ import annotations

from ftui.artifacts import script_strategies
from ftui.core.errors import UserError
from ftui.core.recipe import Recipe

READERS = {
    "csv": "pd.read_csv({path!r}, dtype=str{csv})",
    "tsv": "pd.read_csv({path!r}, dtype=str{csv})",
    "jsonl": "pd.read_json({path!r}, lines=True, dtype=str)",
    "json": "pd.read_json({path!r}, dtype=str)",
    "parquet": "pd.read_parquet({path!r}).astype(str)",
    "xlsx": "pd.read_excel({path!r}, dtype=str)",
    "hub": "load_dataset({path!r}, split='train').to_pandas().astype(str)",
}

TEMPLATE = '''"""Fine-tunes {model} on {path}: what ftui did, with transformers alone.

    pip install torch transformers datasets scikit-learn pandas{packages}
    python train.py
"""

{imports}import numpy as np
import pandas as pd
{more_imports}from datasets import Dataset{load_dataset}
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
{classes}    set_seed,
)

MODEL = {model_path!r}
TEXT, LABEL = {text!r}, {label!r}

{cleaning}# rows: {test_percent} % to test, stratified; of the others {validation_percent} % to validate
rows = {reader}[[TEXT, LABEL]].dropna()
labels = sorted(rows[LABEL].unique())
train, test = train_test_split(rows, test_size={test_size}, stratify=rows[LABEL], random_state={data_seed})
train, validation = train_test_split(train, test_size={validation_size}, stratify=train[LABEL], random_state={data_seed})

set_seed({seed})
tokenizer = AutoTokenizer.from_pretrained(MODEL)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForSequenceClassification.from_pretrained(
    MODEL,
    dtype="float32",{load}
    num_labels=len(labels),
    id2label=dict(enumerate(labels)),
    label2id={{label: number for number, label in enumerate(labels)}},
)
model.config.pad_token_id = tokenizer.pad_token_id
{strategy}

def encode(part):
    encoded = dict(tokenizer(list(part[TEXT]), truncation=True, max_length={max_length}))
    return Dataset.from_dict(encoded | {{"labels": [labels.index(label) for label in part[LABEL]]}})


def metrics(prediction):
    guess = np.argmax(prediction.predictions, axis=-1)
    return {{
        "accuracy": accuracy_score(prediction.label_ids, guess),
        "f1_macro": f1_score(prediction.label_ids, guess, average="macro"),
    }}


trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="checkpoints",
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="eval_{best}",
{arguments}
    ),
    train_dataset=encode(train),
    eval_dataset=encode(validation),
    processing_class=tokenizer,
    data_collator=DataCollatorWithPadding(tokenizer),
    compute_metrics=metrics,{trainer}
)
trainer.train()
print(trainer.evaluate(encode(test), metric_key_prefix="test"))
trainer.save_model("model")
'''

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
    """What of the run's preparation of rows the script leaves out, as comments."""
    data = recipe.data
    steps = ", ".join(step.name for step in data.clean)
    told = f"# ftui cleaned the rows first, which this script does not do: {steps}\n" if steps else ""
    if data.augment:
        told += f"# ftui made new training rows, which this script does not do: {', '.join(step.name for step in data.augment)}\n"
    if data.balance != "none" or recipe.training.class_weights != "none":
        told += "# ftui balanced the classes (data.balance, training.class_weights), which this script does not do\n"
    sections = [name for name in ("prune", "distil") if getattr(recipe, name)]
    told += f"# of the recipe's section {' and '.join(sections)} nothing is done here\n" if sections else ""
    ways = [field for field in ("group_column", "date_column", "folds") if getattr(data, field)]
    return told + (f"# ftui split by {', '.join(ways)}; this script splits at random\n" if ways else "")


def write(recipe: Recipe, card: dict, learning_rate: float, epochs: float, model_path: str | None = None) -> str:
    """The script's text. `card` is the data set's; learning rate and epochs are given since a recipe may say `auto`; `model_path` where the model's files lie, if not at `recipe.model`."""
    if recipe.task != "text-classification" or "text_pair" in recipe.data.columns:
        raise UserError("script_task", task=" + ".join([recipe.task, *(role for role in recipe.data.columns if role == "text_pair")]))
    settings = recipe.training
    csv = ""
    if card["encoding"] and card["encoding"].lower() not in ("utf-8", "ascii"):
        csv += f", encoding={card['encoding']!r}"
    if card["delimiter"] and card["delimiter"] != ",":
        csv += f", sep={card['delimiter']!r}"
    reader = READERS.get(card["format"].removesuffix(".gz"), READERS["csv"])
    arguments = {"learning_rate": learning_rate, "num_train_epochs": epochs} | {name: getattr(settings, name) for name in SAME}
    arguments["activation_checkpointing"] = settings.gradient_checkpointing
    if settings.bf16 != "auto":
        arguments["bf16"] = settings.bf16
    if recipe.device == "cpu":
        arguments["use_cpu"] = True
    return TEMPLATE.format(
        model=_prose(recipe.model),
        model_path=model_path or recipe.model,
        path=_prose(card["name"]),
        load_dataset=", load_dataset" if card["format"] == "hub" else "",
        text=recipe.data.columns.get("text", "text"),
        label=recipe.data.columns.get("label", "label"),
        reader=reader.format(path=card["name"], csv=csv),
        cleaning=_not_done(recipe),
        test_size=recipe.data.test_size,
        test_percent=round(100 * recipe.data.test_size),
        validation_size=recipe.data.validation_size,
        validation_percent=round(100 * recipe.data.validation_size),
        data_seed=recipe.data.seed,
        seed=settings.seed,
        max_length=512 if settings.max_length == "auto" else settings.max_length,
        **script_strategies.write(recipe, learning_rate, epochs),
        best=(settings.metric_for_best_model or "loss").removeprefix("validation_"),
        arguments="\n".join(f"        {name}={value!r}," for name, value in arguments.items()),
    )
