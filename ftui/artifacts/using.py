"""How an artefact is used without ftui: a few lines of Python that answer one question, for each form and task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftui import tasks
from ftui.artifacts import exporting
from ftui.core.home import Run

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
start, end = int(outputs[0][0].argmax()), int(outputs[1][0].argmax())
print(tokenizer.decode(batch["input_ids"][0][start : end + 1]))"""
FILLED = """\
place = batch["input_ids"][0].tolist().index(tokenizer.mask_token_id)
print(tokenizer.decode(outputs[0][0][place].argsort()[::-1][:1].tolist()))"""


def base_name(model: str) -> str:
    """The base model's name; of a folder of this machine the last part alone."""
    return Path(model).name if model.startswith(("/", ".", "~")) else model


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
    asked = _asked(card, task, text)
    talks = (exporting.folder_of(run, name) / "chat_template.jinja").exists()
    if name in WHOLE and task.PIPELINE in PIPELINES:
        return _pipeline(card, task, asked, folder, talks)
    if tasks.speaks(task):
        return _writes(card, task, asked, name, folder, talks)
    config = json.loads((run.model / "config.json").read_text(encoding="utf-8"))
    return _outputs(card, task, asked, name, folder, config.get("problem_type"))


def _asked(card: dict, task: Any, text: str) -> list[str]:
    """One text for each input of the model."""
    inputs = card.get("asked") or tasks.inputs(task, ())
    blank = " [MASK]" if task.PIPELINE == "fill-mask" else ""
    return [text + blank, *[f"{text} {number}" for number in range(2, len(inputs) + 1)]]


def _pipeline(card: dict, task: Any, asked: list[str], folder: str, talks: bool) -> str:
    options = {
        "text-classification": ", top_k=None", "token-classification": ', aggregation_strategy="simple"',
    }.get(task.PIPELINE, "")  # fmt: skip
    head = f'from transformers import pipeline\n\nask = pipeline("{task.PIPELINE}", model="{folder}"{options})\n'
    if task.PIPELINE == "text-generation":
        given = f'[{{"role": "user", "content": {asked[0]!r}}}]' if talks else repr(asked[0])
        return head + f'print(ask({given}, max_new_tokens=128, return_full_text=False)[0]["generated_text"])'
    if task.PIPELINE == "fill-mask":
        return head + f'print(ask({asked[0]!r}.replace("[MASK]", ask.tokenizer.mask_token)))'
    if task.PIPELINE == "token-classification":
        return head + f"print(ask({asked[0]!r}))"
    given = repr(asked[0]) if len(asked) == 1 else f'{{"text": {asked[0]!r}, "text_pair": {asked[1]!r}}}'
    asking = f"ask({given}, truncation=True, max_length={card['max_length']})"
    least = card.get("decision", {}).get("threshold")
    return head + (f"print({asking})" if least is None else f'print([said for said in {asking} if said["score"] >= {least:.4g}])')


def _writes(card: dict, task: Any, asked: list[str], name: str, folder: str, talks: bool) -> str:
    """A model that writes, where no pipeline loads it."""
    lines = ["import torch", f"from transformers import AutoConfig, AutoTokenizer, {task.MODEL}", "", *_torch(card, task, name, folder)]
    given = f'tokenizer({asked[0]!r}, return_tensors="pt", truncation=True, max_length={card["max_length"]})'
    if talks:
        said = [{"role": "user", "content": asked[0]}]
        given = f'tokenizer.apply_chat_template({said!r}, add_generation_prompt=True, return_tensors="pt", return_dict=True)'
    start = "" if task.MODEL == "AutoModelForSeq2SeqLM" else '[batch["input_ids"].shape[1] :]'
    lines += ["", f"batch = {given}", "written = model.generate(**batch, max_new_tokens=128)"]
    lines.append(f"print(tokenizer.decode(written[0]{start}, skip_special_tokens=True))")
    return _tidy(lines)


def _torch(card: dict, task: Any, name: str, folder: str) -> list[str]:
    """`tokenizer` and `model`, an object of transformers."""
    lines = [f'tokenizer = AutoTokenizer.from_pretrained("{folder}")']
    if name == "pth":
        lines += [
            f'model = {task.MODEL}.from_config(AutoConfig.from_pretrained("{folder}"))',
            f'model.load_state_dict(torch.load("{folder}/model.pth", weights_only=True))',
        ]
    elif name == "adapter":
        labels = f", num_labels={len(card['labels'])}" if card["labels"] else ""
        lines.insert(0, "from peft import PeftModel\n")
        lines += [f'base = {task.MODEL}.from_pretrained("{base_name(card["base"])}"{labels})', f'model = PeftModel.from_pretrained(base, "{folder}")']
    else:
        lines.append(f'model = {task.MODEL}.from_pretrained("{folder}")')
    return [*lines, "model.eval()"]


def _outputs(card: dict, task: Any, asked: list[str], name: str, folder: str, problem: str | None) -> str:
    """Anything that turns a batch into arrays, and what they mean."""
    onnx = packages(name) == PACKAGES["onnx"]
    tensors, array = ("np", "") if onnx else ("pt", ".numpy()")
    cut = '"only_second"' if task.PIPELINE == "question-answering" else "True"
    given = ", ".join(map(repr, asked))
    batch = f'batch = tokenizer({given}, return_tensors="{tensors}", truncation={cut}, max_length={card["max_length"]})'
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
            load = _torch(card, task, name, folder)
            call = "model(**batch).to_tuple()"
        run = ["with torch.inference_mode():", f"    outputs = [output{array} for output in {call}]"]
    classes = "AutoConfig, AutoTokenizer" + (f", {task.MODEL}" if any(task.MODEL in line for line in load) else "")
    lines = [*imports, f"from transformers import {classes}", "", *load]
    read = _read(task, problem, card)
    if "labels[" in read:
        known = repr(card["labels"]) if name == "adapter" else f'AutoConfig.from_pretrained("{folder}").id2label'
        lines.append(f"labels = {known}")
    return _tidy([*lines, "", batch, *run, read])


def _read(task: Any, problem: str | None, card: dict) -> str:
    """From `outputs` to an answer."""
    if task.PIPELINE == "token-classification":
        return TOKENS
    if task.PIPELINE == "question-answering":
        return SPAN
    if task.PIPELINE == "fill-mask":
        return FILLED
    if problem == "regression":
        return "print(float(outputs[0][0][0]))"
    least = card.get("decision", {}).get("threshold")
    said = "" if least is None else f" if share >= {least:.4g}"
    return CLASSES.format(shares=SHARES[problem or "single_label_classification"], said=said)


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
