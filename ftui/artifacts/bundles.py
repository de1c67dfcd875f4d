"""An artefact with all that it needs elsewhere: as a zip with its model card, as a Space that shows it, as a container that serves it.

Space and container bring the part of ftui's source along that answers, so that they answer as the playground does.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import yaml

from ftui.artifacts import exporting, model_card, using
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Run, write_json
from ftui.training import models

KINDS = ("zip", "space", "docker")
SOURCE = Path(__file__).parents[2]
ROOMS = ("core", "data", "tasks", "training", "artifacts", "serve", "evaluation")  # of ftui: what answers
NEEDS = (
    "torch", "transformers", "datasets", "peft", "scikit-learn", "pyarrow", "pydantic", "fastapi", "fastapi-offline", "uvicorn", "httptools",
    "prometheus_client", "PyYAML", "psutil", "charset-normalizer", "sentencepiece", "ftfy", "OpenCC", "regex", "onnxruntime",
)  # fmt: skip

APP = '''"""The trained model as a page: python app.py"""

from pathlib import Path

import gradio as gr

from ftui.artifacts.predicting import Predictor
from ftui.serve import questions

predictor = Predictor(Path(__file__).parent / "model")
names = questions.fields(predictor.inputs)
scored = "scores" in predictor.predict([dict.fromkeys(predictor.inputs, "")])[0]


def ask(*texts: str) -> dict:
    """What the model says: of a classifier the labels with their probabilities."""
    answer = predictor.predict([dict(zip(predictor.inputs, texts, strict=True))])[0]
    return answer["scores"] if scored else answer


demo = gr.Interface(
    ask,
    [gr.Textbox(label=name, lines=3, max_length=questions.LONGEST_TEXT) for name in names],
    gr.Label(num_top_classes=10) if scored else gr.JSON(),
    title={title!r},
    flagging_mode="never",
    api_name="predict",
)

if __name__ == "__main__":
    demo.launch()
'''

DOCKERFILE = """# {variant}: docker build -f {file} -t model . && docker run -p 8000:8000{gpu} -e FTUI_API_KEY=... model
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir torch=={torch} --index-url https://download.pytorch.org/whl/{index} \\
 && pip install --no-cache-dir -r requirements.txt{more}
COPY ftui ftui
COPY model model
RUN useradd --create-home server
USER server
ENV HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"
CMD ["python", "-m", "ftui.serve", "model", "--host", "0.0.0.0", "--port", "8000", "--device", "{device}"]
"""


def fill(run: Run, name: str, kind: str, folder: Path) -> None:
    """Write the bundle's files into `folder`. Raises UserError for an artefact that there is not, or that cannot stand alone."""
    source = exporting.folder_of(run, name)
    if kind not in KINDS:
        raise UserError("bundle_unknown", kind=kind, known=", ".join(KINDS))
    card = model_card.write(run, name)
    if kind == "zip":
        shutil.copytree(source, folder, dirs_exist_ok=True)
        if name == "adapter":
            _add_base(run, folder)
        _without_paths(folder)
        (folder / "README.md").write_text(card, encoding="utf-8")
        return
    if name == "adapter":
        raise UserError("bundle_adapter", kind=kind)
    shutil.copytree(source, folder / "model")
    _without_paths(folder / "model")
    _copy_source(folder)
    pins = _pins()
    if kind == "space":
        title = model_card.title(run)
        (folder / "app.py").write_text(APP.replace("{title!r}", repr(title)), encoding="utf-8")
        (folder / "requirements.txt").write_text("".join(f"{name}=={pins[name]}\n" for name in NEEDS), encoding="utf-8")
        head = {"title": title, "emoji": "🎛️", "sdk": "gradio", "sdk_version": pins["gradio"], "python_version": "3.11", "app_file": "app.py"}
        card = f"---\n{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---\n" + card.split("\n---\n", 1)[1]
    else:
        (folder / "requirements.txt").write_text("".join(f"{name}=={pins[name]}\n" for name in NEEDS if name != "torch"), encoding="utf-8")
        cpu = {"variant": "CPU", "file": "Dockerfile", "gpu": "", "index": "cpu", "more": "", "device": "cpu"}
        more = f" \\\n && pip uninstall -y onnxruntime && pip install --no-cache-dir onnxruntime-gpu=={pins['onnxruntime']}"
        cuda = {"variant": "CUDA", "file": "Dockerfile.cuda", "gpu": " --gpus all", "index": "cu126", "more": more, "device": "auto"}
        for blanks in (cpu, cuda):
            (folder / blanks["file"]).write_text(DOCKERFILE.format(**blanks, torch=pins["torch"]), encoding="utf-8")
        (folder / "compose.yaml").write_text(yaml.safe_dump(_compose(), sort_keys=False), encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")


def _add_base(run: Run, folder: Path) -> None:
    """Beside an adapter the model that it is for, where that is neither on the Hub nor a folder of the user's."""
    base = recipes.load(run.recipe).model
    if not using.brings_base(base):
        return
    (folder / "base").mkdir()
    for path in Path(models.source(run.home.base(base))).iterdir():
        if path.is_file():
            shutil.copy2(path, folder / "base")


def _without_paths(folder: Path) -> None:
    """Where the base model is a folder of this machine, its name alone is given away; peft's own card of an adapter, which has
    it too, says nothing that ours does not."""
    for path in folder.rglob("adapter/README.md"):
        path.unlink()
    for file, field in (("ftui.json", "base"), ("adapter_config.json", "base_model_name_or_path")):
        for path in folder.rglob(file):
            card = json.loads(path.read_text(encoding="utf-8"))
            if card.get(field):
                write_json(path, {**card, field: using.base_name(card[field])})


def _compose() -> dict:
    """`docker compose up model`, or `--profile cuda up model-cuda`; the key comes from the environment."""
    card = {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    cuda = {"profiles": ["cuda"], "deploy": {"resources": {"reservations": {"devices": [card]}}}}
    return {"services": {"model": _service("Dockerfile"), "model-cuda": _service("Dockerfile.cuda") | cuda}}


def _service(file: str) -> dict:
    return {
        "build": {"context": ".", "dockerfile": file},
        "ports": ["8000:8000"],
        "environment": ["FTUI_API_KEY"],
        "restart": "unless-stopped",
    }


def _copy_source(folder: Path) -> None:
    """The rooms of ftui that answer, and its licence."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for room in ROOMS:
        shutil.copytree(SOURCE / "ftui" / room, folder / "ftui" / room, ignore=ignored)
    shutil.copy2(SOURCE / "ftui" / "__init__.py", folder / "ftui")
    shutil.copy2(SOURCE / "LICENSE", folder / "ftui")


def _pins() -> dict[str, str]:
    """{package: version} of requirements.txt."""
    lines = (SOURCE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def packed(folder: Path, target: Path) -> Path:
    """All files of a folder as a zip; weights hardly get smaller, so it is quick rather than tight."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return target
