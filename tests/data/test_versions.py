"""A data set that runs use is not deleted by accident."""

import pytest

from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.data import intake, versions


def test_what_a_run_uses_stays(home, load) -> None:
    content = "text,label\n" + "".join(f"text {i},{i % 2}\n" for i in range(9))
    mine, test, more, free = (load(content + row) for row in ("", "x,1\n", "z,1\n", "y,0\n"))
    assert load(content).id == mine.id
    run = home.new_run()
    places = {"path": f"../../datasets/{mine.id}", "test_path": f"../../datasets/{test.id}"}
    distil = {"teacher": "a", "unlabelled_path": f"../../datasets/{more.id}"}
    run.recipe.write_text(recipe.dump(recipe.build({"data": places, "distil": distil})), encoding="utf-8")
    assert versions.used(home) == {mine.id: [run.id], test.id: [run.id], more.id: [run.id]}
    for dataset in (mine, test, more):
        with pytest.raises(UserError, match="used by 1 runs"):
            versions.delete(home, dataset.id)
    versions.delete(home, free.id)
    versions.delete(home, test.id, force=True)
    assert {dataset.id for dataset in intake.list_datasets(home)} == {mine.id, more.id}
    with pytest.raises(UserError):
        versions.delete(home, "../../runs")
