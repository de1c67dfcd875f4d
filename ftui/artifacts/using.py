"""How an artefact is used without ftui: a few lines of Python that answer one question, for each form and task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftui import tasks
from ftui.artifacts import cleaning_code, exporting, predicting
from ftui.core import starters
from ftui.core.home import RUN, Run
from ftui.core.part import Part
from ftui.data import rewriting

WHOLE = ("model", "safetensors")  # forms that transformers' pipelines load
PIPELINES = ("text-classification", "token-classification", "fill-mask", "text-generation")  # what of them transformers 5 still has
PACKAGES = {"onnx": "transformers onnxruntime", "adapter": "transformers torch peft", "torch": "transformers torch"}

CLASSES = """\
scores = outputs[0][0]
shares = {shares}
print({{labels[i]: float(share) for i, share in enumerate(shares){said}}})"""
SHARES = {
    "single_label_classification": "np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()",
    "multi_label_classification": "1 / (1 + np.exp(-scores))",
}
TOKENS = """\
for token, scores in zip(tokenizer.convert_ids_to_tokens(batch["input_ids"][0]), outputs[0][0]):
    print(token, labels[int(scores.argmax())])"""
SPAN = """\
scores = outputs[0][0][:, None] + outputs[1][0][None]  # of each first and last token
inside = np.array([part == 1 for part in batch.sequence_ids(0)])
allowed = np.outer(inside, inside) & np.triu(np.tril(np.ones(scores.shape, bool), {longest}))
first, last = np.unravel_index(np.where(allowed, scores, -np.inf).argmax(), scores.shape)
answer = context[int(places[first][0]) : int(places[last][1])]
print({answer})"""
FILLED = """\
place = batch["input_ids"][0].tolist().index(tokenizer.mask_token_id)
print(tokenizer.decode(outputs[0][0][place].argsort()[::-1][:1].tolist()))"""


def base_name(model: str) -> str:
    """The base model's name; of a folder of this machine the last part alone."""
    return Path(model).name if model.startswith(("/", ".", "~")) else model


def brings_base(base: str) -> bool:
    """Whether an adapter is given out with its base model, in a folder `base`: one that ftui alone knows."""
    return base.startswith(RUN) or base in starters.names()


def packages(name: str) -> str:
    """What has to be installed for `code`, as pip is told."""
    return PACKAGES["onnx" if name.startswith("onnx") or name == "tensorrt" else "adapter" if name == "adapter" else "torch"]


def code(run: Run, name: str, text: str, folder: str = "model") -> str | None:
    """Python that loads this artefact from `folder` and prints what it says of `text`; None for an ensemble, which ftui alone
    knows how to ask."""
    card = json.loads((exporting.folder_of(run, name) / "ftui.json").read_text(encoding="utf-8"))
    if card.get("format") == "ensemble":
        return None
    task = tasks.get(card["task"])
    steps = cleaning_code.steps(card.get("clean", []))
    clean = cleaning_code.function(steps) if steps else None
    asked = _asked(card, task, text, steps, clean is not None)
    made = _form(run, card, task, asked, name, folder)
    if not steps:
        return made
    imports, rest = made.split("\n\n", 1)
    if clean is None:
        return f"{imports}\n\n{cleaning_code.note(steps)}\n{rest}"
    return "".join(f"import {module}\n" for module in clean[1]) + f"{imports}\n\n\n{clean[0]}\n\n\n{rest}"


def _form(run: Run, card: dict, task: Any, asked: list[str], name: str, folder: str) -> str:
    """The code for texts as the model reads them."""
    talks = predicting.talks(card) and (exporting.folder_of(run, name) / "chat_template.jinja").exists()
    if name in WHOLE and task.PIPELINE in PIPELINES:
        return _pipeline(card, task, asked, folder, talks)
    if tasks.speaks(task) and task.PIPELINE != "fill-mask":
        return _writes(card, task, asked, name, folder, talks)
    config = json.loads((run.model / "config.json").read_text(encoding="utf-8"))
    return _outputs(card, task, asked, name, folder, config)


def _asked(card: dict, task: Any, text: str, steps: list[Part], cleans: bool) -> list[str]:
    """One text for each input of the model, as Python writes it; cleaned already where the code does not do it (`cleans`)."""
    inputs = card.get("asked") or tasks.inputs(task, ())
    texts = [text, *[f"{text} {number}" for number in range(2, len(inputs) + 1)]]
    return [f"clean({one!r})" if cleans else repr(rewriting.rewrite(one, steps)) for one in texts]


def _pipeline(card: dict, task: Any, asked: list[str], folder: str, talks: bool) -> str:
    numbers = hasattr(task, "scale")
    options = {
        "text-classification": "" if numbers else ", top_k=None", "token-classification": ', aggregation_strategy="simple"',
    }.get(task.PIPELINE, "")  # fmt: skip
    head = f'from transformers import pipeline\n\nask = pipeline("{task.PIPELINE}", model="{folder}"{options})\n'
    if task.PIPELINE == "text-generation":
        given = _said(card, asked[0]) if talks else asked[0]
        return head + f'print(ask({given}, {_written(card)}, return_full_text=False)[0]["generated_text"])'
    if task.PIPELINE == "fill-mask":
        return head + f'print(ask({asked[0]} + " " + ask.tokenizer.mask_token))'
    if task.PIPELINE == "token-classification":
        return head + f"print(ask({asked[0]}))"
    given = asked[0] if len(asked) == 1 else f'{{"text": {asked[0]}, "text_pair": {asked[1]}}}'
    asking = f"ask([{given}], truncation=True, max_length={card['max_length']})[0]"
    if numbers:
        number = _rescaled(card, asking + '["score"]')
        return head + f"print({number})"
    least = card.get("decision", {}).get("threshold")
    return head + (f"print({asking})" if least is None else f'print([said for said in {asking} if said["score"] >= {least:.4g}])')


def _rescaled(card: dict, output: str) -> str:
    """A number as it is in the data: the model answers in standard deviations from the mean of its training."""
    mean, deviation = card["labels"]
    return f"{output} * {deviation} + {mean}"


def _writes(card: dict, task: Any, asked: list[str], name: str, folder: str, talks: bool) -> str:
    """A model that writes, where no pipeline loads it."""
    lines = ["import torch", f"from transformers import AutoConfig, AutoTokenizer, {task.MODEL}", "", *_torch(card, task, name, folder, {})]
    prefix = (card["language"].get("prefix") or "").strip() if "prefix" in task.SETTINGS else ""
    source = f"{prefix + ' '!r} + {asked[0]}" if prefix else asked[0]
    given = f'tokenizer({source}, return_tensors="pt", truncation=True, max_length={card["max_length"]})'
    if talks:
        given = f'tokenizer.apply_chat_template({_said(card, asked[0])}, add_generation_prompt=True, return_tensors="pt", return_dict=True)'
    start = "" if task.MODEL == "AutoModelForSeq2SeqLM" else '[batch["input_ids"].shape[1] :]'
    lines += ["", f"batch = {given}", f"written = model.generate(**batch, {_written(card)})"]
    lines.append(f"print(tokenizer.decode(written[0]{start}, skip_special_tokens=True))")
    return _tidy(lines)


def _said(card: dict, asked: str) -> str:
    """The conversation that the model is asked with: the system prompt that it learned with comes first."""
    system = (card["language"].get("system") or "").strip()
    first = f'{{"role": "system", "content": {card["language"]["system"]!r}}}, ' if system else ""
    return f'[{first}{{"role": "user", "content": {asked}}}]'


def _written(card: dict) -> str:
    """How much is written, and by how many beams."""
    beams = card["language"].get("num_beams", 1)
    return "max_new_tokens=128" + (f", num_beams={beams}" if beams > 1 else "")


def _torch(card: dict, task: Any, name: str, folder: str, config: dict) -> list[str]:
    """`tokenizer` and `model`, an object of transformers."""
    lines = [f'tokenizer = AutoTokenizer.from_pretrained("{folder}")']
    if name == "pth":
        lines += [
            f'model = {task.MODEL}.from_config(AutoConfig.from_pretrained("{folder}"))',
            f'model.load_state_dict(torch.load("{folder}/model.pth", weights_only=True))',
        ]
    elif name == "adapter":
        labels = f", num_labels={len(config['id2label'])}, ignore_mismatched_sizes=True" if "id2label" in config else ""
        lines.insert(0, "from peft import PeftModel\n")
        base = f"{folder}/base" if brings_base(card["base"]) else base_name(card["base"])
        lines += [f'base = {task.MODEL}.from_pretrained("{base}"{labels})', f'model = PeftModel.from_pretrained(base, "{folder}")']
    else:
        lines.append(f'model = {task.MODEL}.from_pretrained("{folder}")')
    return [*lines, "model.eval()"]


def _outputs(card: dict, task: Any, asked: list[str], name: str, folder: str, config: dict) -> str:
    """Anything that turns a batch into arrays, and what they mean. `config`: of the model."""
    onnx = packages(name) == PACKAGES["onnx"]
    tensors, array = ("np", "") if onnx else ("pt", ".numpy()")
    load = [f'tokenizer = AutoTokenizer.from_pretrained("{folder}")']
    imports = ["import numpy as np"]
    if onnx:
        imports.append("import onnxruntime")
        providers = ", providers=onnxruntime.get_available_providers()" if name == "tensorrt" else ""  # TensorRT first where it is
        load.append(f'session = onnxruntime.InferenceSession("{folder}/model.onnx"{providers})')
        run = ["outputs = session.run(None, {given.name: batch[given.name] for given in session.get_inputs()})"]
    else:
        imports.append("import torch")
        graph = f'torch.export.load("{folder}/model.pt2").module()' if name == "torch-export" else f'torch.jit.load("{folder}/model.pt")'
        if "inputs" in card:
            load.append(f"model = {graph}")
            call = f"model(*(batch[name] for name in {json.dumps(card['inputs'])}))"
        else:
            load = _torch(card, task, name, folder, config)
            call = "model(**batch).to_tuple()"
        run = ["with torch.inference_mode():", f"    outputs = [output{array} for output in {call}]"]
    classes = "AutoConfig, AutoTokenizer" + (f", {task.MODEL}" if any(task.MODEL in line for line in load) else "")
    lines = [*imports, f"from transformers import {classes}", "", *load]
    read = _read(task, config, card)
    if "labels[" in read:
        known = [label for _, label in sorted(config["id2label"].items(), key=lambda one: int(one[0]))]
        lines.append(f"labels = {known!r}" if name == "adapter" else f'labels = AutoConfig.from_pretrained("{folder}").id2label')
    return _tidy([*lines, "", *_batch(card, task, asked, tensors), *run, read])


def _batch(card: dict, task: Any, asked: list[str], tensors: str) -> list[str]:
    """`batch`: the one question as tensors."""
    options = f'return_tensors="{tensors}", max_length={card["max_length"]}'
    if task.PIPELINE == "question-answering":
        return [
            f"question, context = {', '.join(asked)}",
            "# a context that is too long for the model is cut here; ftui reads it in windows that overlap",
            f'batch = tokenizer(question, context, {options}, truncation="only_second", return_offsets_mapping=True)',
            'places = batch.pop("offset_mapping")[0]',
        ]
    given = f'{asked[0]} + " " + tokenizer.mask_token' if task.PIPELINE == "fill-mask" else ", ".join(asked)
    return [f"batch = tokenizer({given}, {options}, truncation=True)"]


def _read(task: Any, config: dict, card: dict) -> str:
    """From `outputs` to an answer."""
    if task.PIPELINE == "token-classification":
        return TOKENS
    if task.PIPELINE == "question-answering":
        sure = "outputs[0][0][0] + outputs[1][0][0] > scores[first, last]"  # the first token stands for: there is none
        return SPAN.format(longest=task.LONGEST - 1, answer=f'"" if {sure} else answer' if task.NONE in card["labels"] else "answer")
    if task.PIPELINE == "fill-mask":
        return FILLED
    if hasattr(task, "scale"):
        number = _rescaled(card, "float(outputs[0][0][0])")
        return f"print({number})"
    least = card.get("decision", {}).get("threshold")
    said = "" if least is None else f" if share >= {least:.4g}"
    return CLASSES.format(shares=SHARES[config.get("problem_type") or "single_label_classification"], said=said)


def _tidy(lines: list[str]) -> str:
    """Without names that are imported and not used; peft's import stands with the others."""
    text = "\n".join(lines)
    body = text.split("from transformers import ", 1)[1].split("\n", 1)
    used = [name for name in body[0].split(", ") if name in body[1]]
    head = text.split("from transformers import ", 1)[0]
    rest = body[1]
    if "from peft import PeftModel\n\n" in rest:
        rest = rest.replace("from peft import PeftModel\n\n", "")
        head += "from peft import PeftModel\n"
    if "np." not in rest:
        head = head.replace("import numpy as np\n", "")
    return f"{head}from transformers import {', '.join(used)}\n{rest}"
