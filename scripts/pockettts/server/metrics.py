"""The metrics of the server, for Prometheus. Each server has a registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from pockettts.server.job import Job
from pockettts.server.pool import Pool

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)
_RATIOS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 4)


class ServerMetrics:
    """Counters and histograms that requests fill, and gauges that read the state of the pool."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "pockettts_requests", "Requests by route and HTTP status.", ["route", "status"], registry=registry
        )
        self._errors = Counter("pockettts_errors", "Failed requests by kind of error.", ["kind"], registry=registry)
        self._synthesis = Histogram(
            "pockettts_synthesis_seconds", "Time for which a worker spoke.", buckets=_SECONDS, registry=registry
        )
        self._queued = Histogram(
            "pockettts_queue_seconds", "Time that a request waited for a worker.", buckets=_SECONDS, registry=registry
        )
        self._first = Histogram(
            "pockettts_first_audio_seconds",
            "Time from the arrival of a request to its first audio.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._rtf = Histogram(
            "pockettts_rtf", "Real-time factor: synthesis time / audio time.", buckets=_RATIOS, registry=registry
        )
        self._restarts = Counter(
            "pockettts_worker_restarts",
            "Workers replaced, by reason: crashed, hung, memory or start.",
            ["reason"],
            registry=registry,
        )

    def watch(self, pool: Pool) -> None:
        """Add gauges for the state of a pool."""
        for name, text, read in (
            ("queue_depth", "Requests that wait for a worker.", lambda: pool.queued),
            ("workers_busy", "Workers that speak.", lambda: pool.busy),
            ("workers_ready", "Workers that are warm.", lambda: pool.ready),
        ):
            Gauge(f"pockettts_{name}", text, registry=self.registry).set_function(read)

    def request(self, route: str, status: int, error: str | None, job: Job | None) -> None:
        """Count an answered request; `job` is None if it never reached the pool."""
        self._requests.labels(route, str(status)).inc()
        if error is not None:
            self._errors.labels(error).inc()
        if job is None or error == "busy":
            return
        self._queued.observe(job.queue_seconds)
        if error is None:
            self._synthesis.observe(job.synthesis_seconds)
        if error is None and job.audio_seconds:
            self._rtf.observe(job.synthesis_seconds / job.audio_seconds)
        if job.first_audio_seconds is not None:
            self._first.observe(job.first_audio_seconds)

    def restart(self, reason: str) -> None:
        """Count a worker that was replaced."""
        self._restarts.labels(reason).inc()

    def text(self) -> bytes:
        """Return all metrics in the format of Prometheus."""
        return generate_latest(self.registry)
