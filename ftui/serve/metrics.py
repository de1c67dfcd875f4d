"""What GET /metrics tells, in the words of Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one server; each server has its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("ftui_requests", "Requests by path and status", ["path", "status"], registry=self.registry)
        self.seconds = Histogram("ftui_request_seconds", "Time of a request", ["path"], buckets=SECONDS, registry=self.registry)
        self.texts = Counter("ftui_texts", "Texts that were answered", ["model"], registry=self.registry)
        self.rows = Histogram("ftui_batch_rows", "Texts in one pass of the model", ["model"], buckets=ROWS, registry=self.registry)
        self.passes = Histogram("ftui_batch_seconds", "Time of one pass of the model", ["model"], buckets=SECONDS, registry=self.registry)
        self.refused = Counter("ftui_refused", "Requests sent away because too many waited", ["model"], registry=self.registry)
        self.waiting = Gauge("ftui_waiting_rows", "Texts that wait for the model", ["model"], registry=self.registry)

    def request(self, path: str, status: int, seconds: float) -> None:
        self.requests.labels(path, status).inc()
        self.seconds.labels(path).observe(seconds)

    def model(self, name: str, waiting: Callable[[], int]) -> Callable[[int, float], None]:
        """What a model's batches are told to: (rows, seconds). `waiting()` is asked whenever somebody reads."""
        self.waiting.labels(name).set_function(waiting)
        texts, rows, passes = self.texts.labels(name), self.rows.labels(name), self.passes.labels(name)
        self.refused.labels(name)  # stands there from the beginning, as 0

        def seen(count: int, seconds: float) -> None:
            texts.inc(count)
            rows.observe(count)
            passes.observe(seconds)

        return seen

    def text(self) -> bytes:
        return generate_latest(self.registry)
