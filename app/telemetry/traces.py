"""Traces by OpenTelemetry, which its own environment variables switch on.

They are on in a process that called `start` while `OTEL_EXPORTER_OTLP_ENDPOINT` or
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. Then spans go to that collector by OTLP over HTTP, in
batches and from a thread, so that no request waits for it:
https://opentelemetry.io/docs/specs/otel/protocol/exporter/

OpenTelemetry is an extra (`requirements-traces.txt`), which is imported only then. While traces are
off, a span costs the look at a variable. Spans hold routes, numbers and ids of batches, and nothing
of what clients send: no path, query, text or address.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from time import time_ns
from typing import TYPE_CHECKING, Final

from app.version import VERSION
from catalog.errors import LakeError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int]

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_DISABLED: Final = "OTEL_SDK_DISABLED"
_SERVICE: Final = "chatlake"
_SERVER_ERROR: Final = 500
_TRACE_PARENT: Final = "traceparent"

_tracer: "Tracer | None" = None
_provider: "TracerProvider | None" = None

log = logging.getLogger(__name__)


class TracesMissing(LakeError):
    """The environment asks for traces, and OpenTelemetry isn't installed."""

    def __init__(self) -> None:
        super().__init__(
            f"{_ENDPOINTS[0]} is set, and OpenTelemetry isn't installed: "
            "pip install --requirement requirements-traces.txt"
        )


def are_wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether environment variables switch traces on."""
    is_disabled = environment.get(_DISABLED, "").strip().lower() == "true"
    return not is_disabled and any(environment.get(name) for name in _ENDPOINTS)


def check_installed() -> None:
    """Check that OpenTelemetry can be imported, if the environment asks for traces.

    Raises:
        TracesMissing: It isn't installed.
    """
    if are_wanted(os.environ) and find_spec("opentelemetry") is None:
        raise TracesMissing


def start(process: str) -> None:
    """Begin to export spans, if the environment asks for it.

    Threads and connections don't survive a fork, so each process calls it after its fork.

    Args:
        process: What the process does, such as `worker`.

    Raises:
        TracesMissing: OpenTelemetry isn't installed.
    """
    global _tracer, _provider  # noqa: PLW0603  # one for the process, as its metrics are
    if _tracer is not None or not are_wanted(os.environ):
        return
    try:
        # Importing it takes a tenth of a second and 15 MB, which nobody pays without traces.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise TracesMissing from error
    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", _SERVICE),
            "service.version": VERSION,
            "process.pid": os.getpid(),
            "chatlake.process": process,
        }
    )
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer(_SERVICE, VERSION)


def stop() -> None:
    """Export the spans that have ended, and no others."""
    global _tracer, _provider  # noqa: PLW0603  # as above
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


def span(name: str, **attributes: str | int) -> AbstractContextManager[object]:
    """Return a context whose time is a span, within the one of the caller if there is one.

    Args:
        name: What is done, with few different values.
        attributes: Numbers and ids of it, by names without their prefix `chatlake.`.
    """
    if _tracer is None:
        return nullcontext()
    return _tracer.start_as_current_span(name, attributes=_prefixed(attributes))


class RequestSpan:
    """The span of a request that Flask answers."""

    __slots__ = ("_span",)

    def __init__(self, parent: str | None) -> None:
        """Begin the span, if traces are on.

        Args:
            parent: The client's header `traceparent`; None without one.
        """
        self._span = _begin(_tracer, parent) if _tracer is not None else None

    def current(self) -> AbstractContextManager[object]:
        """Return a context within which other spans belong to this one."""
        if self._span is None:
            return nullcontext()
        from opentelemetry.trace import use_span  # noqa: PLC0415  # imported by `start`

        return use_span(self._span, record_exception=False)

    def end(self, method: str, route: str, status: int) -> None:
        """End the span with what is known of the request by then."""
        if self._span is not None:
            _end(self._span, method, route, status)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Record a request that was answered just now, without Flask.

    Args:
        method: The request's method.
        route: The URL rule that it matched.
        status: The status code of the answer.
        seconds: Time to the end of the answer.
    """
    if _tracer is not None:
        began_ns = time_ns() - int(seconds * 1e9)
        _end(_begin(_tracer, None, began_ns), method, route, status)


def _begin(tracer: "Tracer", parent: str | None, began_ns: int | None = None) -> "Span":
    from opentelemetry.context import Context  # noqa: PLC0415  # imported by `start`
    from opentelemetry.trace import SpanKind  # noqa: PLC0415  # likewise

    context = _context_of(parent) if parent else Context()
    return tracer.start_span("request", context, SpanKind.SERVER, start_time=began_ns)


def _context_of(parent: str) -> "Context":
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  # imported by `start`
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator().extract({_TRACE_PARENT: parent})


def _end(span: "Span", method: str, route: str, status: int) -> None:
    """End the span of a request, named as OpenTelemetry's conventions for HTTP want it."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415  # imported by `start`

    span.update_name(f"{method} {route}")
    span.set_attributes(
        {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    )
    if status >= _SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
    span.end()


def _prefixed(attributes: Attributes) -> dict[str, str | int]:
    return {f"chatlake.{name}": value for name, value in attributes.items()}
