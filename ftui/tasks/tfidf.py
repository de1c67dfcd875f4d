"""What a simple model makes of the same rows: TF-IDF and logistic or ridge regression. A fine-tuned model should beat it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ftui.tasks import resampling, texts

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 20_000  # to learn from: more would take minutes and change little
FEATURES = 50_000
WEIGHTS = 3_000_000  # features times labels: a fit takes 320 bytes for each


def score(train: pa.Table, test: pa.Table) -> dict:
    """What two simple ways make of `test` after seeing `train` (tables with columns text and label).

    {"name", "rows" (learned from), "metrics": {"f1_macro", "accuracy"}, "interval" (of each metric), "predicted" (one
    label for each row of `test`), "majority": the same without a name for always saying the most frequent "label"}.
    Features are character 1-2-grams where hanzi are common, else word 1-2-grams; regularisation C=10.
    """
    from sklearn.linear_model import LogisticRegression

    train = train.take(_chosen(train))
    labels = train["label"].to_pylist()
    learned, asked = _features(train, test, max(1000, WEIGHTS // len(set(labels))))
    predicted = LogisticRegression(C=10, max_iter=300).fit(learned, labels).predict(asked).tolist()
    true = test["label"].to_pylist()
    most = Counter(labels).most_common(1)[0][0]
    return {
        "name": "tfidf_logistic_regression",
        "rows": len(labels),
        "predicted": predicted,
        **_scored(true, predicted),
        "majority": {"label": most, **_scored(true, [most] * len(true))},
    }


def one_vs_rest(train: pa.Table, tests: list[pa.Table], marked: np.ndarray) -> list[np.ndarray]:
    """(M, L) probabilities of labels for the rows of each of `tests`: a logistic regression for each of them, from the rows of
    `train` and (N, L) booleans. A label that all rows have, or none, has its share."""
    import pyarrow as pa
    from sklearn.linear_model import LogisticRegression

    rows = _chosen(train)
    train, marked = train.take(rows), marked[rows]
    columns = [name for name in texts.ROLES if name in train.column_names]
    learned, asked = _features(train, pa.concat_tables([test.select(columns) for test in tests]))
    scores = np.tile(marked.mean(0), (asked.shape[0], 1))
    for label in np.flatnonzero(marked.any(0) & ~marked.all(0)):
        model = LogisticRegression(C=10, max_iter=300).fit(learned, marked[:, label])
        scores[:, label] = model.predict_proba(asked)[:, 1]
    return np.split(scores, np.cumsum([test.num_rows for test in tests])[:-1])


def ridge(train: pa.Table, test: pa.Table) -> np.ndarray:
    """(M,) numbers for the rows of `test`: a ridge regression from the rows of `train` (alpha 1)."""
    from sklearn.linear_model import Ridge

    train = train.take(_chosen(train))
    learned, asked = _features(train, test)
    return Ridge().fit(learned, train["number"].to_numpy()).predict(asked)


def _chosen(train: pa.Table) -> np.ndarray:
    """Places of the rows to learn from, in order."""
    rows = np.arange(train.num_rows)
    return rows if len(rows) <= MOST_ROWS else np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))


def _features(train: pa.Table, test: pa.Table, most: int = FEATURES) -> tuple:
    """(features of the rows of `train`, those of `test`): character 1-2-grams where hanzi are common, else word 1-2-grams;
    the most frequent of them, FEATURES at most."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    learned = texts.together(train)
    sample = "".join(learned[:500])
    hanzi = sum("\u4e00" <= c <= "\u9fff" for c in sample) > 0.2 * len(sample)
    words = {} if hanzi else {"token_pattern": r"(?u)\b\w+\b"}
    features = TfidfVectorizer(analyzer="char" if hanzi else "word", ngram_range=(1, 2), max_features=min(most, FEATURES), **words)
    return features.fit_transform(learned), features.transform(texts.together(test))


def _scored(true: list[str], predicted: list[str]) -> dict:
    """{"metrics", "interval"}"""
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    f1 = float(f1_score(true, predicted, average="macro", zero_division=0))
    metrics = {"f1_macro": f1, "accuracy": float(accuracy_score(true, predicted))}
    return {"metrics": metrics, "interval": resampling.interval(confusion_matrix(true, predicted))}
