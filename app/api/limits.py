"""Limits of clients: what each route takes, who the client is, and how answers tell of the limits.

Every route takes one token of a limit, before its view is called. The edge does the same for the
requests that it answers itself. The headers `RateLimit` and `RateLimit-Policy` are those of
draft-ietf-httpapi-ratelimit-headers-11, with "rows" as a unit of our own.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, cast

from flask import Flask, Response, request
from werkzeug.exceptions import NotAcceptable

from app.access.credentials import Credentials
from app.access.limits.bucket_table import Subject
from app.access.limits.limiter import Limiter, Meter
from app.access.limits.policies import Policy
from app.api.addresses import network_of
from app.api.formats import JSON, negotiate
from app.telemetry.metrics import LimitName

METER: Final = "chatlake.meter"
"""Key of a WSGI environment: the `Meter` of the request, if the edge has made one."""
DELAY_S: Final = "chatlake.delay_s"
"""Key of a WSGI environment: how long the server delays the answer, in seconds."""

LIMITS: Final[Mapping[str, LimitName | None]] = {
    "/v1/ingest/chat": "submissions",
    "/v1/ingest/chats": "uploads",
    "/v1/contributions/count": "costly_reads",
    "/v1/stats": "costly_reads",
    "/v1/snapshots/<before>/diff/<after>": "costly_reads",
    "/v1/releases/<name>/diff/<other>": "costly_reads",
    "/v1/sql": "costly_reads",
    # Whoever watches the service has to reach these in any case.
    "/v1/health/": None,
    "/v1/ready": None,
    "/metrics": None,
}
"""The limits by route, of which each request takes one token; all other requests are reads."""
_STREAMING_ROUTES: Final = frozenset({"/v1/contributions", "/v1/me/contributions"})
"""Routes whose answers in every form but JSON are streams, which are costly reads."""

_MAX_DELAY_S: Final = 1.0
"""How long a refusal is delayed at most.

Clients that ask again at once would otherwise take the time of the worker with being refused.
"""
_REMEMBERED_ADDRESSES: Final = 4_096
_MAX_ADDRESS_CHARS: Final = 64
"""Length at which an address is cut off, which only the name of an interface may exceed."""
_UNITS: Final[Mapping[LimitName, str]] = {"rows": "rows", "bytes": "content-bytes"}
"""What limits count that don't count requests."""


def init_app(app: Flask, limiter: Limiter) -> None:
    """Limit the requests of each client."""

    def admit() -> None:
        if METER in request.environ:
            return
        meter = request.environ[METER] = Meter(limiter, subject_of(request.remote_addr))
        limit = _limit_of_request()
        if limit is not None:
            meter.take({limit: 1})

    app.before_request(admit)
    app.after_request(_tell)


def subject_of(address: str | None) -> Subject:
    """Return the client that sends from an address."""
    return _subject_of((address or "")[:_MAX_ADDRESS_CHARS])


@lru_cache(_REMEMBERED_ADDRESSES)
def _subject_of(address: str) -> Subject:
    return Subject("address", network_of(address))


def current_meter() -> Meter:
    """Return the meter of the current request."""
    return cast("Meter", request.environ[METER])


def network_to_note(credentials: Credentials) -> str | None:
    """Return the network that the current request comes from; None with an API key."""
    if credentials.namespace is not None:
        return None
    return subject_of(request.remote_addr).value


def headers_of(meter: Meter) -> Iterable[tuple[str, str]]:
    """Return the headers that tell a client what it has left, by name."""
    if not meter.levels:
        return ()
    template, policies = _templates(tuple(meter.levels))
    left = [part for policy, full_in_s in meter.levels.items() for part in policy.left(full_in_s)]
    return ("RateLimit", template % tuple(left)), ("RateLimit-Policy", policies)


@lru_cache
def _templates(policies: Sequence[Policy]) -> tuple[str, str]:
    """Return the values of both headers, the first with places for what is left."""
    items = []
    for policy in policies:
        unit = f';qu="{_UNITS[policy.name]}"' if policy.name in _UNITS else ""
        items.append(f'"{policy.name}";q={policy.quota}{unit};w={round(policy.window_s)}')
    return ", ".join(f'"{policy.name}";r=%d;t=%d' for policy in policies), ", ".join(items)


def _limit_of_request() -> LimitName | None:
    if request.method == "OPTIONS":
        # A browser asks whether it may send something, and sends it later.
        return "reads"
    route = request.url_rule.rule if request.url_rule else ""
    if route in _STREAMING_ROUTES and _is_stream():
        return "costly_reads"
    return LIMITS.get(route, "reads")


def _is_stream() -> bool:
    try:
        return negotiate(request) != JSON
    except NotAcceptable:
        return False


def _tell(response: Response) -> Response:
    """Add the headers to an answer, and have a refusal delayed."""
    meter = current_meter()
    response.headers.update(headers_of(meter))
    if meter.refusal:
        request.environ[DELAY_S] = min(meter.refusal.retry_after_s, _MAX_DELAY_S)
    return response
