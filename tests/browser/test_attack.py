"""What visitors may try: markup in everything that they can name, and calls past the page."""

import json
import secrets

import httpx
import pytest
from playwright.sync_api import expect

from ftui.core import events as ev
from ftui.core.home import Home
from ftui.data import intake
from tests.conftest import REPO, reviews
from tests.hub import Hub
from tests.ui import conftest as made

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def poisoned(ui, tmp_path, monkeypatch):
    """A finished run whose every name is markup: file, columns, labels, cells, run, model, log lines, error."""
    label = "<img src=x onerror=document.title=1>"
    rows = "".join(f'"{text} {EVIL.replace(chr(34), chr(34) * 2)}",{label if i % 2 else "good"}\n' for i, (text, _) in enumerate(reviews(80)))
    file = tmp_path / "x.csv"
    file.write_text("text<img src=x>,label<img src=x>\n" + rows, encoding="utf-8")
    dataset = intake.import_file(file, ui.home, name=EVIL.replace("/", "") + ".csv")
    run, _, events = made.make_run(ui.home, dataset)
    content = run.recipe.read_text().replace("starter-encoder", json.dumps(EVIL))
    run.recipe.write_text(content, encoding="utf-8")
    run.write_about(name=EVIL, note=EVIL)
    events.state(ev.RUNNING)
    events.log("labels", labels=EVIL, n=2)
    events.log("unheard_of_" + EVIL, x=EVIL)
    events.metric(1, 1.0, {"loss": 1.0, EVIL: 0.5, "validation_" + EVIL: 0.5})
    events.error("internal", EVIL, EVIL, details=EVIL)
    events.state(ev.FAILED, exit_code=1)
    run.model.mkdir()
    card = {"version": 1, "task": "text-classification", "labels": [EVIL, "good"], "asked": ["text"], "max_length": 64, "base": EVIL}
    (run.model / "ftui.json").write_text(json.dumps(card))
    monkeypatch.setattr(made, "LABELS", [EVIL, "good"])
    made.write_report(run)
    return dataset, run


def test_markup_is_text_everywhere(ui, open_page, poisoned, tmp_path):
    dataset, run = poisoned
    page = open_page(f"/?run={run.id}&data={dataset.id}&tab=log", lang="en")
    for tab, shown in (("log", "#log-lines"), ("evaluation", "#per-class"), ("playground", "#examples, #playground-view"), ("export", "#export-view"), ("data", "#rows"), ("tune", "#tune-view")):
        page.locator(f"[role=tab][aria-controls='tab-{tab}'], #tab-{tab}-button").first.click()
        expect(page.locator(shown).first).to_be_visible()
        expect(page.locator("#main img, #sidebar img")).to_have_count(0)
    expect(page.locator("#strip")).to_contain_text("<img src=x")
    expect(page.locator("#runs")).to_contain_text("<img src=x")
    page.locator("#tab-data-button, [role=tab]").first.click()
    expect(page.locator("#rows")).to_contain_text("<script>")
    expect(page.locator("#chart-labels .main-svg").first).to_be_visible()
    expect(page.locator("#chart-labels")).to_contain_text("<img src")

    page.goto(ui.url + "/en/?run=" + EVIL.replace('"', "%22"))
    expect(page.locator(".toast-body, .toast-wrap").first).to_contain_text("There is no run")
    expect(page.locator(".toast-wrap")).to_contain_text("<img src=x")
    bad = tmp_path / (EVIL.replace("/", "") + ".json")
    bad.write_text("[1, 2")
    page.locator("#drop input[type=file]").set_input_files(str(bad))
    expect(page.locator("#data-notice")).to_contain_text("is not valid JSON")
    expect(page.locator("#main img, .toast-wrap img")).to_have_count(0)
    assert "owned" not in page.title()


# ---- a demo, asked past its page


class Visitor:
    """A browser's requests without the browser: any handler, with any values."""

    def __init__(self, url: str):
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.http.get("/en/")
        self.session = secrets.token_hex(5)
        self.config = self.http.get("/en/config").json()
        self.ids = {c["props"].get("elem_id"): c["id"] for c in self.config["components"]}

    def event(self, name: str, values: dict[str, object]) -> dict:
        """The handler called `name` that takes most of these values (Gradio numbers those of the same name)."""
        wanted = {self.ids[elem] for elem in values}
        named = [d for d in self.config["dependencies"] if (d["api_name"] or "").rstrip("_0123456789") == name]
        return max(named, key=lambda d: len(wanted & set(d["inputs"])))

    def call(self, name: str, values: dict[str, object], default: object = "") -> dict:
        """What the handler called `name` answers: the output of `process_completed`."""
        event = self.event(name, values)
        by_id = {self.ids[elem]: value for elem, value in values.items()}
        props = {c["id"]: c["props"] for c in self.config["components"]}
        data = [by_id.get(i, props[i].get("value", default)) for i in event["inputs"]]
        body = {"data": data, "fn_index": event["id"], "session_hash": self.session, "trigger_id": None, "event_data": None}
        self.http.post("/en/gradio_api/queue/join", json=body).raise_for_status()
        with self.http.stream("GET", "/en/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    return {**message["output"], "success": message["success"]}
        raise AssertionError("no answer")

    def upload(self, name: str, content: bytes) -> dict:
        [path] = self.http.post("/en/gradio_api/upload", files={"files": (name, content)}).json()
        return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def demo(tmp_path, start_ui):
    return start_ui(tmp_path / "home", "--demo")


def mine(ui, visitor: Visitor) -> Home:
    return Home(ui.home.path / "visitors" / visitor.http.cookies["ftui-visitor"])


def test_nothing_of_another_visitor_can_be_called_for(demo, toy_csv):
    a, b = Visitor(demo.url), Visitor(demo.url)
    assert a.http.cookies["ftui-visitor"] != b.http.cookies["ftui-visitor"]
    done = a.call("dropped", {"drop": [a.upload("secret-reviews.csv", toy_csv.read_bytes())]})
    assert done["success"], done
    [dataset] = intake.list_datasets(mine(demo, a))
    run, _, events = made.make_run(mine(demo, a), dataset)
    events.state(ev.STOPPED, exit_code=3)  # nobody is to end its process, which is this one

    for values in ({"address-data": dataset.id, "address-run": run.id}, {"address-data": f"../../{a.http.cookies['ftui-visitor']}/datasets/{dataset.id}", "address-run": run.id[:8]}):
        for handler in ("refresh", "tick", "show", "look", "worker_log", "pack", "resume", "preview", "compare", "mistakes", "view", "view_rows"):
            if not any(d["api_name"] == handler for d in b.config["dependencies"]):
                continue
            answer = json.dumps(b.call(handler, values), ensure_ascii=False)
            assert "secret-reviews" not in answer and "评论内容" not in answer, handler
    assert run.training().card()["attempt"] == 1
    assert intake.list_datasets(mine(demo, b)) == []


def test_a_path_is_no_upload(demo, tmp_path):
    """Neither one of this machine nor an address of the web: a handler takes what was uploaded."""
    visitor = Visitor(demo.url)
    own = tmp_path / "own.csv"
    own.write_text("text,label\n1,2\n3,4\n")
    paths = ["/etc/passwd", "/proc/self/environ", "/tmp/gradio/../../etc/passwd", str(own)]
    paths += [str(REPO / "pyproject.toml"), str(REPO / "assets" / "samples" / "en_reviews.csv")]
    with Hub({"someone/data": own.parent}) as web:
        paths.append(web.url + "/someone/data/resolve/main/own.csv")
        for path in paths:
            file = {"path": path, "orig_name": "x.csv", "meta": {"_type": "gradio.FileData"}}
            for name, values in (("dropped", {"drop": [file]}), ("view_rows", {"address-data": file})):
                assert not visitor.call(name, values)["success"], path
            assert intake.list_datasets(mine(demo, visitor)) == []
        assert web.seen == []


def test_the_caps_hold_without_the_page(demo, toy_csv, toy_model):
    visitor = Visitor(demo.url)
    rows = "text,label\n" + "".join(f"number {i},{'ab'[i % 2]}\n" for i in range(25_000))
    answer = visitor.call("dropped", {"drop": [visitor.upload("long.csv", rows.encode())]})
    assert "25,000" in json.dumps(answer) or "at most 20000" in json.dumps(answer), answer
    assert intake.list_datasets(mine(demo, visitor)) == []
    visitor.call("dropped", {"drop": [visitor.upload("toy.csv", toy_csv.read_bytes())]})
    [dataset] = intake.list_datasets(mine(demo, visitor))
    columns = {"address-data": dataset.id, "text-column": None, "label-column": None}
    for change in (
        {"set-model": str(toy_model)},
        {"set-model": "bert-base-chinese"},
        {"set-training-num-train-epochs": "1000"},
        {"set-training-max-steps": 100_000},
        {"set-training-per-device-train-batch-size": 4096, "set-training-max-steps": 3000},
        {"address-data": "../../x"},
    ):
        answer = visitor.call("start", {**columns, **change})
        assert mine(demo, visitor).all_runs() == [], (change, answer)
