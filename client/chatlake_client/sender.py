"""Sends rows to the service, many in each upload and several uploads at a time."""

import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final, Protocol

from chatlake_client import jsontext
from chatlake_client.records import Outcome, PreparedRow, UploadLine
from chatlake_client.retry import Pause, retry_policy
from chatlake_client.upload import SendingState, Uploader

MAX_UPLOAD_ROWS: Final = 10_000
MAX_UPLOAD_BYTES: Final = 16 * 1024 * 1024
"""Size of the lines at which an upload is sent; a row may exceed it."""


class RowSender(Protocol):
    """Sends rows."""

    def send(self, rows: Iterable[PreparedRow]) -> Iterator[Outcome]:
        """Yield one outcome for each row taken, in order."""

    def stop(self) -> None:
        """Take no more rows; may be called at any time."""

    @property
    def ignored(self) -> Collection[str]:
        """Keys of rows that the service doesn't know and hasn't stored."""

    @property
    def repeated(self) -> int:
        """How many accepted rows the service had stored before."""

    @property
    def unowned(self) -> int:
        """How many accepted rows nobody can withdraw by a key."""


class BulkSender:
    """Sends uploads of many rows each, from several threads.

    After a `ServiceUnavailableError` it sends nothing more: another attempt needs another sender.

    Args:
        url: The service's base URL.
        token: The API key or contributor key to send as a bearer token; None for none.
        concurrency: How many uploads may be under way at a time.
        retries: How many attempts may follow an upload's first.
        timeout_s: How long to wait for a connection, and then for an answer.
        pause: Waits between attempts; None waits until the time is over or `stop` is called.
        max_upload_rows: How many rows an upload has at most.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        concurrency: int,
        retries: int,
        timeout_s: float,
        pause: Pause | None = None,
        max_upload_rows: int = MAX_UPLOAD_ROWS,
    ) -> None:
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._max_upload_rows = max_upload_rows
        self._state = SendingState(url, token)
        wait = self._state.stopping.wait if pause is None else pause
        self._retries = retry_policy(retries, wait)
        self._thread = threading.local()

    def stop(self) -> None:
        """Take no more rows and wait for no more retries; may be called at any time."""
        self._state.stopping.set()

    @property
    def ignored(self) -> Collection[str]:
        """Keys of rows that the service doesn't know and hasn't stored."""
        return self._state.ignored

    @property
    def repeated(self) -> int:
        """How many accepted rows the service had stored before."""
        return self._state.repeated

    @property
    def unowned(self) -> int:
        """How many accepted rows nobody can withdraw by a key."""
        return self._state.unowned

    def send(self, rows: Iterable[PreparedRow]) -> Iterator[Outcome]:
        """Yield one outcome for each row taken, in order.

        Only a bounded number of rows is taken ahead of the outcomes.

        Raises:
            ServiceUnavailableError: The service can't be reached, is not a chatlake, or fails at
                everything. The outcomes of all rows that were taken have been yielded before.
        """
        with (
            ExitStack() as uploaders,
            ThreadPoolExecutor(
                self._concurrency, initializer=self._open_uploader, initargs=(uploaders,)
            ) as threads,
        ):
            for outcomes in self._outcomes(rows, threads):
                yield from outcomes
        if self._state.failure:
            raise self._state.failure

    def _outcomes(
        self, rows: Iterable[PreparedRow], threads: ThreadPoolExecutor
    ) -> Iterator[list[Outcome]]:
        under_way: deque[Future[list[Outcome]]] = deque()
        for lines in self._uploads(rows):
            under_way.append(threads.submit(self._deliver, lines))
            # One more than are under way, so that no thread waits for the file to be read.
            if len(under_way) > self._concurrency:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _uploads(self, rows: Iterable[PreparedRow]) -> Iterator[list[UploadLine]]:
        """Yield the lines of each upload, until told to stop."""
        lines: list[UploadLine] = []
        size_bytes = 0
        for row in rows:
            text = jsontext.dump(row.body) + b"\n"
            lines.append(UploadLine(row.line, text, row.row))
            size_bytes += len(text)
            is_full = len(lines) >= self._max_upload_rows or size_bytes >= MAX_UPLOAD_BYTES
            if is_full or self._state.stopping.is_set():
                yield lines
                lines, size_bytes = [], 0
            if self._state.stopping.is_set():
                return
        if lines:
            yield lines

    def _open_uploader(self, uploaders: ExitStack) -> None:
        uploader = Uploader(self._state, retries=self._retries, timeout_s=self._timeout_s)
        self._thread.uploader = uploaders.enter_context(uploader)

    def _deliver(self, lines: list[UploadLine]) -> list[Outcome]:
        uploader: Uploader = self._thread.uploader
        return uploader.deliver(lines)
