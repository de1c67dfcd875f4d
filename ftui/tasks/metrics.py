"""Metrics as `evaluate.Metric` classes over kept libraries. (`evaluate.load` by name would need the Hub.)"""

from __future__ import annotations

import functools
import re
from typing import Any

import datasets
import evaluate

from ftui.tasks.texts import HANZI, PIECES


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


class _Pieces:
    """A tokenizer for rouge-score: words in small letters, hanzi singly."""

    def tokenize(self, text: str) -> list[str]:
        return PIECES.findall(text.lower())


@functools.cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Pieces())


def rouge(reference: str, said: str) -> dict[str, float]:
    """F1 of rouge1, rouge2 and rougeL (Lin, 2004; rouge-score) of one text."""
    return {name: float(score.fmeasure) for name, score in _scorer().score(reference, said).items()}


class Written(evaluate.Metric):
    """rouge1, rouge2 and rougeL (means over the texts), BLEU and chrF (of the corpus), each between 0 and 1.

    Where most letters are hanzi BLEU splits Chinese by character. Sources: rouge-score; sacrebleu (Post, 2018).
    """

    def __init__(self, **options: Any):
        super().__init__(keep_in_memory=True, **options)

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Lin, ROUGE, 2004; Post, A Call for Clarity in Reporting BLEU Scores, 2018",
            inputs_description="predictions, references: texts",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        import sacrebleu

        each = [rouge(reference, said) for reference, said in zip(references, predictions, strict=True)]
        together = "".join(references)
        hanzi = len(re.findall(f"[{HANZI}]", together)) > 0.5 * sum(c.isalnum() for c in together)
        bleu = sacrebleu.corpus_bleu(predictions, [references], tokenize="zh" if hanzi else "13a", force=True)
        chrf = sacrebleu.corpus_chrf(predictions, [references])
        means = {name: sum(one[name] for one in each) / len(each) for name in ("rouge1", "rouge2", "rougeL")}
        return {**means, "bleu": bleu.score / 100, "chrf": chrf.score / 100}
