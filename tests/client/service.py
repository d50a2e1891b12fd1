"""A double of the service: a real HTTP server that answers as it is told."""

import gzip
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One answer of the service.

    Attributes:
        status: The HTTP status.
        body: The body: bytes as they are, anything else as JSON. With the defaults of all
            attributes the service's own report is sent.
        headers: Headers beside Content-Length.
        sent_bytes: After how many bytes of the body the connection is cut; None sends all.
        is_cut: Whether the connection is cut before any answer.
    """

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    sent_bytes: int | None = None
    is_cut: bool = False


CUT = Answer(is_cut=True)


def unprocessable(**errors: object) -> Answer:
    """Return the service's error envelope."""
    message = "The submission is not valid."
    return Answer(
        422,
        {"code": 422, "status": "Unprocessable Entity", "message": message, "errors": errors},
    )


class Service:
    """Takes uploads on a free port of the loopback interface.

    Attributes:
        received: The submissions of all requests, in order of arrival.
        requests: The request line and content type of each request.
        submitters: The header Chatlake-Submitter-Id of each request.
        keys: The Idempotency-Key of each request.
        encodings: The Content-Encoding of each request.
        stored: The submissions that were accepted, by ingest id.
        answers: The next answers, to whatever is asked; a report when it is empty.
        refusals: Answers by a text: to an upload that has this text anywhere. An answer of 422
            rejects the lines that have the text, and no others, as the real service does.
        connections: How many connections were opened.
        ignored: Keys that the service says it ignores.
        is_owning: Whether the service says that what it accepts can be withdrawn.
        max_listed: How many wrong lines a report lists.
        most_under_way: The largest number of requests at one time.
        gate: While it isn't set, requests wait before they are answered.
        arrived: Set by the first request.
    """

    def __init__(self) -> None:
        self.received: list[Body] = []
        self.requests: list[tuple[str, str | None]] = []
        self.submitters: list[str | None] = []
        self.keys: list[str | None] = []
        self.encodings: list[str | None] = []
        self.stored: dict[str, Body] = {}
        self.answers: deque[Answer] = deque()
        self.refusals: dict[str, Answer] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.lock = threading.Lock()
        self.ignored: list[str] = []
        self.is_owning = True
        self.max_listed = 1_000
        self._under_way = 0
        self.most_under_way = 0
        self.connections = 0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, request: str, headers: Mapping[str, str], text: str) -> Answer:
        """Record one request and return what to answer."""
        lines = text.splitlines()
        bodies: list[Body] = [json.loads(line) for line in lines]
        with self.lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            self.received += bodies
            self.requests.append((request, headers.get("Content-Type")))
            self.submitters.append(headers.get("Chatlake-Submitter-Id"))
            self.keys.append(headers.get("Idempotency-Key"))
            self.encodings.append(headers.get("Content-Encoding"))
        self.arrived.set()
        self.gate.wait()
        with self.lock:
            self._under_way -= 1
            wrong = self._wrong_lines(lines)
            answer = self._answer_to(text)
            repeated = 0
            if answer.status in {200, 202} and not answer.is_cut:
                right = [body for number, body in enumerate(bodies, 1) if number not in wrong]
                repeated = sum(body["ingest_id"] in self.stored for body in right)
                self.stored |= {body["ingest_id"]: body for body in right}
        return self._report(len(lines), wrong, repeated) if answer == Answer() else answer

    def _wrong_lines(self, lines: list[str]) -> dict[int, Body]:
        found = {}
        for number, line in enumerate(lines, 1):
            for part, answer in self.refusals.items():
                if part in line and answer.status == 422 and isinstance(answer.body, dict):
                    found[number] = answer.body
        return found

    def _report(self, lines: int, wrong: dict[int, Body], repeated: int) -> Answer:
        listed = [
            {"line": number, "message": body["message"], "errors": body["errors"]}
            for number, body in sorted(wrong.items())
        ]
        report = {
            "accepted": lines - len(wrong),
            "rejected": len(wrong),
            "errors": listed[: self.max_listed],
            "errors_truncated": len(listed) > self.max_listed,
            **({"repeated": repeated} if repeated else {}),
            **({} if self.is_owning else {"unowned": lines - len(wrong)}),
            **({"ignored": self.ignored} if self.ignored else {}),
        }
        if len(wrong) < lines:
            return Answer(200, report)
        return Answer(422, {"code": 422, "message": "Nothing was stored.", "errors": report})

    def _answer_to(self, text: str) -> Answer:
        for part, answer in self.refusals.items():
            if part in text and answer.status != 422:
                return answer
        return self.answers.popleft() if self.answers else Answer()


def _decompressed(body: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        return body
    if encoding == "gzip":
        return gzip.decompress(body)
    with pa.CompressedInputStream(pa.BufferReader(body), encoding) as stream:
        decompressed: bytes = stream.read()
    return decompressed


class _Server(ThreadingHTTPServer):
    # Clients keep connections open; closing the server must not wait for them for ever.
    daemon_threads = True

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet, or each answer would wait for a delayed ACK.
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        with self.server.service.lock:
            self.server.service.connections += 1

    def do_DELETE(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = _decompressed(body, self.headers["Content-Encoding"]).decode()
        headers = dict(self.headers.items())
        answer = self.server.service.take(self.requestline, headers, text)
        if answer.is_cut:
            self.close_connection = True
            return
        is_raw = isinstance(answer.body, bytes)
        payload = answer.body if is_raw else json.dumps(answer.body).encode()
        assert isinstance(payload, bytes)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: answer.sent_bytes])
        self.close_connection = answer.sent_bytes is not None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Keep quiet."""
