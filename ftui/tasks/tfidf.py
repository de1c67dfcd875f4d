"""What a simple model makes of the same rows: TF-IDF and logistic regression. A fine-tuned model should beat it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ftui.tasks import resampling

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 20_000  # to learn from: more would take minutes and change little
FEATURES = 50_000


def score(train: pa.Table, test: pa.Table) -> dict:
    """What two simple ways make of `test` after seeing `train` (tables with columns text and label).

    {"name", "rows" (learned from), "metrics": {"f1_macro", "accuracy"}, "interval" (of each metric), "predicted" (one
    label for each row of `test`), "majority": the same without a name for always saying the most frequent "label"}.
    Features are character 1-2-grams where hanzi are common, else word 1-2-grams; regularisation C=10.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if train.num_rows > MOST_ROWS:
        chosen = np.random.default_rng(0).choice(train.num_rows, MOST_ROWS, replace=False)
        train = train.take(np.sort(chosen))
    texts, labels = train["text"].to_pylist(), train["label"].to_pylist()
    sample = "".join(texts[:500])
    hanzi = sum("\u4e00" <= c <= "\u9fff" for c in sample) > 0.2 * len(sample)
    words = {} if hanzi else {"token_pattern": r"(?u)\b\w+\b"}
    features = TfidfVectorizer(analyzer="char" if hanzi else "word", ngram_range=(1, 2), max_features=FEATURES, **words)
    model = make_pipeline(features, LogisticRegression(C=10, max_iter=300))
    model.fit(texts, labels)
    predicted = model.predict(test["text"].to_pylist()).tolist()
    true = test["label"].to_pylist()
    most = Counter(labels).most_common(1)[0][0]
    return {
        "name": "tfidf_logistic_regression",
        "rows": len(texts),
        "predicted": predicted,
        **_scored(true, predicted),
        "majority": {"label": most, **_scored(true, [most] * len(true))},
    }


def _scored(true: list[str], predicted: list[str]) -> dict:
    """{"metrics", "interval"}"""
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    f1 = float(f1_score(true, predicted, average="macro", zero_division=0))
    metrics = {"f1_macro": f1, "accuracy": float(accuracy_score(true, predicted))}
    return {"metrics": metrics, "interval": resampling.interval(confusion_matrix(true, predicted))}
