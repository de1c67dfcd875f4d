"""Giving a finished model out: one function for each format, and a table of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ftui.core.errors import UserError
from ftui.core.events import RUNNING
from ftui.core.home import Run, publish

if TYPE_CHECKING:
    from ftui.core.context import Context


def safetensors(run: Run, folder: Path) -> None:
    """Weights (adapters merged in), config and tokenizer: what `from_pretrained(folder)` reads."""
    for path in run.model.iterdir():
        if path.is_file():
            shutil.copy2(path, folder / path.name)


def adapter(run: Run, folder: Path) -> None:
    """The LoRA adapter alone; `peft.PeftModel.from_pretrained(base, folder)` puts it on its base model."""
    if not (run.model / "adapter").is_dir():
        raise UserError("no_adapter", run=run.id)
    shutil.copytree(run.model / "adapter", folder, dirs_exist_ok=True)


FORMATS: dict[str, Callable[[Run, Path], None]] = {"safetensors": safetensors, "adapter": adapter}


def check(run: Run, name: str) -> None:
    """Raise UserError for a format that there is not, or not for this run."""
    if name not in FORMATS:
        raise UserError("format_unknown", format=name, known=", ".join(FORMATS))
    if name == "adapter" and not (run.model / "adapter").is_dir():
        raise UserError("no_adapter", run=run.id)


def export(context: Context) -> None:
    """The job: make one artefact under exports/<format>/."""
    name = context.options["format"]
    run = context.job.run
    context.events.state(RUNNING)
    check(run, name)
    with publish(run.exports / name) as folder:
        FORMATS[name](run, folder)
    size = sum(p.stat().st_size for p in (run.exports / name).rglob("*") if p.is_file())
    context.events.log("exported", format=name, mb=round(size / 1e6, 1))
