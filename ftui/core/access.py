"""The three ways in which the page is reached, and what each allows.

*local*: this machine only; paths of this machine may be used as data or model.
*private*: others can reach the page; one login, and everybody who has it sees all runs.
*demo*: open to everybody; each visitor has a home of their own, with caps, and it is removed after a while.
"""

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ftui.core import augmentation, starters
from ftui.core.errors import UserError
from ftui.core.home import RUN, Home, disk_use
from ftui.core.recipe import Recipe

_VISITOR = re.compile(r"[0-9a-f]{32}")
_LEFT = 3600  # seconds without a visit after which a home without runs may make room for another
_SAMPLES = 100  # rows that are written out for a report where a recipe does not say: no task takes more


@dataclass(frozen=True)
class Access:
    """A way of reaching the page; None where there is no cap."""

    mode: str
    most_rows: int | None = None
    most_steps: int | None = None
    most_megabytes: int | None = None  # of one upload
    most_runs: int | None = None  # of one visitor
    most_examples: int | None = None  # texts that one training reads, one that is only scored being a third
    most_stored: int | None = None  # bytes of one visitor's data sets
    most_minutes: int | None = None  # of one search
    most_visitors: int | None = None  # whose homes are kept at a time
    most_checkpoints: int | None = None  # that a training keeps
    most_written: int | None = None  # tokens for a report, each beam counted
    most_waiting: int | None = None  # trainings of all visitors that wait
    least_free: int = 0  # bytes of disk that uploads, imports and trainings leave
    lifetime: float | None = None  # seconds without a visit after which a visitor's home is removed

    def home(self, root: Home, visitor: str | None) -> Home:
        """The home of a visitor: the root, and in a demo a folder for each, which `admit` makes."""
        if self.mode != "demo":
            return root
        if not is_visitor(visitor):
            raise UserError("no_visitor")
        return Home(root.path / "visitors" / str(visitor))

    def admit(self, home: Home) -> None:
        """Make the folder of a visitor who brings something for the first time; a mere visit takes nobody's place. Raises
        UserError where there is no place."""
        if self.most_visitors is None or home.path.exists():
            return
        if not _room(home.path.parent, self.most_visitors):
            raise UserError("demo_full_of_visitors")
        home.path.mkdir(parents=True, exist_ok=True)

    def check(self, recipe: Recipe, home: Home, rows: int) -> None:
        """Raise UserError for a recipe that is not allowed here. `rows`: of the data set."""
        if self.mode == "local":
            return
        paths = (recipe.data.path, recipe.data.validation_path, recipe.data.test_path, recipe.distil.unlabelled_path if recipe.distil else None)
        for path in filter(None, paths):
            if not _inside(path, home.datasets):
                self.check_source(path)
        if recipe.accelerate_config and _is_path(recipe.accelerate_config):
            raise UserError("path_only_local", path=recipe.accelerate_config)
        named = [name for step in recipe.data.augment for name in augmentation.models(step)]
        for name in (recipe.model, *named):
            if _is_path(name):
                raise UserError("path_only_local", path=name)
        for step in recipe.data.augment:
            own = step.path if isinstance(step, augmentation.Synonyms) else None
            if own and not _inside(own, home.synonyms):
                raise UserError("path_only_local", path=own)
        if self.mode == "demo":
            self._check_caps(recipe, home, rows)

    def check_source(self, name: str) -> None:
        """Raise UserError for a file of this machine or a data set of the Hub that may not be read here."""
        if self.mode == "local":
            return
        if _is_path(name) or _is_path(name.partition(":")[0]):  # `folder:config` would be that folder
            raise UserError("path_only_local", path=name)
        if self.mode == "demo":  # it would be read with the owner's token, and nobody knows how large it is
            raise UserError("demo_hub", name=name)

    def _check_caps(self, recipe: Recipe, home: Home, rows: int) -> None:
        if recipe.launcher != "local":
            raise UserError("demo_processes")
        if recipe.search and self.most_minutes is not None and recipe.search.minutes > self.most_minutes:
            raise UserError("demo_search", minutes=f"{recipe.search.minutes:g}", most=self.most_minutes)
        for name in (recipe.model, *(name for step in recipe.data.augment for name in augmentation.models(step))):
            if name not in starters.names() and not name.startswith(RUN):
                raise UserError("demo_model", model=name, known=", ".join(starters.names()))
        if self.most_rows is not None and rows > self.most_rows:
            raise UserError("demo_rows", rows=rows, most=self.most_rows)
        if self.most_checkpoints is not None and recipe.training.save_total_limit > self.most_checkpoints:
            raise UserError("demo_checkpoints", limit=recipe.training.save_total_limit, most=self.most_checkpoints)
        if recipe.retries:
            raise UserError("demo_retries")
        written = _written(recipe)
        if self.most_written is not None and written > self.most_written:
            raise UserError("demo_written", tokens=written, most=self.most_written)
        steps, examples = _work(recipe, rows)
        if self.most_steps is not None and steps > self.most_steps:
            raise UserError("demo_steps", steps=round(steps), most=self.most_steps)
        if self.most_examples is not None and examples > self.most_examples:
            raise UserError("demo_examples", examples=round(examples), most=self.most_examples)
        if self.most_runs is not None and len(home.all_runs()) >= self.most_runs:
            raise UserError("demo_runs", most=self.most_runs)

    def check_import(self, home: Home, size: int) -> None:
        """Raise UserError where no further data set may be brought in, or none from a file of so many bytes."""
        if self.most_megabytes is not None and size > self.most_megabytes * 1_000_000 * 1.05:
            raise UserError("demo_upload", megabytes=round(size / 1e6), most=self.most_megabytes)
        if self.most_stored is not None and disk_use(home.datasets) + disk_use(home.synonyms) > self.most_stored:
            raise UserError("demo_stored", most=self.most_stored // 1_000_000)
        self.check_disk(home)
        self.admit(home)

    def check_disk(self, home: Home) -> None:
        """Raise UserError where the disk has to be left to others."""
        there = next(path for path in (home.path, *home.path.parents) if path.exists())
        if self.least_free and shutil.disk_usage(there).free < self.least_free:
            raise UserError("demo_full")

    def check_import_rows(self, rows: int) -> None:
        """Raise UserError for a data set with more rows than a training may have (told while it is read)."""
        if self.most_rows is not None and rows > self.most_rows:
            raise UserError("demo_rows", rows=rows, most=self.most_rows)


def _work(recipe: Recipe, rows: int) -> tuple[float, float]:
    """(passes through the model in training, texts read) of a recipe on so many rows."""
    settings = recipe.training
    batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    updates = settings.max_steps if settings.max_steps > 0 else recipe.epochs(rows) * rows / batch
    scorings = updates / (settings.eval_steps or 1) if settings.eval_strategy == "steps" else updates * batch / max(rows, 1)
    examples = updates * batch + scorings * rows * recipe.data.validation_size / 3
    return updates * settings.gradient_accumulation_steps, examples


def _written(recipe: Recipe) -> int:
    """Tokens that a language model writes for its report, each beam counted."""
    settings = recipe.language
    samples = _SAMPLES if settings.samples is None else settings.samples
    return samples * settings.max_new_tokens * settings.num_beams


LOCAL = Access("local")
PRIVATE = Access("private")
DEMO = Access(
    "demo", most_rows=20_000, most_steps=3_000, most_megabytes=20, most_runs=10, lifetime=24 * 3600,
    most_examples=60_000, most_stored=200_000_000, most_minutes=5, most_waiting=20, most_visitors=500, least_free=1_000_000_000,
    most_checkpoints=2, most_written=100_000,
)  # fmt: skip
WAYS = {way.mode: way for way in (LOCAL, PRIVATE, DEMO)}


def is_visitor(name: str | None) -> bool:
    """Whether this can be the name of a visitor of a demo."""
    return bool(_VISITOR.fullmatch(name or ""))


def sweep(root: Home, lifetime: float, end: Callable[[Home], None]) -> int:
    """Remove the homes of visitors who have not come for `lifetime` seconds, after `end(home)` has stopped their jobs;
    returns how many."""
    removed = 0
    for folder in (root.path / "visitors").glob("*"):
        if _VISITOR.fullmatch(folder.name) and time.time() - folder.stat().st_mtime > lifetime:
            end(Home(folder))
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _room(visitors: Path, most: int) -> bool:
    """Whether one more home has a place here; the oldest ones that nobody has visited for a while, and that hold no run, are
    removed for it."""
    homes = [folder for folder in visitors.glob("*") if _VISITOR.fullmatch(folder.name)]
    left = [folder for folder in homes if time.time() - folder.stat().st_mtime > _LEFT and not Home(folder).all_runs()]
    for folder in sorted(left, key=lambda folder: folder.stat().st_mtime)[: max(0, len(homes) - most + 1)]:
        shutil.rmtree(folder, ignore_errors=True)
        homes.remove(folder)
    return len(homes) < most


def _is_path(text: str) -> bool:
    """Whether this means something on this machine rather than on the Hub."""
    try:
        return text.startswith(("/", ".", "~")) or "\\" in text or Path(text).exists()
    except OSError:  # too long for any file
        return False


def _inside(path: str, folder: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # what no file can be called
        return False
