import pytest

from ftui.core import home as homes
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.index import Index


@pytest.mark.parametrize("name", ["../../etc", "..", "", "/etc/passwd", "20260101-000000-zzzz", "a\0b", "💥", "20260101-000000-abcd/../.."])
def test_a_run_id_never_leaves_the_home(tmp_path, name):
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError) as caught:
        Home(tmp_path).run(name)
    assert caught.value.code == "run_unknown"


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "é", "-a"])
def test_unsafe_names(name):
    with pytest.raises(UserError):
        homes.safe_name(name)


def test_part_of_an_id_is_enough(tmp_path):
    run = Home(tmp_path).new_run()
    assert Home(tmp_path).run(run.id[-4:]) == run
    assert Home(tmp_path).run(run.id[:8]) == run


def test_publish_shows_whole_folders_only(tmp_path):
    with pytest.raises(RuntimeError), homes.publish(tmp_path / "a") as folder:
        (folder / "x").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    for text in "12":
        with homes.publish(tmp_path / "a") as folder:
            (folder / "x").write_text(text)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "x").read_text() == "2"


def test_where_the_home_is(monkeypatch, tmp_path):
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    assert homes.resolve().path == tmp_path
    assert homes.resolve(tmp_path / "x").path == tmp_path / "x"
    monkeypatch.delenv("FTUI_HOME")
    assert homes.resolve().path.name == ".ftui"


def test_a_broken_index_is_made_again(tmp_path):
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"rubbish" * 1000)
    with Index(path) as index:
        index.save("r", "s", {"a": 1})
    with Index(path) as index:
        assert index.load() == {"r": {"s": {"a": 1}}}
