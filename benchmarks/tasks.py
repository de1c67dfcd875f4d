"""The table "Tasks" of the README: what tuning does to each task, on real data, with the starter models.

    python benchmarks/tasks.py [NAME ...] [--minutes 8] [--home DIR] [--kept FILE] [--rows N] [--readme]

One row for each of ROWS (`make bench-tasks` makes all, one seed each). What has been measured is kept in `--kept`, so that the
table can be made in several goes; nothing new begins after --minutes, and a training that this command has left behind is
gone on with. "Before" is the model before tuning where it can do the
task at all (language models), else the simple model that the report compares with (TF-IDF, gazetteer ...). The time is that
of the processors in the whole job, evaluation included: on a busy machine the clock says nothing. --readme puts the rows that
there are into both READMEs.
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
MOST = 3000  # rows that are learned from


@dataclass(frozen=True)
class Row:
    """A data set and what is learned from it. `metrics`: those that are shown, the main one first; `rows`: at most so many
    training rows; `tested`: at most so many test rows (None: all); `data`: the data set's name where it isn't the row's."""

    task: str
    train: str
    test: str | None
    metrics: tuple[str, ...]
    columns: dict[str, str] = field(default_factory=dict)
    model: str = "starter-encoder"
    rows: int = MOST
    tested: int | None = None
    sections: dict = field(default_factory=dict)
    data: str | None = None


WRITING = {"task": "text-generation", "model": "starter-lm", "metrics": ("perplexity", "perplexity_character", "rougeL")}
BRIEF = {"training": {"num_train_epochs": 3, "max_length": 256}, "language": {"samples": 32, "max_new_tokens": 48}}
QUICK = {"training": {"num_train_epochs": 3, "max_length": 128}}

NER = Row("token-classification", "train.conll", "test.conll", ("f1", "precision", "recall"), sections=QUICK)
QA = Row("question-answering", "train.json.gz", "test.json", ("f1", "exact_match"), rows=1500, tested=500, sections=QUICK)
EMOTIONS = Row(
    "multi-label-classification", "train.csv.gz", "test.csv.gz", ("f1_micro", "map"), {"text": "text", "labels": "labels"}, tested=1500, sections=QUICK
)
TARGETS = {"task": "text2text-generation", "model": "starter-seq2seq", "metrics": ("rougeL", "chrf", "perplexity")}
ADAPTED = {"task": "fill-mask", "model": "starter-encoder", "metrics": ("perplexity",)}

ROWS: dict[str, Row] = {
    "zh_sentiment_reviews": Row("text-classification", "train.csv", "test.csv", ("f1_macro", "accuracy"), sections=QUICK),
    "zh_ner_uner": NER,
    "zh_instruct_oasst": Row(train="train.jsonl", test="test.jsonl", tested=64, sections=BRIEF, **WRITING),
    "zh_messy_medical_gbk": Row(train="medical_qa_gbk.csv", test=None, columns={"text": "answer"}, rows=2500, sections=QUICK, **ADAPTED),
    "zh_poetry": Row(train="song_ci_300.jsonl", test=None, columns={"text": "text"}, sections=BRIEF, **WRITING),
    "zh_summary_csl": Row(
        train="train.jsonl", test="test.jsonl", columns={"source": "abstract", "target": "title"}, tested=300, sections=BRIEF, **TARGETS
    ),
    "en_emotion_goemotions": EMOTIONS,
    "en_ner_wnut17": NER,
    "zh_qa_cmrc2018": QA,
    "zh_instruct_ruozhiba": Row(train="train.jsonl.gz", test="test.jsonl", rows=1500, tested=200, sections=BRIEF, **WRITING),
    "en_qa_xquad": replace(QA, train="train.json"),
    "zh_en_translation_tatoeba": Row(
        train="train.csv", test="test.csv", columns={"source": "en", "target": "zh"}, tested=500,
        sections={**QUICK, "language": {"max_new_tokens": 48}}, **TARGETS,
    ),
    "en_instruct_gpteacher": Row(train="train.jsonl.gz", test="test.jsonl", rows=1500, tested=200, sections=BRIEF, **WRITING),
    "en_ner_wnut17 MiniLM": replace(NER, data="en_ner_wnut17", model="MiniLM"),
    "en_emotion_goemotions MiniLM": replace(EMOTIONS, data="en_emotion_goemotions", model="MiniLM"),
    "en_qa_xquad MiniLM": replace(QA, train="train.json", data="en_qa_xquad", model="MiniLM"),
}  # fmt: skip


def shortened(path: Path, rows: int | None, folder: Path) -> Path:
    """The file itself, or its first rows where it has more (of files whose rows are records, and of questions as many articles
    as have so many; others are read whole)."""
    name = path.name.removesuffix(".gz")
    if rows is None or Path(name).suffix not in (".jsonl", ".csv", ".json"):
        return path
    encoding = "gb18030" if "gbk" in name else "utf-8"
    made = folder / f"{path.parent.name}-{rows}-{name}"
    with gzip.open(path, "rt", encoding=encoding, newline="") if path.suffix == ".gz" else path.open(encoding=encoding, newline="") as file:
        if name.endswith(".jsonl"):
            made.write_text("".join(itertools.islice(file, rows)), encoding=encoding)
        elif name.endswith(".json"):
            chosen, asked = [], 0
            for article in json.load(file)["data"]:
                if asked < rows:
                    chosen.append(article)
                asked += sum(len(paragraph["qas"]) for paragraph in article["paragraphs"])
            made.write_text(json.dumps({"data": chosen}, ensure_ascii=False), encoding=encoding)
        else:
            with made.open("w", encoding=encoding, newline="") as copy:
                csv.writer(copy).writerows(itertools.islice(csv.reader(file), rows + 1))
    return made


def recipe(name: str, row: Row, folder: Path, rows: int):
    """What the row's training is."""
    from benchmarks.teachers import minilm
    from ftui.core import recipe as recipes

    source = DATA / (row.data or name)
    data = {"path": str(shortened(source / row.train, min(rows, row.rows), folder)), "columns": row.columns}
    if row.test:
        data["test_path"] = str(shortened(source / row.test, row.tested, folder))
    model = minilm() if row.model == "MiniLM" else row.model
    return recipes.build({"task": row.task, "model": model, "data": data, **row.sections})


def spent(job) -> float | None:
    """Seconds that the processors have worked for a job, when it is at its end; None where it was there already."""
    import psutil

    from ftui import jobs
    from ftui.core import events as ev

    times: dict[int, float] = {}
    while jobs.state(job) not in ev.TERMINAL:
        try:
            worker = psutil.Process(job.card().get("pid"))
            for process in (worker, *worker.children(recursive=True)):
                used = process.cpu_times()
                times[process.pid] = used.user + used.system
        except psutil.Error:  # it has just ended
            pass
        time.sleep(1)
    return sum(times.values()) if times else None


def measured(name: str, row: Row, home, rows: int) -> dict:
    """Metrics before and after, rows and seconds of a training that is run here to its end."""
    from benchmarks.following import finished
    from ftui import jobs
    from ftui.core import events as ev

    started = home.path / f"started-{name}-{rows}"
    alive = started.exists() and jobs.state(home.run(started.read_text()).training()) not in (ev.FAILED, ev.STOPPED, ev.LOST)
    if alive:
        run = home.run(started.read_text())
    else:
        with tempfile.TemporaryDirectory() as folder:
            run = jobs.start_training(recipe(name, row, Path(folder), rows), home)
        started.write_text(run.id)
    seconds = spent(run.training())
    job = finished(run.training())
    report, events = json.loads(run.report.read_text(encoding="utf-8")), ev.read(job.events)[0]
    logged = {event["key"]: event["params"] for event in events if event["type"] == "log"}
    test = report["splits"]["test"]
    return {
        "before": (report.get("baseline") or {}).get("metrics", {}),
        "against": (report.get("baseline") or {}).get("name"),
        "after": test["metrics"],
        "learned": logged.get("data_ready", logged.get("texts_ready"))["train"],
        "tested": test["rows"],
        "clock": logged["finished"]["seconds"],
        "seconds": seconds,
    }


WORDS = {
    "en": {
        "head": "| data | task | model | rows learned from / tested | before | after | processor time |",
        "against": {"before_tuning": "before tuning", "tfidf_logistic_regression": "TF-IDF", "tfidf_one_vs_rest": "TF-IDF", "gazetteer": "gazetteer"},
    },
    "zh": {
        "head": "| 数据 | 任务 | 模型 | 训练 / 测试行数 | 之前 | 之后 | 处理器用时 |",
        "against": {"before_tuning": "微调前", "tfidf_logistic_regression": "TF-IDF", "tfidf_one_vs_rest": "TF-IDF", "gazetteer": "词表"},
    },
}


def line(name: str, found: dict, lang: str) -> str:
    """A row of the table."""
    row = ROWS[name]

    def told(metrics: dict) -> str:
        return ", ".join(f"{metric} {metrics[metric]:.3g}" for metric in row.metrics if metrics.get(metric) is not None)

    against = WORDS[lang]["against"].get(found["against"], found["against"])
    before = f"{told(found['before'])} ({against})" if told(found["before"]) else "–"
    rows, minutes = f"{found['learned']:,} / {found['tested']:,}", f"{found['seconds'] / 60:.1f} min" if found["seconds"] else "–"
    return f"| `{row.data or name}` | {row.task} | {row.model} | {rows} | {before} | {told(found['after'])} | {minutes} |"


def table(kept: dict[str, dict], lang: str) -> str:
    """The rows that have been measured."""
    head = WORDS[lang]["head"]
    return "\n".join([head, "| --- " * (head.count("|") - 1) + "|", *(line(name, kept[name], lang) for name in ROWS if name in kept)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--minutes", type=float, default=60, help="after which nothing new begins")
    parser.add_argument("--rows", type=int, default=MOST, help="training rows at most")
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "ftui-bench-tasks")
    parser.add_argument("--kept", type=Path, help="a JSON file of what has been measured (default: in --home)")
    parser.add_argument("--readme", action="store_true", help="put the table into both READMEs")
    options = parser.parse_args()
    unknown = set(options.names) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")

    from benchmarks import readme
    from benchmarks.teachers import minilm
    from ftui.core.home import Home, write_json

    home, began = Home(options.home), time.monotonic()
    file = options.kept or options.home / f"tasks-{options.rows}.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in options.names or ROWS:
        if name in kept or (ROWS[name].model == "MiniLM" and not minilm()):
            continue
        if time.monotonic() - began > 60 * options.minutes:
            print(f"{name}: no time left", file=sys.stderr)
            continue
        kept[name] = measured(name, ROWS[name], home, options.rows)
        write_json(file, kept)
        print(line(name, kept[name], "en"), file=sys.stderr, flush=True)
    print(table(kept, "en"))
    if options.readme:
        readme.put("tasks", table(kept, "en"), table(kept, "zh"))


if __name__ == "__main__":
    main()
