"""Submits the conversations of a chat client."""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chatlake_client import jsontext
from chatlake_client.delivery import Delivery
from chatlake_client.delivery_lock import DeliveryLock
from chatlake_client.errors import ClientClosed, QueueFull
from chatlake_client.submission import (
    DeliveryReport,
    QueueStatus,
    Receipt,
    RejectedSubmission,
    Submission,
    body_of_submission,
)
from chatlake_client.submission_queue import SubmissionQueue
from chatlake_client.upload import checked_url

DEFAULT_MAX_QUEUED: Final = 10_000
DEFAULT_MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
DEFAULT_TIMEOUT_S: Final = 30.0
DEFAULT_CLOSE_TIMEOUT_S: Final = 5.0
CHUNK_SUBMISSIONS: Final = 500
"""How many submissions of `submit_many` are held in memory, and made durable together."""
_STOP_TIMEOUT_S: Final = 1.0

_log = logging.getLogger("chatlake_client")


class Client:
    """Submits conversations to a chatlake, now or as soon as it can be reached.

    A submission is put into a queue, and a thread of the client delivers what the queue holds. When
    that fails, the thread waits, longer each time or as long as the service asks, and tries again.
    Any number of threads may use one client, and any number of processes one queue. A process that
    forks makes its clients after the fork.

    Args:
        url: The service's base URL.
        token: The API key or contributor key to send as a bearer token; None for none.
        queue: The file that keeps the queue over restarts and crashes; None keeps it in memory.
            It belongs on a local disk.
        max_queued: How many submissions the queue holds at most. Rejected ones count, until they
            are discarded.
        max_queued_bytes: How large these submissions are together at most, as JSON.
        timeout_s: How long to wait for a connection, and then for an answer.
        on_rejected: Called with each submission that the service refuses, in the client's thread
            of the process that sent it; None calls nothing. `rejected` lists them in any case.

    Raises:
        ValueError: The URL's scheme isn't HTTP or HTTPS, or it has no host.
        QueueError: The queue's file can't be opened, or isn't a queue.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        queue: Path | None = None,
        max_queued: int = DEFAULT_MAX_QUEUED,
        max_queued_bytes: int = DEFAULT_MAX_QUEUED_BYTES,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        on_rejected: Callable[[RejectedSubmission], None] | None = None,
    ) -> None:
        self._is_in_memory = queue is None
        self._is_closed = False
        url = checked_url(url)
        self._queue = SubmissionQueue(queue, max_submissions=max_queued, max_bytes=max_queued_bytes)
        self._delivery = Delivery(
            url,
            token,
            self._queue,
            DeliveryLock(queue),
            timeout_s=timeout_s,
            on_rejected=on_rejected,
        )
        self._delivery.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def submit(self, submission: Submission) -> Receipt:
        """Put a submission into the queue, and return as soon as it is durable there.

        Its ingest id is fixed before it is sent for the first time, so the service recognises it
        when it is sent again.

        Raises:
            ValueError: One of its times has no time zone.
            QueueFull: There is no room for it.
            QueueError: The queue's file can't be written.
            ClientClosed: The client is closed.
        """
        self._check_open()
        body = body_of_submission(submission)
        line = jsontext.dump(body)
        if not self._queue.add([line]):
            raise self._queue_full(line, taken=0)
        self._delivery.wake()
        return Receipt(str(body["ingest_id"]))

    def submit_many(
        self, submissions: Iterable[Submission], *, timeout_s: float | None = None
    ) -> DeliveryReport:
        """Put many submissions into the queue, and wait until they are delivered.

        It waits for room while the queue is full, so there may be more submissions than fit in.

        Args:
            submissions: The submissions, which may come from a generator.
            timeout_s: How long to wait each time that the queue is full, and for the delivery at
                the end; None waits for ever.

        Returns:
            The counts of what became of the submissions. Those counted as queued are delivered
            later.

        Raises:
            ValueError: A time has no time zone. What came before is delivered.
            QueueFull: There was no room within `timeout_s`, or rejected submissions leave none.
                Its `taken` says how many submissions were queued before: those are delivered.
            QueueError: The queue's file can't be written.
            ClientClosed: The client is closed.
        """
        call_id = str(uuid.uuid4())
        taken = 0
        for chunk in _chunks(submissions):
            left = chunk
            while left:
                self._check_open()
                added = self._queue.add(left, call_id)
                self._delivery.wake()
                left, taken = left[added:], taken + added
                if left and not self._wait_for_room(left[0], timeout_s):
                    raise self._queue_full(left[0], taken)
        self.flush(timeout_s)
        kept = self._queue.totals_of_call(call_id)
        return DeliveryReport(taken - kept.queued - kept.rejected, kept.rejected, kept.queued)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until everything that is queued now has been accepted or rejected.

        Args:
            timeout_s: How long to wait; None waits for ever.

        Returns:
            Whether that is done. What is still queued after `timeout_s` is delivered later.

        Raises:
            ClientClosed: The client is closed.
        """
        self._check_open()
        newest = self._queue.newest_id()
        self._delivery.wake()
        return self._delivery.wait_until(lambda: not self._queue.waits(newest), timeout_s)

    def status(self) -> QueueStatus:
        """Return what the queue holds and how its delivery goes."""
        self._check_open()
        totals = self._queue.totals()
        return QueueStatus(
            queued=totals.queued,
            rejected=totals.rejected,
            size_bytes=totals.size_bytes,
            failures=self._delivery.failures,
            last_failure=self._delivery.last_failure,
        )

    def rejected(self) -> list[RejectedSubmission]:
        """Return the submissions that the service refused, oldest first."""
        self._check_open()
        return self._queue.rejected()

    def requeue(self, rejected: RejectedSubmission) -> bool:
        """Send a rejected submission once more, as it is; return whether it was still listed."""
        self._check_open()
        is_found = self._queue.requeue(rejected.queue_id)
        self._delivery.wake()
        return is_found

    def discard(self, rejected: RejectedSubmission) -> bool:
        """Remove a rejected submission for good; return whether it was still listed."""
        self._check_open()
        return self._queue.discard(rejected.queue_id)

    def close(self, timeout_s: float = DEFAULT_CLOSE_TIMEOUT_S) -> int:
        """Deliver what is queued for a while, and end the client. Closing again does nothing.

        Args:
            timeout_s: How long to deliver at most; 0 only lets the upload under way finish.

        Returns:
            How many submissions are still queued. Those in a file are delivered by the next client
            that has the file; those in memory are lost, which is logged as an error.
        """
        if self._is_closed:
            return 0
        try:
            self.flush(timeout_s)
        finally:
            self._is_closed = True
            is_stopped = self._delivery.stop(_STOP_TIMEOUT_S)
        left = self._queue.totals().queued
        if is_stopped:
            self._queue.close()
        if left and self._is_in_memory:
            _log.error("%d submissions were in memory, could not be delivered, and are lost", left)
        return left

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClientClosed

    def _wait_for_room(self, line: bytes, timeout_s: float | None) -> bool:
        """Wait until there is room for a line; return False if there is none in time, or ever."""
        self._delivery.wait_until(
            lambda: self._queue.has_room(len(line)) or not self._queue.newest_id(), timeout_s
        )
        return self._queue.has_room(len(line))

    def _queue_full(self, line: bytes, taken: int) -> QueueFull:
        totals = self._queue.totals()
        return QueueFull(
            queued=totals.queued,
            rejected=totals.rejected,
            queued_bytes=totals.size_bytes,
            submission_bytes=len(line),
            taken=taken,
        )


def _chunks(submissions: Iterable[Submission]) -> Iterator[list[bytes]]:
    """Yield the lines of a few hundred submissions at a time."""
    lines = (jsontext.dump(body_of_submission(submission)) for submission in submissions)
    while chunk := list(islice(lines, CHUNK_SUBMISSIONS)):
        yield chunk
