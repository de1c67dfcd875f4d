"""A student learns from its teacher: the loss is the formula, the answers are asked once, every setting changes something."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from ftui.artifacts import before_after
from ftui.core import recipe as r
from ftui.core.errors import UserError
from ftui.jobs import smaller
from ftui.training import distilling
from tests.conftest import reviews, write_csv


@pytest.fixture(scope="module")
def teacher(trained):
    return trained["run"]


@pytest.fixture
def student_here(train_here, teacher, tmp_path):
    """Trains a student of the shared run, which is seen in the test's own home."""

    def start(model: str | None = None, stop_at=None, run=None, prune=None, training=None, **distil):
        runs = tmp_path / "home" / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        if not (runs / teacher.id).exists():
            (runs / teacher.id).symlink_to(teacher.path)
        sections = (
            {"distil": {"teacher": teacher.id, **distil}}
            | ({"prune": prune} if prune else {})
            | ({"model": model} if model else {})
        )
        return train_here(
            sections=sections,
            stop_at=stop_at,
            run=run,
            **{"max_steps": 8, "lr_scheduler_type": "constant", **(training or {})},
        )

    return start


def test_the_distance_is_the_formula():
    torch.manual_seed(0)
    student, teacher, temperature = torch.randn(5, 3), torch.randn(5, 3), 3.0
    theirs = (teacher / temperature).softmax(-1)
    expected = temperature**2 * (theirs * (theirs.log() - (student / temperature).log_softmax(-1))).sum()
    labels = torch.zeros(5, dtype=torch.long)
    assert distilling.distance([student], [teacher[:, None]], labels, temperature).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    assert distilling.distance([teacher], [teacher[:, None]], labels, temperature).item() == pytest.approx(0, abs=1e-5)


def test_tokens_without_a_label_and_padding_do_not_count():
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 8, 3), torch.randn(2, 5, 3)
    labels = torch.full((2, 8), -100)
    labels[0, 1] = labels[1, 4] = 2
    found = distilling.distance([student], [teacher], labels, 1.0)
    alone = [
        distilling.distance([student[i, n][None]], [teacher[i, n][None, None]], labels[0, :1], 1.0)
        for i, n in ((0, 1), (1, 4))
    ]
    assert found.item() == pytest.approx(sum(x.item() for x in alone), rel=1e-5)


def test_spans_compare_start_and_end_and_give_padding_nothing():
    start, end = torch.tensor([[4.0, 0, 0, -9]]), torch.tensor([[0.0, 4, 0, -9]])
    labels = torch.tensor([[0, 1]])
    same = distilling.distance([start, end], [start[:, :3], end[:, :3]], labels, 1.0).item()
    padded = distilling.distance(
        [start + torch.tensor([[0.0, 0, 0, 12]]), end], [start[:, :3], end[:, :3]], labels, 1.0
    ).item()
    assert same < 1e-3 < 0.1 < padded


def test_a_student_learns_what_its_teacher_says(student_here, teacher):
    """With weight 1 the labels play no part: the student answers as the teacher."""
    done = student_here(weight=1.0, training={"max_steps": 40})
    told = before_after.found(done.run)
    assert done.finished
    assert told["source"] == teacher.id
    assert told["agreement"] > 0.9
    assert told["after"]["parameters"] == told["before"]["parameters"]
    assert set(told["after"]["latency_ms"]) == {"p50", "p95"}
    assert done.curve("validation_loss")


def test_every_setting_changes_the_result(student_here, tmp_path):
    def head(**settings) -> torch.Tensor:
        return student_here(**settings, training={"max_steps": 3}).weights()["classifier.weight"]

    plain = head()
    for changed in ({"temperature": 5.0}, {"weight": 0.9}, {"hidden_weight": 3.0}):
        assert not torch.allclose(head(**changed), plain, atol=1e-6), changed
    path = write_csv(tmp_path / "more.csv", [(text, "") for text, _ in reviews(40, seed=7)])
    done = student_here(unlabelled_path=str(path), training={"max_steps": 3})
    assert done.logged("unlabelled") == [{"rows": 40}] and not done.logged("unlabelled_leaked")
    assert not torch.allclose(done.weights()["classifier.weight"], plain, atol=1e-6)


def test_texts_that_all_are_test_rows_teach_nothing_and_break_nothing(student_here, teacher, tmp_path):
    tested = pq.read_table(teacher.predictions)["text"].to_pylist()
    path = write_csv(tmp_path / "more.csv", [(text, "") for text in tested])
    done = student_here(unlabelled_path=str(path), training={"max_steps": 3})
    assert done.logged("unlabelled_leaked") == [{"rows": len(tested)}] and done.logged("unlabelled") == [{"rows": 0}]
    assert done.finished


def test_the_teacher_is_asked_once_and_a_stopped_student_goes_on(student_here, train_here):
    stopped = student_here(stop_at=3)
    assert not stopped.finished
    resumed = train_here(run=stopped.run)
    assert resumed.finished
    assert len(stopped.logged("teacher_asked")) == 1
    assert len(resumed.logged("teacher_asked")) == 0
    whole = student_here()
    assert whole.logged("teacher_asked") == []
    for name, weight in whole.weights().items():
        torch.testing.assert_close(resumed.weights()[name], weight, atol=1e-5, rtol=0, msg=name)


def test_half_of_the_teachers_layers_is_a_model_of_its_own(student_here, teacher):
    made = smaller.student(teacher)
    assert (made.model, made.prune.layers, made.distil.teacher, made.strategy) == (
        f"run:{teacher.id}",
        1,
        teacher.id,
        r.Full(),
    )
    done = student_here(model=made.model, prune={"layers": 1, "layers_by": "first"}, training={"max_steps": 30})
    told = before_after.found(done.run)
    layers = {name.split(".")[3] for name in done.weights() if ".layer." in name}
    assert layers == {"0"}
    assert told["after"]["bytes"] < 0.8 * told["before"]["bytes"]
    assert told["agreement"] > 0.9
    assert pq.read_table(done.run.predictions).num_rows > 0


def test_what_cannot_be_learned_from_is_refused(trained, teacher):
    home = trained["home"]
    recipe = smaller.student(teacher)
    smaller.check(recipe, home, ["正面", "负面"])
    with pytest.raises(UserError) as caught:
        smaller.check(recipe, home, ["正面", "中性"])
    assert caught.value.code == "distil_labels"
    for changes, code in (
        ({"task": "token-classification"}, "distil_itself"),
        ({"distil": r.Distil(teacher="20200101-000000-abcd")}, "run_unknown"),
    ):
        with pytest.raises(UserError) as caught:
            smaller.check(recipe.model_copy(update=changes), home, ["正面", "负面"])
        assert caught.value.code == code


def test_hidden_states_of_other_widths_are_refused(tmp_path):
    teaching = distilling.Teaching([np.zeros((2, 2), np.float32)], np.array([0, 1, 2]), np.zeros((2, 5), np.float32))
    import transformers

    from tests.training.test_strategies import build

    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none", save_strategy="no")
    with pytest.raises(UserError) as caught:
        distilling.Student(model=build("bert"), args=arguments, lengths=[1], teaching=teaching)
    assert caught.value.code == "distil_width"
