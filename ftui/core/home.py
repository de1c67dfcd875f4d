"""Where everything lives: the home directory, its data sets, runs and jobs. Nothing else builds these paths.

    <home>/
      datasets/<content id>/   source file as it came, data.arrow, card.json
      runs/<run id>/           recipe.yaml, jobs/, checkpoints/, model/, report.json, predictions.parquet, exports/
        jobs/<job id>/         job.json, events.jsonl, worker.log, heartbeat, stop, exit
      queue/                   one file for each job that waits for, or holds, a training slot
      synonyms/                users' files of synonyms, by their content
      cache/                   may be deleted at any time
      index.sqlite             a summary that can be rebuilt from the folders
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ftui.core.errors import UserError

RUN = "run:"  # before a run's id: that run's model as a base
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_DATASET_ID = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def write_json(path: Path, content: dict | list | int) -> None:
    """Write elsewhere and rename: a file that exists is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(2)}")
    temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(temporary, path)


@contextmanager
def publish(path: Path) -> Iterator[Path]:
    """A folder to fill; it appears under its name only when the block ends without an error, replacing an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(2)}")
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            old = path.with_name(f".{path.name}.old.{secrets.token_hex(2)}")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class Job:
    """One process's work on a run: training, evaluating, exporting, serving."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def run(self) -> "Run":
        return Run(self.path.parent.parent)

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    @property
    def exit_code(self) -> Path:
        """What the first of several processes ended with."""
        return self.path / "exit"

    @property
    def heartbeat(self) -> Path:
        return self.path / "heartbeat"

    def card(self) -> dict:
        """What job.json says: kind, options, attempt, and once the worker is up pid, start and host."""
        return json.loads((self.path / "job.json").read_text(encoding="utf-8"))

    def write_card(self, card: dict) -> None:
        write_json(self.path / "job.json", card)


@dataclass(frozen=True)
class Run:
    """One fine-tuning from recipe to model, and all jobs on it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def home(self) -> "Home":
        return Home(self.path.parent.parent)

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def report(self) -> Path:
        return self.path / "report.json"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.parquet"

    @property
    def exports(self) -> Path:
        return self.path / "exports"

    def about(self) -> dict[str, str]:
        """What people wrote about the run: {"name", "note"}, each perhaps empty."""
        try:
            written = json.loads((self.path / "about.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            written = {}
        return {"name": str(written.get("name", "")), "note": str(written.get("note", ""))}

    def write_about(self, name: str | None = None, note: str | None = None) -> None:
        """Rename the run or note something; None leaves what is there."""
        about = self.about()
        about["name"] = about["name"] if name is None else " ".join(name.split())[:200]
        about["note"] = about["note"] if note is None else note[:10_000]
        write_json(self.path / "about.json", about)

    def new_job(self, kind: str, options: dict | None = None) -> Job:
        """A new job folder with its card; it is started by ftui.jobs."""
        name = f"{kind}-{len(list((self.path / 'jobs').glob(f'{kind}-*'))) + 1}-{secrets.token_hex(2)}"
        job = Job(self.path / "jobs" / name)
        job.path.mkdir(parents=True)
        job.write_card({"kind": kind, "options": options or {}, "attempt": 1, "created": time.time()})
        return job

    def jobs(self, kind: str | None = None) -> list[Job]:
        """Jobs of this run, oldest first."""
        found = [Job(p.parent) for p in (self.path / "jobs").glob(f"{kind or '*'}-*/job.json")]
        return sorted(found, key=lambda job: job.card()["created"])

    def training(self) -> Job | None:
        """The job that trains this run."""
        jobs = self.jobs("train")
        return jobs[-1] if jobs else None


@dataclass(frozen=True)
class Home:
    """All that one user (or, in a demo, one visitor) owns."""

    path: Path

    @property
    def datasets(self) -> Path:
        return self.path / "datasets"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def synonyms(self) -> Path:
        """Users' files of synonyms, each under the name of its content."""
        return self.path / "synonyms"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def queue(self) -> Path:
        """Shared by all visitors of a demo: $FTUI_QUEUE, else a folder of this home."""
        return Path(os.environ.get("FTUI_QUEUE") or self.path / "queue")

    @property
    def index(self) -> Path:
        return self.path / "index.sqlite"

    def new_run(self) -> Run:
        """An empty run folder with a new id that sorts by time."""
        while True:
            run = Run(self.runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
            try:
                run.path.mkdir(parents=True)
                return run
            except FileExistsError:
                continue

    def run(self, run_id: str) -> Run:
        """The run with this id; an unambiguous end or beginning of one is enough."""
        if _RUN_ID.fullmatch(run_id):
            found = [self.runs / run_id] if (self.runs / run_id).is_dir() else []
        elif run_id and self.runs.is_dir():
            found = [
                p
                for p in self.runs.iterdir()
                if _RUN_ID.fullmatch(p.name) and (p.name.endswith(run_id) or p.name.startswith(run_id))
            ]
        else:
            found = []
        if len(found) != 1:
            raise UserError("run_ambiguous" if found else "run_unknown", run=run_id)
        return Run(found[0])

    def base(self, model: str) -> str:
        """Where a recipe's model lies: `run:ID` is the model of a finished run, every other name stays as it is."""
        if not model.startswith(RUN):
            return model
        run = self.run(model.removeprefix(RUN))
        if not (run.model / "config.json").exists():
            raise UserError("base_run_without_model", run=run.id)
        return str(run.model)

    def all_runs(self) -> list[Run]:
        """Every run that has a recipe, newest first."""
        if not self.runs.is_dir():
            return []
        names = sorted((p.name for p in self.runs.iterdir() if _RUN_ID.fullmatch(p.name)), reverse=True)
        return [Run(self.runs / name) for name in names if (self.runs / name / "recipe.yaml").exists()]

    def dataset(self, dataset_id: str) -> Path:
        """The folder of the data set with this id."""
        if not _DATASET_ID.fullmatch(dataset_id) or not (self.datasets / dataset_id / "card.json").exists():
            raise UserError("dataset_unknown", dataset=dataset_id)
        return self.datasets / dataset_id


def disk_use(folder: Path) -> int:
    """Bytes of all files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # just removed
    return total


def resolve(path: str | Path | None = None) -> Home:
    """`path`, else $FTUI_HOME, else /data/ftui on a Space with storage, else ~/.ftui."""
    chosen = path or os.environ.get("FTUI_HOME")
    if not chosen:
        on_space = os.environ.get("SPACE_ID") and os.access("/data", os.W_OK)
        chosen = "/data/ftui" if on_space else "~/.ftui"
    return Home(Path(chosen).expanduser().absolute())


def safe_name(name: str) -> str:
    """`name` if it can be a folder's name (an export, say), or a UserError."""
    if not _NAME.fullmatch(name):
        raise UserError("name_unsafe", name=name)
    return name


def starter_models() -> Path:
    """The folder of the models that come with ftui."""
    return Path(__file__).parents[2] / "assets" / "starter"


def starter_tokenizer() -> Path | None:
    """The file of the starter encoder's tokenizer, where it is there: tokens are counted with it while no model is chosen."""
    path = starter_models() / "starter-encoder" / "tokenizer.json"
    return path if path.exists() else None
