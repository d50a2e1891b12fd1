"""Whole bodies, received on the event loop in bounded memory."""

from typing import Final

from app.api.guards import Admission
from app.edge.requests import Request
from app.ingest.errors import LimitExceeded
from app.settings import Settings

_FREE_BYTES: Final = 64 * 1024
"""Size up to which a body needs no part of `max_bodies_bytes`."""


class Bodies:
    """Receives bodies for one worker."""

    def __init__(self, settings: Settings, memory: Admission) -> None:
        """Prepare to receive bodies.

        Args:
            settings: The settings.
            memory: The memory that bodies of a worker may take together, in bytes.
        """
        self._max_bytes = settings.max_body_bytes
        self._timeout_s = settings.body_timeout_s
        self._idle_timeout_s = settings.idle_timeout_s
        self._memory = memory

    async def receive(self, request: Request) -> bytes:
        """Return the whole body of a request; `release` has to be called later.

        Raises:
            LimitExceeded: The body is larger than `max_body_bytes`.
            WorkerBusy: The worker's requests hold too much already.
            BodyTimeout: The body didn't come in time.
            MalformedBody: The client closed its sending side too early.
            ClientGone: The connection was closed.
        """
        too_large = LimitExceeded("max_body_bytes", self._max_bytes, "the size of the body")
        if int(request.header(b"content-length") or 0) > self._max_bytes:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        async for piece in request.pieces(self._timeout_s, self._idle_timeout_s):
            pieces.append(piece)
            size += len(piece)
            if size > self._max_bytes:
                raise too_large
            if size > _FREE_BYTES:
                self._memory.take(size - request.held_bytes)
                request.held_bytes = size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def release(self, request: Request) -> None:
        """Give back the memory that a request's body held."""
        if request.held_bytes:
            self._memory.give_back(request.held_bytes)
            request.held_bytes = 0
