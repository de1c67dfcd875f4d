"""Data sets as versions: the same content has the same id, each run names the one that it used, and that one stays."""

import shutil
from collections import defaultdict
from pathlib import Path

from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.core.home import Home


def used(home: Home) -> dict[str, list[str]]:
    """Id of a data set -> ids of the runs that use it, as data, as own validation or test rows, or as a student's texts
    without labels; newest run first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for run in home.all_runs():
        try:
            made = recipe.load(run.recipe)
        except UserError:  # spoilt: what it used is not known
            continue
        unlabelled = made.distil.unlabelled_path if made.distil else None
        paths = (made.data.path, made.data.validation_path, made.data.test_path, unlabelled)
        for name in {Path(path).name for path in paths if path}:
            found[name].append(run.id)
    return dict(found)


def delete(home: Home, dataset: str, force: bool = False) -> None:
    """Remove a data set. Raises UserError for one that runs use, unless `force`."""
    folder = home.dataset(dataset)
    runs = used(home).get(dataset, [])
    if runs and not force:
        raise UserError("dataset_used", dataset=dataset, count=len(runs), run=runs[0])
    trash = folder.with_name(f".{dataset}.deleted")
    folder.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)
