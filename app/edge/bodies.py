"""Whole bodies, received on the event loop in bounded memory."""

from app.api.body import FREE_BYTES, decompress, too_large
from app.api.guards import Admission
from app.edge.requests import Request
from app.settings import Settings


class Bodies:
    """Receives bodies for one worker.

    One of the large ones is never refused for want of memory. Otherwise none might become complete
    of many that grow side by side, each of which takes what another one needs.
    """

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
        self._preferred: Request | None = None

    async def receive(self, request: Request, max_bytes: int | None = None) -> bytes:
        """Return the whole body of a request; `release` has to be called later.

        Args:
            request: The request.
            max_bytes: How large the body may be; None for `max_body_bytes`.

        Raises:
            LimitExceeded: The body is larger.
            WorkerBusy: The worker's requests hold too much already.
            BodyTimeout: The body didn't come in time.
            MalformedBody: The client closed its sending side too early.
            ClientGone: The connection was closed.
        """
        max_bytes = max_bytes or self._max_bytes
        length = int(request.headers.get(b"content-length", 0))
        if length > max_bytes:
            raise too_large(max_bytes)
        pieces: list[bytes] = []
        size = 0
        async for piece in request.pieces(self._timeout_s, self._idle_timeout_s):
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise too_large(max_bytes)
            if size > FREE_BYTES:
                # All of it at once if its length is known, so that it is refused early.
                self._hold(request, max(size, length))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def decompress(self, request: Request, body: bytes, encoding: str) -> bytes:
        """Return a decompressed body, which takes time.

        Raises:
            LimitExceeded: It would be larger than `max_body_bytes`.
            MalformedBody: The body is not in this encoding.
            WorkerBusy: The worker's requests hold too much already.
        """
        return decompress(
            body, encoding, self._max_bytes, lambda size: self._hold(request, len(body) + size)
        )

    def release(self, request: Request) -> None:
        """Give back the memory that a request's body held."""
        if request.held_bytes:
            self._memory.give_back(request.held_bytes)
            request.held_bytes = 0
        if self._preferred is request:
            self._preferred = None

    def _hold(self, request: Request, size_bytes: int) -> None:
        if size_bytes > FREE_BYTES:
            self._preferred = self._preferred or request
            self._memory.take(
                size_bytes - request.held_bytes, in_any_case=self._preferred is request
            )
            request.held_bytes = size_bytes
