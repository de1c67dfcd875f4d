"""A model goes to a Hub and comes back from it, through the real client against a Hub on this machine."""

import asyncio
import json
import os

import pytest
import yaml

from ftui.artifacts.predicting import Predictor
from ftui.core.access import DEMO, LOCAL
from ftui.core.home import Home
from ftui.ui import app
from tests.conftest import cli
from tests.hub import Hub

TOKEN = "hf_made_up_for_this_test"


def environment(hub: Hub, cache, **more: str) -> dict[str, str]:
    """Of a process that may push. Xet, which the real Hub takes large files by, has no small server: the client's other way is LFS."""
    return {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(cache), **more}


def test_a_model_is_pushed_privately_with_its_card_and_answers_the_same_elsewhere(trained, tmp_path):
    run, home = trained["run"], trained["home"].path
    with Hub({}, writers={TOKEN: "someone"}, room=tmp_path / "hub") as hub:
        done = cli("push", run.id, "--to", "someone/reviews", "--private", home=home, **environment(hub, tmp_path))
        line = json.loads(done.stdout.strip().splitlines()[-1])
        assert line == {"run": run.id, "artefact": "model", "url": f"{hub.url}/someone/reviews"}
        assert hub.private == {"someone/reviews": True} and TOKEN in hub.tokens
        assert any(path.startswith("/lfs/") for path in hub.seen)
    there = tmp_path / "hub" / "someone" / "reviews"
    head = yaml.safe_load((there / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert head["pipeline_tag"] == "text-classification" and head["library_name"] == "transformers"
    assert {"config.json", "ftui.json", "model.safetensors", "tokenizer.json"} <= set(os.listdir(there))
    asked = [{"text": "很好 喜欢"}, {"text": "awful 糟糕 the"}]
    assert Predictor(there).predict(asked) == Predictor(run.model).predict(asked)
    for path in there.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            assert str(home) not in path.read_text(encoding="utf-8") and "/toy-bert" not in path.read_text(encoding="utf-8"), path
    for path in run.path.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


def test_what_stands_in_the_way_is_said(trained, tmp_path, toy_model):
    run, home = trained["run"].id, trained["home"].path
    with Hub({"someone/open": toy_model}, writers={TOKEN: "someone"}, room=tmp_path / "hub") as hub:
        here = environment(hub, tmp_path)

        def refused(to: str, *more: str, **changes: str) -> str:
            done = cli("push", run, "--to", to, *more, home=home, check=2, **{**here, **changes})
            assert "Traceback" not in done.stderr and done.stdout == ""
            return done.stderr

        assert "public" in refused("someone/open", "--private")
        assert not hub.large, "nothing was uploaded"
        assert "someone-else/x" in refused("someone-else/x")
        assert "HF_TOKEN" in refused("someone/x", HF_TOKEN="")
        assert "owner/name" in refused("just-a-name")
    assert "does not answer" in refused("someone/x")  # the server is gone


@pytest.mark.parametrize(("way", "there"), [(LOCAL, True), (DEMO, False)], ids=["local", "demo"])
def test_a_demo_has_no_button_that_pushes_with_its_owners_token(tmp_path, way, there):

    async def made():  # Gradio opens event loops, and never closes them, where it finds none running
        return app.build(lambda request: Home(tmp_path), "en", way)

    page = asyncio.run(made())
    pushes = [fn for fn in page.fns.values() if fn.name == "start" and len(fn.inputs) == 4]
    assert bool(pushes) is there
