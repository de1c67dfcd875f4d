"""A million rows: what is held in memory stays far below what is read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
LIMIT = 400 * 2**20  # bytes; the promise is "under 1 GB"

IMPORT = """
import json, resource, sys, time
from pathlib import Path
from ftui.core.home import Home
from ftui.data import intake, inspecting
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
before, start = peak(), time.monotonic()
dataset = intake.import_file(Path(sys.argv[1]), Home(Path(sys.argv[2])))
seconds, growth = time.monotonic() - start, peak() - before
table = dataset.table()
counts, found = inspecting.label_counts(table, "情感标签"), inspecting.guess(table)["columns"]
last = table.slice(len(table) - 1).to_pylist()
print(json.dumps({"rows": dataset.card()["rows"], "growth": growth, "seconds": seconds, "counts": counts,
                  "columns": found, "last": last, "growth_after": peak() - before}))
"""

# A new process takes over the peak of the one that started it: the tests' own, which is large, must not be that one.
LAUNCH = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode)"


def write(path: Path, rows: int, encoding: str) -> None:
    """About 100 bytes a row; some cells with quotes, delimiters and line breaks."""
    block = "".join(
        f'"第{i}条：房间""很大"", 早餐\n丰富，下次还会再来这家酒店住",正面,2024-01-01\r\n'
        if i % 10 == 0
        else f"第{i}条评论：房间太小，隔音也差，价格还贵，下次不会再来这家酒店了,负面,2024-01-02\r\n"
        for i in range(1000)
    ).encode(encoding)
    with path.open("wb") as file:
        file.write("评论内容,情感标签,日期\r\n".encode(encoding))
        for _ in range(rows // 1000):
            file.write(block)


@pytest.mark.parametrize(("encoding", "rows"), [pytest.param("utf-8", 1_000_000, marks=pytest.mark.slow), ("gb18030", 200_000)])
def test_memory(tmp_path: Path, encoding: str, rows: int) -> None:
    path = tmp_path / "big.csv"
    write(path, rows, encoding)
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, IMPORT, str(path), str(tmp_path / "home")],
        cwd=REPO, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(
        f"{path.stat().st_size / 1e6:.0f} MB, {found['rows'] / found['seconds']:,.0f} rows/s, +{found['growth'] / 2**20:.0f} MB"
    )
    assert found["rows"] == rows
    assert found["counts"] == [["负面", rows * 9 // 10], ["正面", rows // 10]]
    assert found["columns"] == {"text": "评论内容", "label": "情感标签"}
    assert found["last"][0]["情感标签"] == "负面"
    assert 5 * 2**20 < found["growth"] < LIMIT  # below the first number nothing would have been measured
