"""Traces of a real server, as a collector gets them."""

import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import eventually

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


class Collector:
    """An OTLP receiver over HTTP, which keeps what it gets.

    Attributes:
        url: URL of the receiver.
        spans: The spans so far, by their names.
        processes: What exported them.
    """

    def __init__(self) -> None:
        self.spans: dict[str, dict[str, Any]] = {}
        self.processes: set[str] = set()
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of a request."""
        for resource in request.resource_spans:
            named = {each.key: each.value for each in resource.resource.attributes}
            self.processes.add(named["chatlake.process"].string_value)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    values = {each.key: MessageToDict(each.value) for each in span.attributes}
                    self.spans[span.name] = {
                        "trace_id": span.trace_id.hex(),
                        "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "ns": span.end_time_unix_nano - span.start_time_unix_nano,
                        **{name: next(iter(value.values())) for name, value in values.items()},
                    }

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens on a free port."""
    made = Collector()
    yield made
    made.close()


@pytest.mark.slow
def test_a_collector_gets_the_spans_of_all_processes(
    make_server: MakeServer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    server = make_server(workers=1, maintenance_interval_s=0.2, sql_timeout_s=60)
    server.start()
    assert server.submit(make_submission("A secret of somebody")).status_code == 200
    assert server.submit(make_submission("Another"), wait_s=10).status_code == 200
    query = {"query": "SELECT count(*) FROM contributions"}
    answer = requests.post(
        f"{server.url}/v1/sql", json=query, headers={"traceparent": PARENT}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    wanted = {
        *("POST /v1/ingest/chat", "journal transaction", "commit"),
        *("POST /v1/sql", "sql query", "maintenance thin"),
    }
    eventually("every span has come", lambda: wanted <= collector.spans.keys())
    assert server.stop() == 0

    spans = collector.spans
    assert collector.processes == {"worker", "committer"}
    assert spans["POST /v1/sql"]["trace_id"] == TRACE_ID
    assert spans["POST /v1/sql"]["http.response.status_code"] == "200"
    assert spans["sql query"]["parent"] == spans["POST /v1/sql"]["id"]
    assert 0 < spans["sql query"]["ns"] <= spans["POST /v1/sql"]["ns"]
    assert spans["journal transaction"]["chatlake.contributions"] == "1"
    assert "secret" not in str(spans)
