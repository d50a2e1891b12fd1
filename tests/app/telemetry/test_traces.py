import subprocess
import sys
from contextlib import nullcontext
from time import monotonic

import pytest

from app.telemetry import traces

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("environment", "are_wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_environment_switches_traces_on(
    environment: dict[str, str], *, are_wanted: bool
) -> None:
    assert traces.are_wanted(environment) is are_wanted


def test_without_traces_a_span_is_nothing() -> None:
    assert isinstance(traces.span("commit", rows=1), nullcontext)
    span = traces.RequestSpan(None)
    with span.current():
        span.end("GET", "/v1/ready", 200)
    traces.answered("GET", "/v1/ready", 200, 0.1)
    traces.stop()


def test_a_service_without_opentelemetry_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(traces, "find_spec", lambda _: None)
    with pytest.raises(traces.TracesMissing, match=r"requirements-traces\.txt"):
        traces.check_installed()


@pytest.mark.slow
def test_a_collector_that_is_down_holds_up_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    traces.start("worker")
    began = monotonic()
    for number in range(1_000):
        with traces.span("commit", rows=number):
            pass
    assert monotonic() - began < 1
    traces.stop()
    assert isinstance(traces.span("commit"), nullcontext)


def test_nothing_of_opentelemetry_is_imported_while_traces_are_off() -> None:
    program = (
        "import sys; from app.telemetry import traces; traces.start('worker');"
        "sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
