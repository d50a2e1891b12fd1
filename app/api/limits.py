"""Limits of clients: what each route takes, who the client is, and how answers tell of the limits.

Every request takes one token of a limit, before its view is called. The edge does that, unless it
has to ask the database for the key of the request first. The headers `RateLimit` and
`RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-11, with "rows" as a unit of
our own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from random import uniform
from time import thread_time
from typing import Final, cast

from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.access.credentials import Credentials
from app.access.errors import KeyInvalid
from app.access.limits.clients import Client, Clients
from app.access.limits.errors import LimitReached, TooManyAtOnce
from app.access.limits.limiter import Meter
from app.access.limits.policies import Policy
from app.access.permissions.keys import ApiKey
from app.api.access import current_api_key
from app.api.addresses import customer_of, network_of
from app.api.formats import JSON, preferred
from app.services import Services, current_services
from app.telemetry.labels import LimitName

METER: Final = "chatlake.meter"
"""Key of a WSGI environment: the `Meter` of the request, if the edge has made one."""
DELAY_S: Final = "chatlake.delay_s"
"""Key of a WSGI environment: how long the server delays the answer, in seconds."""

LIMITS: Final[Mapping[str, LimitName | None]] = {
    "/v1/ingest/chat": "submissions",
    "/v1/ingest/chats": "uploads",
    "/explore/facets": "costly_reads",
    "/explore/download/<form>": "costly_reads",
    "/v1/contributions/count": "costly_reads",
    "/v1/stats": "costly_reads",
    "/v1/snapshots/<before>/diff/<after>": "costly_reads",
    "/v1/releases/<name>/diff/<other>": "costly_reads",
    "/v1/sql": "costly_reads",
    "/snapshots/<before>/diff/<after>": "costly_reads",
    "/releases/<name>/diff/<other>": "costly_reads",
    "/sql/download/<form>": "costly_reads",
    "/me/download/<form>": "costly_reads",
    # Whoever watches the service has to reach these in any case.
    "/v1/health/": None,
    "/v1/ready": None,
    "/metrics": None,
}
"""The limits by route, of which each request takes one token; all other requests are reads."""
_POSTED: Final = frozenset({"/v1/ingest/chat", "/v1/ingest/chats", "/v1/sql"})
"""Routes that any method but POST only has refused."""
_STREAMING_ROUTES: Final = frozenset({"/v1/contributions", "/v1/me/contributions"})
"""Routes whose answers in every form but JSON are streams, which are costly reads."""
_PATTERNS: Final = [
    (re.compile(re.sub("<[a-z]+>", "[^/]+", route)), limit)
    for route, limit in LIMITS.items()
    if "<" in route
]
"""The limits of routes with variable parts, by the pattern of their paths."""

_TOKEN_S: Final = 0.05
"""Processor time that a read has for its token, in seconds. It takes another for each such time."""
_MAX_DELAY_S: Final = 1.0
"""How long a refusal is delayed at most.

Clients that ask again at once would otherwise take the time of the worker with being refused.
"""
_REMEMBERED_ADDRESSES: Final = 4_096
_MAX_ADDRESS_CHARS: Final = 64
"""Length at which an address is cut off, which only the name of an interface may exceed."""
_UNITS: Final[Mapping[LimitName, str]] = {"rows": "rows", "bytes": "content-bytes"}
"""What limits count that don't count requests."""


def init_app(app: Flask, services: Services) -> None:
    """Limit the requests of each client."""

    def admit() -> None:
        if METER in request.environ:
            return
        try:
            key = current_api_key()
        except (KeyInvalid, SQLAlchemyError, OSError):
            # Whoever tries keys is limited by address, and the check of access refuses the request.
            key = None
        client = client_of(services.access.clients, request.remote_addr, key)
        meter = request.environ[METER] = Meter(services.access.limiter, client)
        limit = limit_of(*_current_request())
        if limit is not None:
            meter.take({limit: 1})

    app.before_request(admit)
    app.after_request(_tell)


def client_of(clients: Clients, address: str | None, key: ApiKey | None) -> Client:
    """Return the client that sends from an address, with a valid API key or without one."""
    if key is not None:
        return clients.with_key(key)
    return clients.at(_customer_at(address))


@lru_cache(_REMEMBERED_ADDRESSES)
def _customer_at(address: str | None) -> str:
    return customer_of((address or "")[:_MAX_ADDRESS_CHARS])


@lru_cache(_REMEMBERED_ADDRESSES)
def network_at(address: str | None) -> str:
    """Return the name of the network of an address, as `network_of` does; "" without an address."""
    return network_of((address or "")[:_MAX_ADDRESS_CHARS])


def limit_of(method: str, path: str, accept: str | None) -> LimitName | None:
    """Return the limit of which a request takes a token; None for no limit.

    Args:
        method: The method of the request.
        path: The path of the request, decoded.
        accept: The header Accept; None without it.
    """
    if method == "OPTIONS":
        # A browser asks whether it may send something, and sends it later.
        return "reads"
    if path in _STREAMING_ROUTES:
        accepted = preferred(parse_accept_header(accept, MIMEAccept))
        return "reads" if accepted in {JSON, None} else "costly_reads"
    if path in _POSTED and method != "POST":
        return "reads"
    if path in LIMITS:
        return LIMITS[path]
    for pattern, limit in _PATTERNS:
        if pattern.fullmatch(path):
            return limit
    return "reads"


def current_meter() -> Meter:
    """Return the meter of the current request."""
    return cast("Meter", request.environ[METER])


@contextmanager
def holding_place() -> Iterator[None]:
    """Hold one of the client's places for reads of the lake in the block.

    Raises:
        TooManyAtOnce: As many reads of the client are under way as may be.
    """
    meter = current_meter()
    client = meter.client
    with ExitStack() as place:
        try:
            place.enter_context(
                current_services().access.places.holding(client.subject, client.reads_at_once)
            )
        except TooManyAtOnce as error:
            meter.refused(error)
            raise
        yield


@contextmanager
def charging() -> Iterator[None]:
    """Charge the client for the processor time of the block, if the request is a usual read.

    Costly reads are limited as such.
    """
    is_usual = limit_of(*_current_request()) == "reads"
    began_s = thread_time()
    try:
        yield
    finally:
        if is_usual:
            current_meter().charge({"reads": int((thread_time() - began_s) / _TOKEN_S)})


def _current_request() -> tuple[str, str, str | None]:
    """Return what decides about the limit of the current request."""
    return request.method, request.path, request.headers.get("Accept")


def delay_s(error: LimitReached) -> float:
    """Return how long the answer is delayed by which a request is refused, in seconds.

    By chance it is up to a half shorter, so that clients that were refused together don't all come
    back at one moment.
    """
    return min(error.retry_after_s, _MAX_DELAY_S) * uniform(0.5, 1.0)  # noqa: S311  # no secret


def network_to_note(credentials: Credentials) -> str | None:
    """Return the network that the current request comes from; None with an API key."""
    return None if credentials.namespace is not None else network_at(request.remote_addr)


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
        items.append(f'"{policy.label}";q={policy.quota}{unit};w={round(policy.window_s)}')
    return ", ".join(f'"{policy.label}";r=%d;t=%d' for policy in policies), ", ".join(items)


def _tell(response: Response) -> Response:
    """Add the headers to an answer, and have a refusal delayed."""
    meter = current_meter()
    response.headers.update(headers_of(meter))
    if meter.refusal:
        request.environ[DELAY_S] = delay_s(meter.refusal)
    return response
