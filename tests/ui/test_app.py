"""The server around the pages: languages, addresses, what is public, and that torch stays out."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.ui import app as ui
from ftui.ui import frontend
from tests.conftest import REPO


def inside_a_loop(make):
    """Gradio opens event loops, and never closes them, where it finds none running."""

    async def made():
        return make()

    return asyncio.run(made())


def visit(home: Path, auth=None) -> TestClient:
    app = inside_a_loop(lambda: ui.create(Home(home), auth))
    return TestClient(app, base_url="http://127.0.0.1:7860", follow_redirects=False)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return visit(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module", params=list(languages.LANGUAGES))
def page(request, tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("home"))
    return inside_a_loop(lambda: ui.build(lambda _: home, request.param))


def test_no_endpoint_is_public(page):
    assert [f.api_name for f in page.fns.values() if f.api_visibility != "private"] == []


def test_ids_of_elements_are_unique_and_every_tab_has_one(page):
    ids = [b.elem_id for b in page.blocks.values() if getattr(b, "elem_id", None)]
    assert len(ids) == len(set(ids))
    assert {"tab-data", "tab-tune", "tab-log", "tab-evaluation", "tab-playground", "tab-export"} <= set(ids)


def test_an_evaluation_of_one_label_alone_has_no_empty_cards(page):
    """Its rows have no curves: what stands in their place is written in the page."""
    curves = [b for b in page.blocks.values() if getattr(b, "elem_id", None) in ("chart-roc", "chart-pr")]
    words = {languages.text("nothing_counted", lang) for lang in languages.LANGUAGES}
    assert len(curves) == 2 and all(any(f">{said}</div>" in curve.html_template for said in words) for curve in curves)


def test_one_slow_visitor_does_not_hold_up_others(page):
    assert {f.concurrency_limit for f in page.fns.values() if f.queue and f.fn} == {None}


@pytest.mark.parametrize(
    ("accept", "cookie", "address", "leads_to"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "/", "zh/"),
        ("en-GB", None, "/", "en/"),
        ("fr", None, "/", "en/"),
        ("en-GB", "zh", "/", "zh/"),
        ("en-GB", "zh", "/?lang=en", "en/"),
        ("en-GB", None, "/?run=20260101-000000-abcd&lang=zh&tab=log", "zh/?run=20260101-000000-abcd&tab=log"),
        ("zh", None, "/?lang=klingon", "zh/"),
    ],
)
def test_the_language_of_an_address(client, accept, cookie, address, leads_to):
    headers = {"accept-language": accept} | ({"cookie": f"ftui-lang={cookie}"} if cookie else {})
    answer = client.get(address, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (307, leads_to)
    assert ("set-cookie" in answer.headers) == ("lang=en" in address or "lang=zh" in address)


def test_switching_keeps_the_rest_of_the_address(client):
    answer = client.get("/en/?run=r&tab=log&lang=zh")
    assert (answer.status_code, answer.headers["location"]) == (307, "../zh/?run=r&tab=log")


@pytest.mark.parametrize(("lang", "word"), [("en", "Fine-tune"), ("zh", "微调")])
def test_a_page_is_in_its_language_from_the_first_byte(client, lang, word):
    text = client.get(f"/{lang}/").text
    assert f'lang="{lang}"' in text[:200] and word in text
    assert text.index("window.ftui") < text.index("window.gradio_config")
    assert text.count("<title>") == 1


def test_nothing_on_a_page_is_fetched_from_elsewhere(client):
    text = client.get("/en/").text
    fetched = [
        part.split('"')[0]
        for part in text.split('src="')[1:] + text.split('<link rel="stylesheet" crossorigin href="')[1:]
    ]
    assert fetched and not [url for url in fetched if url.startswith(("http", "//"))]


def test_plotly_and_icon_come_from_here(client):
    answer = client.get("/static/plotly.min.js")
    assert answer.status_code == 200 and len(answer.content) > 1_000_000 and b"plotly.js" in answer.content[:300]
    assert client.get("/favicon.ico").text.startswith("<svg")


def test_a_page_hears_of_an_event_only_where_something_of_it_is_shown(client):
    """Gradio's script has the place that ftui.ui.frontend changes: with another Gradio, look whether the change is still needed."""
    path, _ = frontend.script()
    for lang in languages.LANGUAGES:
        content = client.get(f"/{lang}/assets/{path.name}").text
        assert frontend.NEWS in content and frontend.ALL not in content and len(content) > 20_000


def test_the_home_is_not_served(client, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    assert client.get(f"/en/gradio_api/file={tmp_path}/secret.txt").status_code in (403, 404)


def test_a_login_is_made_up_where_others_can_reach_the_page():
    assert ui.login(None, False, public=False) is None
    user, password = ui.login(None, False, public=True)
    assert user and len(password) >= 12
    assert ui.login("me:a:b", False, public=False) == ("me", "a:b")
    assert ui.login(None, True, public=True) is None
    with pytest.raises(UserError):
        ui.login("me", False, public=True)


def test_with_a_login_no_page_shows_anything(tmp_path):
    guarded = visit(tmp_path, ("me", "secret"))
    assert "ftui-style" in guarded.get("/en/").text and "address-run" not in guarded.get("/en/").text
    assert guarded.get("/en/config").status_code == 401
    wrong = guarded.post("/en/login", data={"username": "me", "password": "x"})
    assert wrong.status_code == 400
    assert guarded.post("/zh/login", data={"username": "me", "password": "secret"}).status_code == 200
    assert guarded.get("/en/config").status_code == 200  # one login for both languages


def test_a_taken_port_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError) as error:
        ui.serve_ui(Home(tmp_path), port=taken.getsockname()[1])
    assert error.value.code == "port_taken"


def test_an_address_opens_what_it_names(home, dataset, finished):
    data, run, tab, tabs, pulse = ui.open_address(home, "en", {"run": finished.id})
    assert (data, run, tab, tabs.selected) == (dataset.id, finished.id, "log", "log")
    assert pulse == f"{finished.id}:finished"
    assert ui.open_address(home, "en", {"run": finished.id, "tab": "export"})[2] == "export"
    assert ui.open_address(home, "en", {"tab": "../etc"})[2] == "data"
    assert ui.open_address(home, "en", {"data": dataset.id, "tab": "tune"})[:3] == (dataset.id, "", "tune")


def test_the_pages_never_import_torch(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom ftui.core.home import Home\nfrom ftui.ui import app\n"
        f"app.build(lambda request: Home(Path({str(tmp_path)!r})), 'en')\n"
        "heavy = {'torch', 'transformers', 'peft', 'evaluate', 'accelerate', 'datasets', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
