"""Every format on its whole way: made by the command line, measured, asked, served."""

import json

import pytest

from ftui import jobs
from ftui.artifacts import exporting
from ftui.artifacts.predicting import Predictor
from ftui.core import events as ev
from ftui.core.context import Context
from ftui.core.errors import UserError
from tests.conftest import cli, reviews

FILES = {
    "safetensors": "model.safetensors",
    "adapter": "adapter_model.safetensors",
    "onnx": "model.onnx",
    "onnx-int8": "model.onnx",
    "torchscript": "model.pt",
}
TEXTS = [{"text": text} for text, _ in reviews(200, seed=5)]


@pytest.fixture(scope="module")
def made(trained) -> dict[str, dict]:
    """All formats of the trained run: {format: what the command line prints}. One is made by it, the others here."""
    run = trained["run"]
    lines = {}
    for form in exporting.FORMATS:
        if form == "onnx-int8":
            lines[form] = json.loads(cli("export", run.id, "--format", form, "--json", home=trained["home"].path).stdout)
            continue
        job = run.new_job("export", {"format": form})
        exporting.export(Context(job, job.card()["options"], ev.Writer(job.events, 1)))
        lines[form] = {"path": str(run.exports / form), "measured": exporting.card_of(run, form)}
    return lines


@pytest.fixture(scope="module")
def source(trained) -> list[dict]:
    return Predictor(trained["run"].model).predict(TEXTS)


def test_each_format_has_its_files_and_was_measured(trained, made):
    assert set(made) == set(FILES)
    for form, line in made.items():
        folder = trained["run"].exports / form
        assert line["path"] == str(folder) and (folder / FILES[form]).exists()
        card = line["measured"]
        assert card == json.loads((folder / "artefact.json").read_text())
        assert (card["split"], card["rows"]) == ("test", 60)
        assert card["metrics"]["accuracy"] > 0.9
        assert 0 < card["latency_ms"]["p50"] <= card["latency_ms"]["p95"]
        assert card["throughput"] > 0 and card["peak_memory"] > 50e6 and card["size"] > 1000
        assert card["within"] is True
    base = exporting.card_of(trained["run"], "model")
    assert base["agreement"] == 1 and base["largest_difference"] == 0


@pytest.mark.parametrize("form", list(FILES))
def test_200_texts_are_answered_as_promised(trained, made, source, form):
    answers = Predictor(trained["run"].exports / form).predict(TEXTS)
    equal = sum(a["label"] == b["label"] for a, b in zip(answers, source, strict=True))
    promise = exporting.FORMATS[form]
    assert equal >= promise.least_agreement * len(TEXTS)
    apart = max(abs(a["scores"][x] - b["scores"][x]) for a, b in zip(answers, source, strict=True) for x in a["scores"])
    assert apart <= promise.most_difference if promise.most_difference else 0 < apart < 0.2


def test_a_broken_promise_is_marked():
    same = {"agreement": 1.0, "largest_difference": 2e-4}
    assert exporting.promise(exporting.FORMATS["onnx"], same)["within"] is False
    assert exporting.promise(exporting.FORMATS["onnx-int8"], same)["within"] is True
    assert exporting.promise(exporting.FORMATS["onnx-int8"], {**same, "agreement": 0.97})["within"] is False


def test_what_there_is(trained, made):
    assert list(exporting.found(trained["run"])) == ["model", *sorted(FILES)]
    for name in ("../model", "", "jobs", "gguf"):
        with pytest.raises(UserError, match="no artefact"):
            exporting.folder_of(trained["run"], name)


def test_unknown_formats_and_artefacts_are_one_sentence(trained):
    home, run = trained["home"].path, trained["run"].id
    assert "torchscript" in cli("export", run, "--format", "floppy", home=home, check=2).stderr
    for command in (["predict", run, "text"], ["serve", run]):
        refused = cli(*command, "--artefact", "floppy", home=home, check=2)
        assert "floppy" in refused.stderr and "Traceback" not in refused.stderr
    assert jobs.serving(trained["run"], "floppy") is None


def test_the_command_line_asks_an_artefact(trained, made):
    home, run = trained["home"].path, trained["run"].id
    said = cli("predict", run, "很好 喜欢", "--artefact", "onnx", "--json", home=home).stdout
    assert json.loads(said)["results"][0]["label"] == "正面"


def test_a_damaged_file_is_told(trained, made, tmp_path):
    import shutil

    broken = shutil.copytree(trained["run"].exports / "onnx", tmp_path / "onnx")
    (broken / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(UserError, match="model.onnx"):
        Predictor(broken)
