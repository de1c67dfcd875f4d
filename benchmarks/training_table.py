"""The table and the plot of the READMEs, from what training.py has measured. `python benchmarks/training_table.py` makes them anew."""

import json
import statistics
from pathlib import Path

import readme

REPO = Path(__file__).parents[1]
RESULT = REPO / "benchmarks" / "training.json"
PLOT = REPO / "assets" / "training.svg"
WAYS = ("guides", "stock", "best", "ftui", "again")
WORDS = {
    "en": {
        "head": "| rows per second (ratio to stock) | guides' loop | stock Trainer | Trainer at its best | ftui | ftui, again on these rows | ftui to best |",
        "about": "{cores} CPU cores, batch 16, {rows} rows, median of {rounds} rounds (largest over smallest of a way: median {middle:.2f}, at most {spread:.2f}); ratios are medians of each round's.",
        "tokens": "Tokens per text (median, 90 %): {tokens}. Of the bf16 matrix product's own speed here ({rate:.0f} GFLOP/s), full tuning reaches: {shares}.",
        "product": "A whole training (`ftui train`: log, evaluation, checkpoints) takes {ratio:.2f} times as long as the bare loop on {rows} rows.",
        "accuracy": "Accuracy after {rows} rows x 2 epochs, mean of {seeds} seeds, full tuning, Trainer at its best / ftui: {figures}.",
    },
    "zh": {
        "head": "| 每秒行数（与原版之比） | 教程循环 | 原版 Trainer | Trainer 最佳设置 | ftui | ftui，同样数据再次运行 | ftui 与最佳之比 |",
        "about": "{cores} 个 CPU 核，批大小 16，{rows} 行，{rounds} 轮取中位数（同一方式各轮最大与最小之比：中位数 {middle:.2f}，最高 {spread:.2f}）；比值为各轮比值的中位数。",
        "tokens": "每条文本的 token 数（中位数、90 百分位）：{tokens}。本机 bf16 矩阵乘法实测 {rate:.0f} GFLOP/s，全量微调达到其：{shares}。",
        "product": "在 {rows} 行数据上，完整训练（`ftui train`，含日志、评估和检查点）的用时是纯训练循环的 {ratio:.2f} 倍。",
        "accuracy": "用 {rows} 行训练 2 轮、{seeds} 个种子平均的准确率（全量微调，Trainer 最佳设置 / ftui）：{figures}。",
    },
}


def beside(values: dict, way: str, other: str) -> float:
    """Of two ways: the median of what each round says, since other work on the machine weighs on a round as a whole."""
    return statistics.median(one / another for one, another in zip(values[way], values[other], strict=True))


def table(result: dict, lang: str) -> str:
    """The table of a README, from what RESULT holds."""
    words, timed = WORDS[lang], result["speed"]
    lines = [words["head"], "| --- | --- | --- | --- | --- | --- | --- |"]
    spreads = []
    rows = " / ".join(str(n) for n in sorted({values["rows"] for values in timed["cases"].values()}))
    for case, values in timed["cases"].items():
        ratios = {way: beside(values, way, "stock") for way in WAYS if way in values}
        spreads += [max(values[way]) / min(values[way]) for way in ratios]
        cells = [f"{statistics.median(values[way]):.0f} ({ratios[way]:.1f}x)" if way in ratios else "" for way in WAYS]
        name, data = case.split()
        lines.append(f"| `{name}` {data} | {' | '.join(cells)} | {beside(values, 'ftui', 'best'):.2f}x |")
    whole = {case.split()[1]: v for case, v in timed["cases"].items() if "share" in v}
    tokens = ", ".join(f"{name} {v['tokens'][0]}, {v['tokens'][1]}" for name, v in whole.items())
    shares = ", ".join(f"{name} {100 * v['share']:.0f} %" for name, v in whole.items())
    lines += ["", words["about"].format(**timed, rows=rows, middle=statistics.median(spreads), spread=max(spreads))]
    lines.append(words["tokens"].format(tokens=tokens, shares=shares, rate=timed["gflops"]))
    if "product" in result:
        found = result["product"]
        ratio = statistics.median(found["whole"]) / statistics.median(found["bare"])
        lines.append(words["product"].format(ratio=ratio, rows=found["rows"]))
    if "accuracy" in result:
        found = result["accuracy"]
        figures = ", ".join(f"{data} " + " / ".join(f"{statistics.mean(v):.3f}" for v in ways.values()) for data, ways in found["sets"].items())
        lines.append(words["accuracy"].format(rows=found["rows"], seeds=found["seeds"], figures=figures))
    lines += filter(None, [result.get("time", {}).get(lang)])
    return "\n".join(lines)


def plot(timed: dict) -> str:
    """The ratios to stock as bars, an SVG."""
    colours = {"guides": "#c9c4ba", "stock": "#a19b8f", "best": "#6f8f9e", "ftui": "#0f766e"}
    ratios = {case: {way: beside(v, way, "stock") for way in colours if way in v} for case, v in timed["cases"].items()}
    widest = max(max(ways.values()) for ways in ratios.values())
    made, y = [], 34
    for case, ways in ratios.items():
        made.append(f'<text x="0" y="{y + 26}">{case.replace(" ", " · ")}</text>')
        for way, ratio in ways.items():
            width = 380 * ratio / widest
            made.append(f'<rect x="220" y="{y}" width="{width:.0f}" height="9" rx="2" fill="{colours[way]}"/>')
            made.append(f'<text x="{226 + width:.0f}" y="{y + 9}" font-size="10">{ratio:.1f}</text>')
            y += 11
        y += 12
    key = "".join(f'<rect x="{220 + 95 * i}" y="8" width="10" height="10" fill="{colours[way]}"/><text x="{235 + 95 * i}" y="17">{way}</text>' for i, way in enumerate(colours))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {y}" width="660" font-family="sans-serif" font-size="12" fill="#555">{key}{"".join(made)}</svg>\n'


def publish(result: dict) -> None:
    """RESULT, the plot, and the READMEs between their marks."""
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    PLOT.write_text(plot(result["speed"]), encoding="utf-8")
    readme.put("training bench", table(result, "en"), table(result, "zh"))


if __name__ == "__main__":
    publish(json.loads(RESULT.read_text(encoding="utf-8")))
