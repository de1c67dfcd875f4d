"""What a model may be asked, from the inputs that its task names."""

import pytest
from pydantic import ValidationError

from ftui.serve import questions


@pytest.mark.parametrize(
    ("inputs", "body", "expected"),
    [
        (("text",), {"text": "a"}, (False, [{"text": "a"}])),
        (("source",), {"texts": ["a", "b"]}, (True, [{"source": "a"}, {"source": "b"}])),
        (("source",), {"inputs": [{"text": "a"}]}, (True, [{"source": "a"}])),
        (("question", "context"), {"context": "c", "question": "q"}, (False, [{"question": "q", "context": "c"}])),
        (("question", "context"), {"inputs": []}, (True, [])),
    ],
)
def test_a_question_or_a_list_of_them(inputs, body, expected):
    assert questions.read(questions.form(inputs).model_validate(body), inputs) == expected


@pytest.mark.parametrize(
    "body", [{"question": "q"}, {"text": "a"}, {"question": "q", "context": "c", "inputs": []}, {"inputs": [{"question": "q"}]}, {"texts": ["a"]}, {"question": "q", "context": "c", "threshold": 0.3}]
)
def test_what_lacks_a_part_or_has_one_too_many_is_refused(body):
    with pytest.raises(ValidationError):
        questions.form(("question", "context")).model_validate(body)
