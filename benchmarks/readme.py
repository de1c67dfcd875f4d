"""Where the READMEs keep the figures that a benchmark has made: between <!-- NAME --> and <!-- /NAME -->."""

import re
from pathlib import Path

CHINESE = {
    "data, base": "数据，基座", "form": "格式", "accuracy": "准确率", "same label": "标签一致", "one text, ms p50 / p95": "单条毫秒 p50 / p95",
    "texts/s, 32 at once": "条/秒（每批 32）", "× PyTorch": "相对 PyTorch", "peak memory, MB": "内存峰值 MB", "what": "做法", "weights, M": "参数 M",
    "one text, ms p50": "单条毫秒 p50", "faster": "提速", "half the layers": "一半的层", "vocabulary": "词表", "server": "服务", "requests/s": "请求/秒",
    "× plain def / async def": "相对普通 def / async def", "p50, ms": "p50 毫秒", "p95, ms": "p95 毫秒", "failed": "失败",
    "plain FastAPI, def": "普通 FastAPI，def", "plain FastAPI, async def": "普通 FastAPI，async def", "ftui, `model`": "ftui，`model`",
    "ftui, `onnx`": "ftui，`onnx`", "ftui, `onnx-int8`": "ftui，`onnx-int8`",
}  # fmt: skip
READMES = {"en": Path(__file__).parents[1] / "README.md", "zh": Path(__file__).parents[1] / "README.zh.md"}


def put(name: str, table: str, chinese: str | None = None) -> None:
    """Replace what stands between the marks in each README that has them; the Chinese one has a table of its own, or its words."""
    for lang, path in READMES.items():
        made = (chinese or translated(table)) if lang == "zh" else table
        text = path.read_text(encoding="utf-8")
        marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        path.write_text(marked.sub(lambda found, made=made: f"{found[1]}{made.strip()}\n{found[2]}", text), encoding="utf-8")


def translated(table: str) -> str:
    """A table with the cells that CHINESE knows in Chinese."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.strip().splitlines()]
    return "\n".join("| " + " | ".join(CHINESE.get(cell, cell) for cell in cells) + " |" for cells in lines)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; all but the first two columns are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join([" --- ", " --- ", *[" ---: "] * (len(heads) - 2)]) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
