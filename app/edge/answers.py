"""Answers that are given on the event loop, with what every answer of the API has."""

from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.access.limits.limiter import Meter
from app.api.commit_wait import answer_after_wait
from app.api.formats import JSON, encode_json
from app.api.headers import CORS, NO_SNIFFING
from app.api.limits import headers_of
from app.api.observation import REQUEST_ID_HEADER, RequestObserver
from app.edge.commits import CommitWatch
from app.edge.cycles import CLOSE, Cycle
from app.edge.requests import Request
from app.ingest.journal import Acknowledged
from app.telemetry.logs import RequestId, current_request


def _lines(headers: Mapping[str, str]) -> bytes:
    return b"".join([f"{name.lower()}: {value}\r\n".encode() for name, value in headers.items()])


_HEAD: Final = _lines({"Content-Type": JSON, **dict([NO_SNIFFING, *CORS])})


def refusal(status: HTTPStatus, message: str) -> bytes:
    """Return the answer to a request whose head isn't complete, after which nothing is taken."""
    error = {"code": status, "status": status.phrase, "message": message, "errors": {}}
    head, body = _encode(error)
    return b"".join((STATUS_LINE[status], head, CLOSE, b"\r\n", body))


class Answers:
    """Sends JSON answers, and has them observed."""

    def __init__(self, observer: RequestObserver, commits: CommitWatch) -> None:
        """Prepare to answer.

        Args:
            observer: Counts and logs requests.
            commits: Tells when something is committed.
        """
        self._observer = observer
        self._commits = commits

    async def send(
        self,
        request: Request,
        answer: Mapping[str, Any],
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer a request whose path is its route."""
        head, body = _encode(answer)
        if headers:
            head += _lines(headers)
        if request.meter is not None:
            head += _lines(dict(headers_of(request.meter)))
        if request.id.was_sent:
            head += _lines({REQUEST_ID_HEADER: str(request.id)})
        await request.respond(status, head, body)
        seconds = perf_counter() - request.started
        self._observer.answered(request.method, request.path, status, seconds, len(body))

    def send_at_once(
        self, cycle: Cycle, answer: Mapping[str, Any], started: float, meter: Meter | None
    ) -> None:
        """Answer a request that has no task, and whose path is its route, with 200.

        Args:
            cycle: The request, on its connection.
            answer: The JSON answer.
            started: When the request came, in `perf_counter`'s time.
            meter: What took from the client's limits; None when it has nothing to tell.
        """
        current_request.set(RequestId())
        head, body = _encode(answer)
        if meter is not None:
            head += _lines(dict(headers_of(meter)))
        cycle.answer(HTTPStatus.OK, head, body)
        method, route = cycle.scope["method"], cycle.scope["path"]
        self._observer.answered(method, route, HTTPStatus.OK, perf_counter() - started, len(body))

    async def send_after_commit(
        self, request: Request, receipt: Acknowledged, answer: dict[str, Any], wait_s: int
    ) -> None:
        """Answer a request once what it sent is committed, or has waited for that long enough.

        Args:
            request: The request.
            receipt: The acknowledged submission or upload.
            answer: The JSON answer; the id of the snapshot is added to it.
            wait_s: How long the client waits, in seconds.
        """
        snapshot, waited_s = None, None
        if not self._commits.is_full:
            snapshot, waited_s = await self._commits.wait(receipt.entry_id, wait_s), wait_s
        status, headers = answer_after_wait(answer, snapshot, waited_s)
        await self.send(request, answer, status, headers)


def _encode(answer: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the head and the body of an answer."""
    body = encode_json(answer)
    return b"%bcontent-length: %d\r\n" % (_HEAD, len(body)), body
