"""A server that speaks OpenAI's `/v1/moderations`, and can be told to fail."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answer = tuple[int, object]
"""A status, and what is sent as JSON."""


def judge(text: str) -> dict[str, Any]:
    """Return the result for a text: it is hateful if it says so, and each `!` makes it worse."""
    score = min(text.count("hate") * 0.5 + text.count("!") * 0.1, 1)
    return {
        "flagged": score > 0.4,
        "categories": {"hate": score > 0.4, "violence": False},
        "category_scores": {"hate": score, "violence": 0.01},
    }


class ModerationStub:
    """The server.

    Attributes:
        url: Where to post.
        requests: The bodies and the header `Authorization` of all requests.
        failures: The answers that the next requests get instead.
        refuses: Tells the texts for which the server answers 400.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, Any], str | None]] = []
        self.failures: deque[Answer] = deque()
        self.refuses: Callable[[str], bool] = lambda _: False
        self.url = ""

    def answer(self, body: dict[str, Any]) -> Answer:
        """Return the answer to a request."""
        if self.failures:
            return self.failures.popleft()
        if any(map(self.refuses, body["input"])):
            return 400, {"error": {"message": "too long"}}
        return 200, {"id": "m", "model": "stub", "results": [judge(each) for each in body["input"]]}


@contextmanager
def moderation_server() -> Iterator[ModerationStub]:
    """Run a server on a free port."""
    stub = ModerationStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append((body, self.headers["Authorization"]))
            status, content = stub.answer(body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}/v1/moderations"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
