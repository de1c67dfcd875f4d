import multiprocessing

from ftui.core import events as ev


def test_a_reader_goes_on_where_it_was_and_leaves_half_a_line(tmp_path):
    path = tmp_path / "events.jsonl"
    writer = ev.Writer(path, 1)
    writer.state(ev.RUNNING)
    first, offset = ev.read(path)
    with open(path, "ab") as file:
        file.write(b'{"type": "log", "half')
    assert ev.read(path, offset) == ([], offset)
    writer.log("finished", seconds=3)  # a writer after a killed one begins a new line
    second, end = ev.read(path, offset)
    assert [e["type"] for e in first + second] == ["state", "log"]
    assert end == path.stat().st_size


def test_no_file_yet(tmp_path):
    assert ev.read(tmp_path / "none") == ([], 0)


def test_numbers_that_are_none_are_left_out(tmp_path):
    path = tmp_path / "events.jsonl"
    ev.Writer(path, 1).metric(1, 0.1, {"loss": float("nan"), "grad_norm": 1.0})
    assert ev.read(path)[0][0]["values"] == {"grad_norm": 1.0}


def _write(path, number):
    for i in range(200):
        ev.Writer(path, number).log("finished", seconds=i)


def test_two_processes_may_write(tmp_path):
    path = tmp_path / "events.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, n)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(ev.read(path)[0]) == 400
