"""What Prometheus reads of the door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from affekt.serving.door.versions import Version, Versions

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 120)
_STAGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_SHIFTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
#: The content type of the answer.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters and histograms of one door.

    Args:
        versions: whose lines are told.
    """

    def __init__(self, versions: Versions) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "affekt_requests", "Answered requests", ["route", "status", "code"], registry=self.registry
        )
        self._seconds = Histogram(
            "affekt_request_seconds", "From the first byte to the answer", ["route"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._stages = Histogram(
            "affekt_stage_seconds", "Seconds of a stage of an answer", ["stage"], buckets=_STAGES,
            registry=self.registry,
        )  # fmt: skip
        self._ready = Gauge("affekt_ready_workers", "Workers that can answer", ["version"], registry=self.registry)
        self._answers = Counter(
            "affekt_answers", "Answers about clips", ["version", "label", "modalities"], registry=self.registry
        )
        self._confidence = Histogram(
            "affekt_confidence", "Probability of the answered label", ["version"], buckets=_SHARES,
            registry=self.registry,
        )  # fmt: skip
        self._outcomes = Counter(
            "affekt_outcomes", "What a version was asked, by the code of its error or none",
            ["version", "digest", "arm", "code"], registry=self.registry,
        )  # fmt: skip
        self._work = Histogram(
            "affekt_work_seconds", "Of a version's worker for an answer", ["version", "arm"], buckets=_STAGES,
            registry=self.registry,
        )  # fmt: skip
        self._compared = Counter(
            "affekt_shadow_compared", "Answers of a shadow held against a client's", registry=self.registry
        )
        self._agreed = Counter("affekt_shadow_agreed", "Of them with one label, or error", registry=self.registry)
        self._passed_over = Counter(
            "affekt_shadow_passed_over", "Requests that a shadow had no time for", registry=self.registry
        )
        self._shift = Histogram(
            "affekt_shadow_shift", "Largest difference of a probability between a shadow's answer and a client's",
            buckets=_SHIFTS, registry=self.registry,
        )  # fmt: skip
        self.registry.register(_Lines(versions))
        versions.watcher = self

    def answered(self, route: str, status: int, note: Mapping[str, Any], seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, str(status), note.get("code", "")).inc()
        self._seconds.labels(route).observe(seconds)

    def took(self, seconds: Mapping[str, float]) -> None:
        """Count how long stages took."""
        for stage, each in seconds.items():
            self._stages.labels(stage).observe(each)

    def worked(self, version: Version, arm: str, seconds: float, code: str) -> None:
        """Count what a version was asked, by a client or as a shadow."""
        self._outcomes.labels(version.name, version.digest, arm, code).inc()
        if code != "busy":
            self._work.labels(version.name, arm).observe(seconds)

    def compared(self, agree: bool, shift: float | None) -> None:
        """Count an answer of a shadow."""
        self._compared.inc()
        self._agreed.inc(agree)
        if shift is not None:
            self._shift.observe(shift)

    def passed_over(self) -> None:
        """Count a request that a shadow had no time for."""
        self._passed_over.inc()

    async def look(self, versions: Versions) -> None:
        """Ask the engine how many workers are ready."""
        self._ready.clear()
        for name in list(versions.all):
            self._ready.labels(name).set(await versions.engine.ready(name))

    def said(self, version: str, document: Mapping[str, Any]) -> None:
        """Count what was said of a clip."""
        if "label" in document:
            self._answers.labels(version, document["label"], "+".join(document["modalities"])).inc()
            self._confidence.labels(version).observe(document["confidence"])

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class _Lines:
    """How many wait and how many are worked on, read when asked."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        waiting = GaugeMetricFamily("affekt_waiting", "Requests that wait for a worker", labels=["version"])
        busy = GaugeMetricFamily("affekt_busy", "Requests that a worker is busy with", labels=["version"])
        for name, version in self._versions.all.items():
            waiting.add_metric([name], version.line.waiting)
            busy.add_metric([name], version.line.busy)
        yield waiting
        yield busy
