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


def classifier(source: str, labels: list[str], problem_type: str, config: Any = None, **options: Any) -> Any:
    """The model at `source` with a head for these labels over the whole text; a head that was trained for others is replaced.
    `problem_type` is transformers' name for what its outputs mean."""
    from transformers import AutoModelForSequenceClassification

    config = labelled(source, labels, config)
    config.problem_type = problem_type
    return AutoModelForSequenceClassification.from_pretrained(
        source, config=config, ignore_mismatched_sizes=True, **options
    )
