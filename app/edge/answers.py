"""Answers that are given on the event loop, with what every answer of the API has."""

from asyncio import sleep
from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final

from app.access.limits.errors import LimitReached
from app.access.limits.limiter import Meter
from app.api.commit_wait import answer_after_wait
from app.api.errors import envelope
from app.api.limits import delay_s, headers_of
from app.api.needs import NEEDS
from app.api.observation import NO_ROUTE, REQUEST_ID_HEADER, RequestObserver
from app.edge.commits import CommitWatch
from app.edge.connections.answer_bytes import encode_answer, header_lines
from app.edge.connections.cycles import Cycle
from app.edge.requests import Request
from app.ingest.journal.journal import Acknowledged
from app.telemetry import metrics, traces
from app.telemetry.logs import RequestId, current_request

_INGEST: Final = "/v1/ingest/"
_OK: Final = 200
"""Reading `HTTPStatus.OK`, and finding something by it, takes Python code in this Python."""
_ROUTES: Final = frozenset(route for _, route in NEEDS if "<" not in route)


def can_refuse(request: Request) -> bool:
    """Tell whether `Answers.refuse` can answer a request: it has come whole, and isn't special."""
    return (
        request.method in {"GET", "POST"}
        and request.path.startswith("/v1/")
        and not request.client.is_sending_body
    )


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
        """Answer a request whose path is its route.

        Args:
            request: The request.
            answer: The body, before it becomes JSON.
            status: The status.
            headers: Headers beside those that every answer has.
        """
        head, body = encode_answer(answer)
        if headers:
            head += header_lines(headers)
        if request.meter is not None:
            head += header_lines(dict(headers_of(request.meter)))
        if request.id.was_sent:
            head += header_lines({REQUEST_ID_HEADER: str(request.id)})
        await request.respond(status, head, body)
        seconds = perf_counter() - request.started
        self._answered(request.method, request.path, status, seconds, len(body))

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
        head, body = encode_answer(answer)
        if meter is not None:
            head += header_lines(dict(headers_of(meter)))
        cycle.answer(_OK, head, body)
        method, route = cycle.scope["method"], cycle.scope["path"]
        self._answered(method, route, _OK, perf_counter() - started, len(body))

    async def refuse(self, request: Request, error: LimitReached) -> None:
        """Answer a request that `can_refuse` allows, and whose client asks too much, as Flask does.

        Flask takes 290 µs of the worker for that instead of 53 µs, and a client that asks as often
        as it can is refused most of the time.
        """
        await sleep(delay_s(error))
        status = HTTPStatus.TOO_MANY_REQUESTS
        head, body = encode_answer(envelope(status, str(error)))
        head += header_lines(
            {"Retry-After": str(error.retry_after_s), REQUEST_ID_HEADER: str(request.id)}
        )
        if request.meter is not None:
            head += header_lines(dict(headers_of(request.meter)))
        await request.respond(status, head, body)
        method, route = request.method, request.path
        if route not in _ROUTES:
            # It may have been made up, or have variable parts.
            method = route = NO_ROUTE
        self._answered(method, route, status, perf_counter() - request.started, len(body))
        if route.startswith(_INGEST):
            metrics.rejected("busy")

    def _answered(
        self, method: str, route: str, status: int, seconds: float, size_bytes: int
    ) -> None:
        """Have a request observed that Flask doesn't see."""
        self._observer.answered(method, route, status, seconds, size_bytes)
        traces.answered(method, route, status, seconds)

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
        if receipt.sequence_number is not None:
            # Committed long ago, and in no entry of the journal.
            snapshot, waited_s = await self._commits.find(receipt), wait_s
        elif not self._commits.is_full:
            snapshot, waited_s = await self._commits.wait(receipt.entry_id, wait_s), wait_s
        status, headers = answer_after_wait(answer, snapshot, waited_s)
        await self.send(request, answer, status, headers)
