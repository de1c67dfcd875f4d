"""What reaches the pages: no foreign name, no other site's page, no address that nothing here uses."""

import asyncio
import os
import re

import pytest
from starlette.testclient import TestClient

from ftui.core import access
from ftui.core.home import Home
from ftui.ui import app as ui
from ftui.ui import frontend, guard, sidebar, sources
from ftui.ui.guard import ADDRESSES, LARGEST_CALL

HERE = "http://127.0.0.1:7860"
JOIN = "/en/gradio_api/queue/join"
CALL = {"data": [], "fn_index": 0, "session_hash": "abc"}


def client(folder, way=access.LOCAL, auth=None, base=HERE) -> TestClient:
    async def made():  # Gradio opens event loops, and never closes them, where it finds none running
        return ui.create(Home(folder), auth, way)

    return TestClient(asyncio.run(made()), base_url=base, follow_redirects=False)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return client(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return client(tmp_path_factory.mktemp("home"), access.DEMO, base="https://someone-ftui.hf.space")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7860", "10.0.0.5:7860", ""])
def test_a_foreign_name_for_this_machine_is_refused(local, host):
    for method, path in (("GET", "/en/"), ("GET", "/en/config"), ("POST", JOIN), ("POST", "/en/gradio_api/upload")):
        answer = local.request(method, path, headers={"host": host, "sec-fetch-site": "same-origin", "origin": f"http://{host}"})
        assert answer.status_code == 421
        assert answer.json()["error"]["code"] == "host_foreign"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:7860", "LOCALHOST:80", "[::1]:7860"])
def test_names_of_this_machine_are_not(local, host):
    assert local.get("/en/", headers={"host": host}).status_code == 200


def test_a_proxy_of_ones_own_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FTUI_HOSTS", "lab.example:8443, other.example")
    behind = client(tmp_path)
    assert behind.get("/en/", headers={"host": "other.example"}).status_code == 200
    assert behind.post(JOIN, json=CALL, headers={"origin": "https://lab.example:8443"}).status_code == 200
    assert behind.get("/en/", headers={"host": "third.example"}).status_code == 421


FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", [JOIN, "/en/gradio_api/upload", "/en/gradio_api/cancel", "/zh/login"])
def test_another_sites_page_starts_nothing(local, demo, headers, path):
    for page in (local, demo):
        answer = page.post(path, json=CALL, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "page_foreign")
        assert "access-control-allow-origin" not in answer.headers


def test_another_sites_page_reads_nothing(demo):
    answer = demo.get("/en/config", headers={"origin": "https://evil.example", "sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    link = demo.get("/en/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert link.status_code == 200  # a link leads here as ever


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": HERE},
        {"origin": "https://renamed.example", "sec-fetch-site": "same-origin"},
        {"origin": "https://front.example", "x-forwarded-host": "front.example"},
    ],
    ids=str,
)
def test_the_page_itself_and_programs_are_let_in(local, headers):
    assert local.post(JOIN, json=CALL, headers=headers).status_code == 200


UNUSED = [
    "/en/openapi.json", "/en/monitoring", "/en/monitoring/summary", "/en/gradio_api/deep_link", "/en/gradio_api/runs", "/en/gradio_api/vibe-edit",
    "/en/gradio_api/vibe-code", "/en/gradio_api/component_server", "/en/gradio_api/process_recording", "/en/gradio_api/profiling/traces",
    "/en/gradio_api/proxy=https://example.org", "/en/gradio_api/file=https://example.org/x", "/en/gradio_api/run/predict", "/en/gradio_api/api/predict",
    "/en/gradio_api/call/predict", "/en/gradio_api/run-history/records", "/en/gradio_api/custom_component/x/client/component/index.js",
    "/en/gradio_api/dev/reload", "/docs", "/redoc", "/openapi.json", "/fr/", "/../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("path", UNUSED)
def test_what_nothing_here_uses_is_not_there(local, path):
    for method in ("GET", "POST"):
        answer = local.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "address_unknown"


def test_every_route_is_either_used_or_refused(local):
    """A new route of a newer Gradio is refused until somebody says that it is needed."""
    routes = {prefix + route.path for prefix, routes in trees(local.app) for route in routes if hasattr(route, "path")}
    open_ = {path for path in routes if ADDRESSES.fullmatch(re.sub(r"\{[^}]*\}", "x", path))}
    names = {re.sub("^/(en|zh)", "", path).removesuffix("/") for path in open_}
    assert "/gradio_api/queue/join" in names
    assert names <= {
        "", "/static/plotly.min.js", "/favicon.ico", "/live", "/config", "/login", "/logout", "/theme.css", "/robots.txt", "/manifest.json",
        f"/assets/{frontend.script()[0].name}", "/assets/{path:path}", "/static/{path:path}", "/svelte/{path:path}",
        *("/gradio_api/" + name for name in ("queue/join", "queue/data", "cancel", "upload", "upload_progress", "file={path_or_url:path}",
          "heartbeat/{session_hash}", "info", "startup-events", "user", "login_check", "token", "app_id", "theme.css", "reset")),
    }  # fmt: skip


def trees(app, prefix=""):
    """(prefix, routes) of an application and all that is mounted in it, routers too."""
    yield prefix, app.routes
    for route in app.routes:
        inner = getattr(route, "app", None)
        if hasattr(inner, "routes"):
            yield from trees(inner, prefix + route.path)
            for included in inner.routes:
                if hasattr(included, "original_router"):
                    yield prefix + route.path, included.original_router.routes


def test_the_api_page_lists_nothing(local):
    assert local.get("/en/gradio_api/info").json() == {"named_endpoints": {}, "unnamed_endpoints": {}}


def test_headers(local, monkeypatch, tmp_path):
    headers = local.get("/zh/").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'self' ;" in headers["content-security-policy"]
    assert local.get("/nowhere").headers["x-content-type-options"] == "nosniff"
    monkeypatch.setenv("SPACE_ID", "someone/ftui")
    framed = client(tmp_path, access.DEMO).get("/zh/").headers["content-security-policy"]
    assert "https://huggingface.co" in framed


PATHS = ["{home}/secret.txt", "{home}/datasets/../secret.txt", "/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "{home}/runs/x/recipe.yaml", "C:/x", "{cwd}/README.md", "/proc/self/environ"]


@pytest.mark.parametrize("path", PATHS)
def test_no_file_of_this_machine_is_served(tmp_path, path):
    (tmp_path / "secret.txt").write_text("what nobody may read")
    page = client(tmp_path)
    answer = page.get("/en/gradio_api/file=" + path.format(home=tmp_path, cwd=os.getcwd()))
    assert answer.status_code in (403, 404)
    assert "what nobody may read" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xhtml", "x.js", "x"])
def test_what_somebody_uploads_runs_in_nobodys_browser(local, name):
    [path] = local.post("/en/gradio_api/upload", files={"files": (name, b"<script>alert(1)</script>", "text/html")}).json()
    answer = local.get("/en/gradio_api/file=" + path)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_name_of_an_upload_stays_in_its_folder(local):
    [path] = local.post("/en/gradio_api/upload", files={"files": ("../../../../tmp/owned.csv", b"a,b\n1,2\n")}).json()
    assert ".." not in path
    assert "/gradio/" in path


def test_a_login_guards_everything_that_is_not_the_shell(tmp_path):
    guarded = client(tmp_path, access.PRIVATE, ("me", "secret"), base="http://lab.example:7860")
    for path in ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=x", "gradio_api/file=/etc/passwd", "gradio_api/upload_progress?upload_id=x"):
        assert guarded.get(f"/en/{path}").status_code == 401, path
    for path in ("queue/join", "upload"):
        assert guarded.post(f"/zh/gradio_api/{path}", json=CALL).status_code == 401, path


def test_a_demo_takes_no_mountains(demo, monkeypatch):
    origin = {"origin": "https://someone-ftui.hf.space"}
    demo.get("/en/")  # the cookie
    heavy = demo.post(JOIN, content=b" " * (LARGEST_CALL + 1), headers={**origin, "content-type": "application/json"})
    assert (heavy.status_code, heavy.json()["error"]["code"]) == (413, "demo_call")
    endless = demo.post(JOIN, content=iter([b"{"]), headers={**origin, "content-type": "application/json"})
    assert endless.status_code == 413
    file = {"files": ("big.csv", b"x" * 21_000_000)}
    assert demo.post("/en/gradio_api/upload", files=file, headers=origin).status_code == 413
    small = {"files": ("a.csv", b"x")}
    assert demo.post("/en/gradio_api/upload", files=small, headers=origin).status_code == 200
    several = demo.post("/en/gradio_api/upload", content=b"", headers={**origin, "content-length": "120000000"})
    assert (several.status_code, several.json()["error"]["code"]) == (413, "demo_call")
    assert demo.post("/en/gradio_api/upload", content=iter([b"x"]), headers=origin).status_code == 413  # of no known length
    for cookie in ({}, {"ftui-visitor": "../x"}):
        stranger = TestClient(demo.app, base_url=str(demo.base_url), cookies=cookie).post("/en/gradio_api/upload", files=small, headers=origin)
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (403, "no_visitor")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**6}))
    full = demo.post("/en/gradio_api/upload", files={"files": ("a.csv", b"x")}, headers=origin)
    assert (full.status_code, full.json()["error"]["code"]) == (507, "demo_full")


def test_a_visit_to_a_demo_writes_nothing(tmp_path):
    visited = client(tmp_path, access.DEMO, base="https://someone-ftui.hf.space")
    visited.get("/en/")
    assert visited.get("/live?run=x").status_code == 200
    home = access.DEMO.home(Home(tmp_path), visited.cookies["ftui-visitor"])
    assert sidebar.runs(home, "en", "", "", "", "") and ui.open_address(home, "en", {})[2] == "data"
    assert list(tmp_path.iterdir()) == []
    demo = sources.add_sample(home, "en", "en_headlines.csv", access.DEMO)
    assert demo[1] == "" and home.dataset(demo[0]).is_dir()


def test_passwords_cannot_be_tried_without_end(tmp_path):
    private = client(tmp_path, access.PRIVATE, auth=("me", "secret"))
    tried = [private.post("/en/login", data={"username": "me", "password": str(n)}) for n in range(guard.MOST_LOGINS)]
    assert {answer.status_code for answer in tried} == {400}
    refused = private.post("/zh/login", data={"username": "me", "password": "secret"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "login_too_often")
    assert private.get("/en/").status_code != 429
