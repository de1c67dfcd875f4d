"""Metrics as `evaluate.Metric` classes over scikit-learn. (`evaluate.load` by name would need the Hub.)"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate


class Classification(evaluate.Metric):
    """accuracy, f1 macro, micro and weighted, and Matthews correlation of single-label predictions.

    Labels that neither stand in the references nor were predicted do not count in the macro average, as in
    scikit-learn. Source: sklearn.metrics.
    """

    def __init__(self, **options: Any):
        super().__init__(keep_in_memory=True, **options)

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Pedregosa et al., Scikit-learn, JMLR 12, 2011",
            inputs_description="predictions, references: label numbers",
            features=datasets.Features({"predictions": number, "references": number}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

        def f1(average: str) -> float:
            return float(f1_score(references, predictions, average=average, zero_division=0))

        return {
            "f1_macro": f1("macro"),
            "accuracy": float(accuracy_score(references, predictions)),
            "f1_micro": f1("micro"),
            "f1_weighted": f1("weighted"),
            "mcc": float(matthews_corrcoef(references, predictions)),
        }


class Entities(evaluate.Metric):
    """Precision, recall and F1 of entities given as BIO tags. Source: seqeval (Nakayama, 2018), its default reading."""

    def __init__(self, **options: Any):
        super().__init__(keep_in_memory=True, **options)

    def _info(self) -> evaluate.MetricInfo:
        tags = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Nakayama, seqeval, 2018",
            inputs_description="predictions, references: lists of tags",
            features=datasets.Features({"predictions": tags, "references": tags}),
        )

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
        from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

        precision, recall, f1, _ = precision_recall_fscore_support(
            references, predictions, average="micro", zero_division=0
        )
        return {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
