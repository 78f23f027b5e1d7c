"""What is counted for Prometheus: requests by route and status, and webhooks by what became of them.

Labels are names of ours and statuses; no tenant, no account, no id.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one gateway."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "kobosift_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "kobosift_request_seconds", "Time to answer a request.", ["route"], registry=self._registry
        )
        self._webhooks = Counter("kobosift_webhooks", "Webhooks received.", ["result"], registry=self._registry)
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._waiting = Gauge("kobosift_webhooks_waiting", "Landed events not processed yet.", registry=self._registry)

    def request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        counted = self._counted.get((method, route, status))
        if counted is None:
            counted = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._counted[method, route, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def webhook(self, result: str) -> None:
        """Count a webhook: `landed`, `repeated`, or why it was refused."""
        self._webhooks.labels(result).inc()

    def exposed(self, waiting: int) -> bytes:
        """Write all figures as Prometheus reads them."""
        self._waiting.set(waiting)
        return generate_latest(self._registry)


_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
