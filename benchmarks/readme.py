"""Where the READMEs keep the figures that a benchmark has made: between <!-- NAME --> and <!-- /NAME -->."""

import re
from pathlib import Path

READMES = {"en": Path(__file__).parents[1] / "README.md", "zh": Path(__file__).parents[1] / "README.zh.md"}


def put(name: str, table: str, chinese: str | None = None) -> None:
    """Replace what stands between the marks in each README that has them; the Chinese one may have a table of its own."""
    for lang, path in READMES.items():
        made = chinese if chinese and lang == "zh" else table
        text = path.read_text(encoding="utf-8")
        marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        path.write_text(marked.sub(lambda found, made=made: f"{found[1]}{made.strip()}\n{found[2]}", text), encoding="utf-8")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; all but the first two columns are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join([" --- ", " --- ", *[" ---: "] * (len(heads) - 2)]) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
