"""Single submissions, which are decoded, made durable and answered on the event loop.

A plain one, which is nearly every one, takes less processor time here than a request needs in Flask
before its view is called. What takes longer, such as inflating a body or explaining what is wrong
with it, is left to a thread. `app.api.ingest` has the same view for Flask alone.
"""

from typing import Final

from app.api.body import IDENTITY, USUAL_TYPES, check_json_type, encoding_of
from app.api.commit_wait import wanted_wait_s
from app.api.schemas.ingest import acknowledgement
from app.edge.answers import Answers
from app.edge.bodies import Bodies
from app.edge.requests import Request
from app.edge.threads import Threads
from app.ingest.intake import Intake
from app.ingest.journal import Receipt
from app.settings import Settings

PATH: Final = "/v1/ingest/chat"
_MAX_PLAIN_BYTES: Final = 64 * 1024
"""Size up to which a body is decoded on the event loop, while other requests wait."""


class Submissions:
    """The view of single submissions."""

    def __init__(
        self, intake: Intake, bodies: Bodies, answers: Answers, threads: Threads, settings: Settings
    ) -> None:
        """Prepare to answer.

        Args:
            intake: Decodes submissions and makes them durable.
            bodies: Receives bodies.
            answers: Sends answers.
            threads: Does what would hold up the event loop.
            settings: The settings.
        """
        self._intake = intake
        self._bodies = bodies
        self._answers = answers
        self._threads = threads
        self._max_wait_s = settings.max_wait_s

    async def answer(self, request: Request) -> None:
        """Answer a submission as `app.api.ingest.submit` does, or raise what that raises."""
        wait_s = wanted_wait_s(request.header(b"prefer"), self._max_wait_s)
        receipt = await self._store(request, is_awaited=bool(wait_s))
        answer = acknowledgement(receipt, wait_s)
        if wait_s is None:
            await self._answers.send(request, answer)
            return
        self._bodies.release(request)
        await self._answers.send_after_commit(request, receipt, answer, wait_s)

    async def _store(self, request: Request, *, is_awaited: bool) -> Receipt:
        content_type = request.header(b"content-type")
        if content_type not in USUAL_TYPES:
            check_json_type(content_type)
        encoding = encoding_of(request.header(b"content-encoding"))
        body = await self._bodies.receive(request)
        if encoding == IDENTITY and len(body) <= _MAX_PLAIN_BYTES:
            contribution = self._intake.decode_plain(body)
            if contribution is not None:
                return await self._intake.store(contribution, is_awaited=is_awaited)
        return await self._threads.run(self._submit, request, body, encoding, is_awaited)

    def _submit(self, request: Request, body: bytes, encoding: str, is_awaited: bool) -> Receipt:
        text = self._bodies.decompress(request, body, encoding)
        return self._intake.submit(text, is_awaited=is_awaited)
