"""How long until the page answers, beside a bare Gradio page: python benchmarks/start.py [--rounds 5]

Each round starts both, one after the other, on a fresh home, and waits for the first whole answer of the page.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).resolve().parents[1]
BARE = """
import os, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio as gr
with gr.Blocks() as demo:
    gr.Markdown("# Hello")
demo.launch(server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def seconds(command: list[str], port: int, path: str) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - began < 120:
            try:
                if httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60).status_code == 200:
                    return time.perf_counter() - began
            except httpx.TransportError:
                time.sleep(0.02)
        raise TimeoutError(" ".join(command))
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {"bare Gradio page": [], "ftui": []}
    for _ in range(rounds):
        port = free_port()
        found["bare Gradio page"].append(seconds([sys.executable, "-c", BARE, str(port)], port, "/"))
        with tempfile.TemporaryDirectory() as home:
            port = free_port()
            command = [sys.executable, "-m", "ftui", "ui", "--port", str(port), "--home", home]
            found["ftui"].append(seconds(command, port, "/en/"))
    for name, times in found.items():
        print(f"{name:18} median {statistics.median(times):.2f} s  (min {min(times):.2f}, max {max(times):.2f})")
    ratios = [mine / bare for bare, mine in zip(*found.values(), strict=True)]
    print(f"ratio, round by round: median {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})")


if __name__ == "__main__":
    main()
