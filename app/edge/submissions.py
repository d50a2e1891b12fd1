"""Single submissions, which are decoded, made durable and answered on the event loop.

A plain one that comes whole, as nearly every one does, is answered without a task of ASGI, which
would take a fifth of the event loop's time. Others are answered by a view. What would hold up the
event loop, such as inflating a body or explaining what is wrong with it, is left to a thread.
`app.api.views.ingest` has the same view for Flask alone.
"""

from asyncio import get_running_loop
from collections.abc import Callable
from time import perf_counter
from typing import Final

from app.access.limits.limiter import Meter
from app.api.body import IDENTITY, USUAL_TYPES, check_json_type, encoding_of
from app.api.commit_wait import wanted_wait_s
from app.api.schemas.ingest import acknowledgement
from app.edge.answers import Answers
from app.edge.bodies import Bodies
from app.edge.connections.cycles import Cycle
from app.edge.meters import Meters
from app.edge.requests import REQUEST_ID, Request
from app.edge.threads import Threads
from app.ingest.intake import Intake, Receipt
from app.settings import Settings

PATH: Final = "/v1/ingest/chat"
_MAX_PLAIN_BYTES: Final = 64 * 1024
"""Size up to which a body is decoded on the event loop, while other requests wait."""
_USUAL_TYPES: Final = frozenset({b"", b"application/json"})
_TELLING: Final = frozenset(
    {b"authorization", b"content-encoding", b"expect", b"prefer", REQUEST_ID}
)
"""Headers that change what is done with a submission."""


class Submissions:
    """Takes single submissions."""

    def __init__(
        self,
        intake: Intake,
        bodies: Bodies,
        answers: Answers,
        threads: Threads,
        meters: Meters,
        settings: Settings,
    ) -> None:
        """Prepare to answer.

        Args:
            intake: Decodes submissions and makes them durable.
            bodies: Receives bodies.
            answers: Sends answers.
            threads: Does what would hold up the event loop.
            meters: Limit what clients send.
            settings: The settings.
        """
        self._intake = intake
        self._bodies = bodies
        self._answers = answers
        self._threads = threads
        self._meters = meters
        self._max_wait_s = settings.max_wait_s
        self._is_open = settings.ingest_access == "open"

    def take(self, cycle: Cycle, fail: Callable[[BaseException], None]) -> bool:
        """Answer a submission that has come whole, if it is plain.

        Args:
            cycle: The request, on its connection.
            fail: Answers by an error that `answer` would raise.

        Returns:
            Whether the submission is taken; otherwise `answer` has to answer it.

        Raises:
            RateLimited: The client has sent too much.
        """
        if not (self._is_open and _is_usual(cycle)):
            return False
        started = perf_counter()
        body = bytes(cycle.body)
        decoded = self._intake.decode_plain(body)
        if decoded is None:
            return False
        meter = None
        if self._meters.are_on:
            contributor_id = decoded.contribution.contributor_id
            meter = self._meters.take_submission(cycle.scope, contributor_id, len(body))

        def settle(receipt: Receipt | BaseException) -> None:
            if isinstance(receipt, Receipt):
                self._answers.send_at_once(cycle, acknowledgement(receipt, None), started, meter)
            else:
                fail(receipt)

        network = self._meters.network_of(cycle.scope)
        self._intake.store_soon(decoded, settle, get_running_loop(), network)
        return True

    async def answer(self, request: Request) -> None:
        """Answer a submission as `app.api.views.ingest.submit` does, or raise what that raises."""
        meter = self._meters.make(request.scope, request.api_key)
        meter.take({"submissions": 1})
        wait_s = wanted_wait_s(request.header(b"prefer"), self._max_wait_s)
        receipt = await self._store(request, meter, is_awaited=bool(wait_s))
        answer = acknowledgement(receipt, wait_s)
        if wait_s is None:
            await self._answers.send(request, answer)
            return
        self._bodies.release(request)
        await self._answers.send_after_commit(request, receipt, answer, wait_s)

    async def _store(self, request: Request, meter: Meter, *, is_awaited: bool) -> Receipt:
        credentials = request.credentials()
        network = self._meters.network_of(request.scope) if credentials.namespace is None else None
        content_type = request.header(b"content-type")
        if content_type not in USUAL_TYPES:
            check_json_type(content_type)
        encoding = encoding_of(request.header(b"content-encoding"))
        body = await self._bodies.receive(request)
        if encoding == IDENTITY and len(body) <= _MAX_PLAIN_BYTES:
            decoded = self._intake.decode_plain(body, credentials)
            if decoded is not None:
                meter.take({"rows": 1, "bytes": len(body)})
                meter.take_contribution(decoded.contribution.contributor_id, len(body))
                return await self._intake.store(decoded, network, is_awaited=is_awaited)

        def submit() -> Receipt:
            text = self._bodies.decompress(request, body, encoding)
            meter.take({"rows": 1, "bytes": len(text)})
            return self._intake.submit(
                text, credentials, network, meter=meter, is_awaited=is_awaited
            )

        return await self._threads.run(submit)


def _is_usual(cycle: Cycle) -> bool:
    """Tell whether only the body of a request says what is to be done with it."""
    if len(cycle.body) > _MAX_PLAIN_BYTES or cycle.flow.write_paused:
        return False
    lines: list[tuple[bytes, bytes]] = cycle.scope["headers"]  # type: ignore[assignment]
    headers = dict(lines)
    return (
        len(headers) == len(lines)
        and _TELLING.isdisjoint(headers)
        and headers.get(b"content-type", b"") in _USUAL_TYPES
    )
