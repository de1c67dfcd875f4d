"""Hub data sets through the real loader: from a folder, from a Hub that says no, and from no Hub at all."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftui.core.errors import UserError
from ftui.data import intake, preparing

REPO = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set's repository as a folder; the loader prefers it to the Hub's of that name."""
    path = tmp_path / "me" / "reviews"
    path.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return path


def write(path: Path, rows: int, **columns) -> None:
    pq.write_table(pa.table({"text": [f"第 {i} 条" for i in range(rows)], **columns}), path)


def test_train_is_chosen(folder: Path, home) -> None:
    write(folder / "train.parquet", 5000, label=["正面", "负面"] * 2500)
    write(folder / "test.parquet", 3, label=["正面"] * 3)
    dataset = intake.import_hub("me/reviews", home)
    card = dataset.card()
    assert (card["name"], card["format"], card["rows"]) == ("me/reviews", "hub", 5000)
    assert card["columns"] == [{"name": "text", "type": "string"}, {"name": "label", "type": "string"}]
    assert dataset.table().slice(4999).to_pylist() == [{"text": "第 4999 条", "label": "负面"}]
    assert intake.list_datasets(home) == [dataset]
    assert intake.import_hub("me/reviews", home) == dataset
    assert len(intake.import_hub("me/reviews", home, split="test").table()) == 3
    assert len(intake.import_hub("me/reviews", home, split="train[:10]").table()) == 10
    with pytest.raises(UserError) as caught:
        intake.import_hub("me/reviews", home, split="validation")
    assert caught.value.code == "hub_split"
    assert "train, test" in caught.value.message()


def test_the_only_split_is_chosen(folder: Path, home) -> None:
    write(folder / "test.parquet", 3, label=["a", "b", "a"])
    assert len(intake.import_hub("me/reviews", home).table()) == 3


def test_no_train_among_several(folder: Path, home) -> None:
    write(folder / "test.parquet", 3)
    write(folder / "validation.parquet", 3)
    with pytest.raises(UserError) as caught:
        intake.import_hub("me/reviews", home)
    assert caught.value.code == "hub_split"


def test_configurations(folder: Path, home) -> None:
    write(folder / "one.parquet", 1)
    write(folder / "two.parquet", 2)
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.parquet\n" for name in ("one", "two"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    assert len(intake.import_hub("me/reviews:two", home).table()) == 2
    with pytest.raises(UserError) as caught:
        intake.import_hub("me/reviews", home)
    assert caught.value.code == "hub_config"
    assert "me/reviews:one" in caught.value.hint()


def test_class_labels_come_as_names(folder: Path, home) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["负面", "正面"])}
    )
    made = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features)
    made.to_parquet(folder / "train.parquet")
    assert intake.import_hub("me/reviews", home).table().column("label").to_pylist() == ["正面", "负面", None]


def test_a_repository_without_data(folder: Path, home) -> None:
    (folder / "README.md").write_text("nothing here")
    with pytest.raises(UserError) as caught:
        intake.import_hub("me/reviews", home)
    assert caught.value.code == "hub_unreadable"
    assert list(home.datasets.iterdir()) == []


@pytest.mark.parametrize("repo", ["me/reviews", "me/reviews:default", "me"])
def test_a_folder_of_that_name_is_not_taken_for_the_hubs(folder: Path, home, repo: str) -> None:
    write(folder / "train.parquet", 3)
    with pytest.raises(UserError) as caught:
        preparing.resolve(repo, home)
    assert caught.value.code == ("hub_or_folder" if ":" in repo else "data_is_folder")


def test_the_name_of_a_format_does_not_read_what_lies_here(folder: Path, home) -> None:
    write(folder / "train.parquet", 3)
    with pytest.raises(UserError) as caught:
        intake.import_hub("parquet", home)
    assert caught.value.code == "hub_not_found"


@pytest.mark.parametrize(
    "repo", ["../etc", "/etc", "a/b/c", "", ".", "a b", "名字", "https://huggingface.co/datasets/x"]
)
def test_what_is_no_id(home, repo: str) -> None:
    with pytest.raises(UserError) as caught:
        intake.import_hub(repo, home)
    assert caught.value.code == "hub_id_malformed"


def import_elsewhere(home, **environment: str) -> tuple[str, float]:
    """The error's code when a process with this environment imports a data set, and the seconds that it took."""
    code = (
        "import sys, time; from pathlib import Path; from ftui.core.home import Home; from ftui.core.errors import UserError\n"
        "import datasets; from ftui.data import intake; start = time.monotonic()\n"
        "try: intake.import_hub('owner/name', Home(Path(sys.argv[1])))\n"
        "except UserError as error: print(error.code, time.monotonic() - start)"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(home.path)],
        cwd=REPO, env={**clean, **environment}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found, seconds = done.stdout.split()
    return found, float(seconds)


@pytest.fixture
def hub() -> Iterator[tuple[str, list]]:
    """A Hub that has nothing, and the requests that reached it."""
    requests: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, self.headers["Authorization"]))
            body = json.dumps({"error": "Repository not found"}).encode()
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_HEAD = do_GET

        def log_message(self, *_) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_missing_id_on_a_mirror_asked_with_the_token(home, hub) -> None:
    address, requests = hub
    code, _ = import_elsewhere(home, HF_ENDPOINT=address, HF_TOKEN="hf_test", HF_HOME=str(home.path / "hf"))
    assert code == "hub_not_found"
    assert ("/api/datasets/owner/name", "Bearer hf_test") in requests


@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_no_network_is_said_at_once(home, environment: dict[str, str]) -> None:
    code, seconds = import_elsewhere(home, HF_HOME=str(home.path / "hf"), **environment)
    assert code == "hub_unreachable"
    assert seconds < 10
