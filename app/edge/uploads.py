"""Uploads, whose bodies arrive on the event loop and are taken in by a thread, piece by piece.

So an upload needs a thread while a piece of it is taken in, and none while the next one arrives.
`app.api.views.bulk` has the same view for Flask alone.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from app.api.body import FREE_BYTES, IDENTITY, check_ndjson_type, encoding_of
from app.api.commit_wait import wanted_wait_s
from app.api.guards import Admission
from app.api.inflate import Inflater
from app.api.schemas.ingest import UploadHeadersSchema, UploadModeSchema
from app.edge.answers import Answers
from app.edge.meters import Meters
from app.edge.requests import Request
from app.edge.threads import Threads
from app.ingest.uploads.intake import BulkIntake
from app.ingest.uploads.options import UploadOptions, UploadReceipt
from app.ingest.uploads.repetition import RepeatedUpload
from app.ingest.uploads.upload import Upload
from app.settings import Settings

PATH: Final = "/v1/ingest/chats"
_STEP_BYTES: Final = 1024 * 1024
"""Size of the pieces that a thread takes in at once, since each change of threads takes time."""


class UploadView:
    """The view of uploads."""

    def __init__(
        self,
        intake: BulkIntake,
        places: Admission,
        answers: Answers,
        meters: Meters,
        settings: Settings,
    ) -> None:
        """Prepare to answer.

        Args:
            intake: Takes uploads in.
            places: How many uploads the worker handles at once.
            answers: Sends answers.
            meters: Limit what clients send.
            settings: The settings.
        """
        self._intake = intake
        self._places = places
        self._answers = answers
        self._meters = meters
        self._timeout_s = settings.upload_timeout_s
        self._idle_timeout_s = settings.idle_timeout_s
        self._max_wait_s = settings.max_wait_s

    async def answer(self, request: Request) -> None:
        """Answer an upload as `app.api.views.bulk.upload` does, or raise what that raises."""
        meter = self._meters.make(request.scope, request.api_key)
        meter.take({"uploads": 1})
        options = _options_of(request, self._meters)
        check_ndjson_type(request.header(b"content-type"))
        encoding = encoding_of(request.header(b"content-encoding"))
        pieces = _gathered(request.pieces(self._timeout_s, self._idle_timeout_s))
        # An upload takes a place when there is something to do for it.
        first: list[bytes] = await anext(pieces, [])
        with self._places.holding():
            begin = partial(self._intake.begin, options, meter)
            receipt = await _take(first, pieces, encoding, begin)
        answer = msgspec.to_builtins(receipt.report)
        wait_s = wanted_wait_s(request.header(b"prefer"), self._max_wait_s)
        if wait_s is None:
            await self._answers.send(request, answer)
        else:
            await self._answers.send_after_commit(request, receipt, answer, wait_s)


async def _take(
    first: list[bytes],
    pieces: AsyncIterator[list[bytes]],
    encoding: str,
    begin: Callable[[], Upload | RepeatedUpload],
) -> UploadReceipt:
    # A thread of its own takes one step after the other, also if this task is cancelled.
    thread = Threads(1, "upload")
    ending = ExitStack()
    try:
        upload = await thread.run(lambda: ending.push(begin()))
        body = _Body(upload, encoding)
        await thread.run(body.feed, first)
        async for some in pieces:
            await thread.run(body.feed, some)
        return await thread.run(body.finish)
    finally:
        await thread.run_surely(ending.close)
        thread.close(wait=False)


class _Body:
    """The body of an upload, which is inflated if it is compressed."""

    def __init__(self, upload: Upload | RepeatedUpload, encoding: str) -> None:
        self._upload = upload
        self._inflater = None if encoding == IDENTITY else Inflater(encoding)

    def feed(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            for text in (piece,) if self._inflater is None else self._inflater.feed(piece):
                self._upload.feed(text)

    def finish(self) -> UploadReceipt:
        if self._inflater is not None:
            self._inflater.finish()
        return self._upload.finish()


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield pieces that have at least `_STEP_BYTES` together, except for the last ones.

    The first ones have at least `FREE_BYTES`, because any number of uploads may wait for them.
    """
    wanted_bytes = FREE_BYTES
    gathered: list[bytes] = []
    size = 0
    async for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= wanted_bytes:
            yield gathered
            gathered, size, wanted_bytes = [], 0, _STEP_BYTES
    if gathered:
        yield gathered


def _options_of(request: Request, meters: Meters) -> UploadOptions:
    """Return the options of an upload.

    Raises:
        ValidationError: A parameter is unknown or has a wrong value.
        ContributorKeyMalformed: The bearer token begins as contributor keys do and isn't one.
    """
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    # Of several parameters of one name the first counts, as in Flask.
    mode = UploadModeSchema().load(dict(reversed(query)))["mode"]
    credentials = request.credentials()
    key = request.header(b"idempotency-key")
    headers = UploadHeadersSchema().load({} if key is None else {"Idempotency-Key": key})
    return UploadOptions(
        mode == "all-or-nothing",
        headers.get("request_key"),
        credentials,
        meters.network_of(request.scope) if credentials.namespace is None else None,
    )
