"""Whatever the text, it has an answer: the same alone as among others."""

import json

import pytest

from ftui import tasks
from ftui.artifacts.predicting import Predictor
from ftui.core.home import starter_models

CASES = {
    "text-classification": (["a", "b"], ["text"]),
    "multi-label-classification": (["a", "b", "c"], ["text"]),
    "text-regression": (["0.0", "1.0"], ["text"]),
    "token-classification": (["O", "B-X", "I-X"], ["text"]),
}


@pytest.mark.parametrize("task", CASES)
def test_an_empty_text_has_an_answer_of_its_own(tmp_path, task):
    """Of a decoder too, whose tokenizer puts nothing around a text."""
    from transformers import AutoTokenizer

    source, (labels, asked) = str(starter_models() / "starter-lm"), CASES[task]
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = tasks.get(task).load_model(source, labels)
    model.config.pad_token_id = tokenizer.pad_token_id
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path)
    (tmp_path / "ftui.json").write_text(json.dumps({"version": 1, "task": task, "labels": labels, "asked": asked, "max_length": 32}), encoding="utf-8")
    predictor = Predictor(tmp_path)
    texts = ["", "a text of some words, rather longer than nothing"]
    alone = [predictor.predict([{"text": text}])[0] for text in texts]
    cells = [[predictor.task.cell(answer) for answer in answers] for answers in (alone, predictor.predict([{"text": text} for text in texts]))]
    for one, other in zip(*cells, strict=True):
        if task == "text-regression":
            assert float(one[0]) == pytest.approx(float(other[0]), abs=1e-4)
        else:
            assert one[0] == other[0] and one[1] == pytest.approx(other[1], abs=1e-4)
