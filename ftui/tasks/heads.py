"""What the heads of several tasks have in common."""

from __future__ import annotations

from typing import Any


def labelled(source: str, labels: list[str], config: Any = None) -> Any:
    """The configuration of a model (the one at `source` where none is given) with a head for these labels."""
    from transformers import AutoConfig

    config = config or AutoConfig.from_pretrained(source, trust_remote_code=False)
    config.num_labels = len(labels)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    return config
