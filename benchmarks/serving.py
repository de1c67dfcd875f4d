"""Requests a second and waiting times under load, beside the guides' plain server: python -m benchmarks.serving

A bounded load on the loopback address: --clients connections, each asking its next question as soon as the last is
answered, for --seconds. Each server runs alone, one after the other, in --rounds rounds; all are asked the same texts. With
--home the model and its artefacts are those that `python -m benchmarks.artefacts make` has left there.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from benchmarks import readme, teachers
from benchmarks.start import REPOSITORY, free_port
from ftui.core.home import Home

SPARE = 2.0  # seconds of load before the clock starts


async def load(url: str, texts: list[str], clients: int, seconds: float) -> dict:
    """{"rate": requests a second, "p50", "p95": ms, "failed": requests that did not end with 200}."""
    import aiohttp

    times: list[float] = []
    failed = 0
    begin = time.perf_counter() + SPARE
    end = begin + seconds

    async def client(session: aiohttp.ClientSession, number: int) -> None:
        nonlocal failed
        while (asked := time.perf_counter()) < end:
            text = texts[number % len(texts)]
            number += clients
            try:
                async with session.post(url, data=json.dumps({"text": text}), headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()
                    failed += answer.status != 200
            except (aiohttp.ClientError, TimeoutError):
                failed += 1
            if asked > begin and time.perf_counter() < end:
                times.append(time.perf_counter() - asked)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=clients)) as session:
        await asyncio.gather(*(client(session, number) for number in range(clients)))
    cuts = statistics.quantiles(times, n=20)
    return {"rate": len(times) / seconds, "p50": 1000 * statistics.median(times), "p95": 1000 * cuts[-1], "failed": failed}


def measure(command: list[str], port: int, path: str, environment: dict[str, str], texts: list[str], arguments: argparse.Namespace) -> dict:
    """Start a server, load it, end it."""
    server = subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while True:
            try:
                httpx.post(f"http://127.0.0.1:{port}{path}", json={"text": texts[0]}, timeout=60, trust_env=False).raise_for_status()
                break
            except httpx.TransportError:
                if time.monotonic() > end or server.poll() is not None:
                    raise
                time.sleep(0.1)
        return asyncio.run(load(f"http://127.0.0.1:{port}{path}", texts, arguments.clients, arguments.seconds))
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        while accepts(port):  # a job outlives the command that has started it by a moment
            time.sleep(0.1)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def prepare(home: Path, data: Path, artefacts: list[str]) -> str:
    """A run of one step (speed does not depend on what was learned) and its artefacts; its id."""
    rows = home / "rows.csv"
    with open(data, encoding="utf-8", newline="") as source, open(rows, "w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(itertools.islice(csv.reader(source), 401))
    recipe = home / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"data": {"path": str(rows)}, "training": {"max_steps": 1, "max_length": 256}}), encoding="utf-8")
    run = json.loads(_ftui(home, "train", str(recipe)))["run"]
    for artefact in artefacts:
        if artefact != "model":
            _ftui(home, "export", run, "--format", artefact)
    return run


def _ftui(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ftui", *arguments, "--home", str(home)]
    return subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a CSV with text and label [default: zh_sentiment_reviews of $FTUI_TEST_DATA]")
    parser.add_argument("--artefacts", nargs="*", default=["model", "onnx", "onnx-int8"])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--readme", action="store_true", help="put the table into the READMEs")
    arguments = parser.parse_args()
    data = arguments.data or next(Path(os.environ["FTUI_TEST_DATA"]).glob("zh_sentiment_reviews/*train*.csv"))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run = prepare(home, data, arguments.artefacts) if not arguments.home else ""
        if arguments.home:
            home = arguments.home.absolute()
            run = teachers.trained("zh_sentiment_reviews", "starter-encoder", Home(home)).id
        with open(data, encoding="utf-8", newline="") as file:
            texts = [max(row, key=len) for row in itertools.islice(csv.reader(file), 1, 401)]
        lines: dict[str, list[dict]] = {}
        print(f"{arguments.clients} clients, {arguments.seconds:.0f} s, texts of {statistics.mean(map(len, texts)):.0f} characters on average")
        for _ in range(arguments.rounds):
            plain = {"FOLDER": str(home / "runs" / run / "model")}
            for name, path in (("plain FastAPI, def", "/predict"), ("plain FastAPI, async def", "/predict-async")):
                port = free_port()
                command = [sys.executable, "-m", "uvicorn", "benchmarks.plain_server:app", "--port", str(port), "--log-level", "warning"]
                lines.setdefault(name, []).append(show(name, measure(command, port, path, plain, texts, arguments)))
            for artefact in arguments.artefacts:
                port = free_port()
                command = [sys.executable, "-m", "ftui", "serve", run, "--artefact", artefact, "--port", str(port), "--home", str(home)]
                lines.setdefault(f"ftui, `{artefact}`", []).append(show(f"ftui, {artefact}", measure(command, port, "/predict", {}, texts, arguments)))
        if arguments.readme:
            readme.put("serving", table(lines))


def show(name: str, found: dict) -> dict:
    print(f"{name:<26} {found['rate']:>8.1f} requests/s   p50 {found['p50']:>7.1f} ms   p95 {found['p95']:>7.1f} ms   failed {found['failed']}", flush=True)
    return found


def table(lines: dict[str, list[dict]]) -> str:
    """Medians of the rounds, as multiples of both plain servers."""
    middle = {name: {key: statistics.median(found[key] for found in rounds) for key in ("rate", "p50", "p95")} for name, rounds in lines.items()}
    plain = [found["rate"] for name, found in middle.items() if name.startswith("plain")]
    rows = []
    for name, found in middle.items():
        times = " / ".join(f"{found['rate'] / rate:.1f}" for rate in plain)
        rows.append([name, f"{found['rate']:.0f}", times, f"{found['p50']:.0f}", f"{found['p95']:.0f}", str(sum(one["failed"] for one in lines[name]))])
    return readme.table(["server", "requests/s", "× plain def / async def", "p50, ms", "p95, ms", "failed"], rows)


if __name__ == "__main__":
    main()
