"""Metrics of requests: how long they took, and which were refused for a limit."""

from typing import Final, get_args

from prometheus_client import Counter, Histogram

from app.telemetry.labels import ClientKind, ConcurrencyLimitName, LimitName
from app.telemetry.metrics.registry import REGISTRY
from app.telemetry.request_times import RequestTimes

_REQUEST_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

_requests: Final = Histogram(
    "chatlake_request_seconds",
    "Time to answer a request; to the end of the answer when it is streamed",
    ["method", "route", "status"],
    buckets=_REQUEST_BUCKETS_S,
    registry=REGISTRY,
)
_request_times: Final = RequestTimes(_requests, _REQUEST_BUCKETS_S)
_limited: Final = Counter(
    "chatlake_limited_requests",
    "Requests that were refused because their client had reached a limit",
    ["limit", "client"],
    registry=REGISTRY,
)
_not_shared: Final = Counter(
    "chatlake_limit_exchange_failures",
    "Attempts to share the limits of clients with other nodes that failed; it is tried again",
    registry=REGISTRY,
)

# Exposes 0 for what hasn't happened yet: see `app.telemetry.metrics`.
for _limit in (*get_args(LimitName), *get_args(ConcurrencyLimitName)):
    for _kind in get_args(ClientKind):
        _limited.labels(_limit, _kind)


def answered(method: str, route: str, status: str, seconds: float) -> None:
    """Count an answered request; it is exposed after the next call of `publish`.

    Args:
        method: The request's method, one of those that the route has.
        route: The URL rule that the request matched, never the path itself.
        status: The three digits of the answer's status code.
        seconds: Time to the end of the answer.
    """
    _request_times.of(method, route, status).append(seconds)


def publish() -> None:
    """Observe the times of the requests that were answered since the last call."""
    _request_times.publish()


def limited(limit: LimitName | ConcurrencyLimitName, kind: ClientKind) -> None:
    """Count a request that was refused because a client of some kind had reached a limit."""
    _limited.labels(limit, kind).inc()


def limits_not_shared() -> None:
    """Count an attempt to share the limits of clients with other nodes that failed."""
    _not_shared.inc()
