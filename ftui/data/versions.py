"""Data sets as versions: the same content has the same id, each run names the one that it used, and that one stays."""

import shutil
from collections import defaultdict
from pathlib import Path

from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.core.home import Home


def used(home: Home) -> dict[str, list[str]]:
    """Id of a data set -> ids of the runs that use it, as data or as own validation or test rows; newest run first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for run in home.all_runs():
        try:
            data = recipe.load(run.recipe).data
        except UserError:  # spoilt: what it used is not known
            continue
        for name in {Path(path).name for path in (data.path, data.validation_path, data.test_path) if path}:
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
