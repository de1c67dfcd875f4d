"""Every format on its whole way: made by the command line, measured, asked, served."""

import ast
import csv
import json
import threading

import httpx
import pytest
import uvicorn

from ftui import jobs
from ftui.artifacts import exporting, measuring, using
from ftui.artifacts.predicting import Predictor
from ftui.cli import models
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.context import Context
from ftui.core.errors import UserError
from ftui.core.home import disk_use
from ftui.serve import server as serving
from ftui.serve.app import create
from ftui.ui import asking
from tests.conftest import cli, reviews, write_csv

FILES = {
    "safetensors": "model.safetensors",
    "adapter": "adapter_model.safetensors",
    "pth": "model.pth",
    "torchscript": "model.pt",
    "torch-export": "model.pt2",
    "int8": "model.pt",
    "onnx": "model.onnx",
    "onnx-int8": "model.onnx",
    "onnx-static-int8": "model.onnx",
    "tensorrt": "build-engine.sh",
}
TEXTS = [{"text": text} for text, _ in reviews(200, seed=5)]


@pytest.fixture(scope="module")
def made(trained) -> dict[str, dict]:
    """All formats of the trained run: {format: what the command line prints}. One is made by it and measured in a process
    of its own, the others here."""
    run = trained["run"]
    lines = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "measure", lambda job, folder: {"size": disk_use(folder), **measuring._measure(job, folder)})
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


@pytest.mark.parametrize("form", ["model", *FILES])
def test_the_code_that_is_shown_runs_as_it_stands_and_answers_as_the_model_does(trained, made, source, form, capsys, monkeypatch):
    run = trained["run"]
    monkeypatch.chdir(exporting.folder_of(run, form))
    code = using.code(run, form, TEXTS[0]["text"], ".")
    base = recipes.load(run.recipe).model
    exec(compile(code.replace('"toy-bert"', repr(base)), form, "exec"), {})
    said = ast.literal_eval(capsys.readouterr().out.strip().splitlines()[-1])
    scores = said if isinstance(said, dict) else {one["label"]: one["score"] for one in said}
    assert scores == pytest.approx(source[0]["scores"], abs=1e-4 if exporting.FORMATS.get(form, exporting.FORMATS["onnx"]).most_difference else 0.1)


@pytest.mark.parametrize("form", list(FILES))
def test_200_texts_are_answered_as_promised(trained, made, source, form):
    answers = Predictor(trained["run"].exports / form).predict(TEXTS)
    equal = sum(a["label"] == b["label"] for a, b in zip(answers, source, strict=True))
    promise = exporting.FORMATS[form]
    assert equal >= promise.least_agreement * len(TEXTS)
    apart = max(abs(a["scores"][x] - b["scores"][x]) for a, b in zip(answers, source, strict=True) for x in a["scores"])
    assert apart <= promise.most_difference if promise.most_difference else 0 < apart < 0.2


EXACT = [name for name, form in exporting.FORMATS.items() if form.most_difference]


@pytest.fixture(scope="module")
def address(trained, made) -> str:
    """One server for all forms that promise the same answers; each is at {address}/models/NAME."""
    server = uvicorn.Server(serving.config(create({name: trained["run"].exports / name for name in EXACT}), ""))
    listener = serving.listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@pytest.mark.parametrize("form", EXACT)
def test_playground_server_and_files_say_the_same_of_200_texts(trained, made, source, address, tmp_path, form):
    asked = tmp_path / "asked.csv"
    write_csv(asked, [(given["text"], "x") for given in TEXTS], "text,label")
    models._predict_file(trained["run"], form, asked, tmp_path / "out.csv", ["text"], None)
    with open(tmp_path / "out.csv", encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    page = asking.predict(f"{address}/models/{form}", {"inputs": TEXTS})["results"]  # as the playground asks
    program = httpx.post(f"{address}/models/{form}/predict", json={"texts": [given["text"] for given in TEXTS]}).json()["results"]
    assert len(written) == len(page) == len(program) == len(source) == 200
    for expected, *answers, row in zip(source, page, program, written, strict=True):
        for answer in answers:
            assert answer["label"] == expected["label"] and answer["scores"] == pytest.approx(expected["scores"], abs=1e-4)
        assert row["prediction"] == expected["label"]
        assert float(row["confidence"]) == pytest.approx(expected["scores"][expected["label"]], abs=1e-4)


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
    for form, said in (("floppy", "torchscript"), ("gguf", "convert_hf_to_gguf")):
        with pytest.raises(UserError) as refused:
            exporting.check(trained["run"], form)
        assert said in refused.value.message() + refused.value.hint()
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


def test_what_has_to_be_said_is_said(trained, made):
    told = {event["key"] for job in trained["run"].jobs("export") for event in ev.read(job.events)[0] if event["type"] == "log"}
    assert {"warn_pth", "warn_tensorrt"} <= told
    script = (trained["run"].exports / "tensorrt" / "build-engine.sh").read_text()
    assert "--minShapes=input_ids:1x8,attention_mask:1x8" in script and "WRITTEN, NOT RUN" in script


def test_the_calibrated_form_has_its_ranges_in_the_graph(made):
    import onnx

    kinds = {form: {node.op_type for node in onnx.load(f"{made[form]['path']}/model.onnx").graph.node} for form in ("onnx-int8", "onnx-static-int8")}
    assert "DynamicQuantizeLinear" in kinds["onnx-int8"] and "DynamicQuantizeLinear" not in kinds["onnx-static-int8"]
    assert "QuantizeLinear" in kinds["onnx-static-int8"]
