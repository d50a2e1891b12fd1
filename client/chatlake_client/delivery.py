"""Delivers the submissions of a queue, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Final

from chatlake_client.delivery_lock import DeliveryLock
from chatlake_client.errors import QueueError
from chatlake_client.records import Accepted, Rejected, UploadLine
from chatlake_client.retry import backoff_s, retry_policy
from chatlake_client.submission import RejectedSubmission
from chatlake_client.submission_queue import QueuedSubmission, SubmissionQueue
from chatlake_client.upload import SendingState, Uploader

MAX_UPLOAD_SUBMISSIONS: Final = 1_000
MAX_UPLOAD_BYTES: Final = 4 * 1024 * 1024
MAX_SERVER_ERRORS: Final = 50
"""Internal errors after which a submission is rejected: some 20 minutes of them."""
IDLE_POLL_S: Final = 1.0
"""Time between two looks for submissions that another process has queued and not delivered."""

_log = logging.getLogger("chatlake_client")


class Delivery:
    """Uploads queued submissions until they are stored or rejected, oldest first.

    Args:
        url: The service's base URL.
        token: The API key or contributor key to send as a bearer token; None for none.
        queue: The queue.
        lock: The lock that processes with the same queue share.
        timeout_s: How long to wait for a connection, and then for an answer.
        on_rejected: Called in the delivery's thread with each submission that was rejected; None
            calls nothing.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        queue: SubmissionQueue,
        lock: DeliveryLock,
        *,
        timeout_s: float,
        on_rejected: Callable[[RejectedSubmission], None] | None,
    ) -> None:
        self._url = url
        self._token = token
        self._queue = queue
        self._lock = lock
        self._timeout_s = timeout_s
        self._on_rejected = on_rejected
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._progress = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="chatlake delivery", daemon=True)
        self._state = SendingState(url, token)
        self._told_ignored: set[str] = set()
        self.failures = 0
        self.last_failure: str | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Look into the queue now, unless a wait after a failure is under way."""
        self._woken.set()

    def stop(self, timeout_s: float) -> bool:
        """Deliver no more after the upload under way; return whether the thread has ended.

        Args:
            timeout_s: How long to wait for that upload.
        """
        self._stopping.set()
        self._state.stopping.set()
        self._woken.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def wait_until(self, condition: Callable[[], bool], timeout_s: float | None) -> bool:
        """Return True as soon as a condition on the queue is met, and False when time is over.

        Args:
            condition: Asked after every upload, and a few times a second besides, because another
                process may be the one that delivers.
            timeout_s: How long to wait; None waits for ever.
        """
        deadline_s = None if timeout_s is None else monotonic() + timeout_s
        with self._progress:
            while not condition():
                left_s = None if deadline_s is None else deadline_s - monotonic()
                if self._stopping.is_set() or (left_s is not None and left_s <= 0):
                    return False
                self._progress.wait(0.1 if left_s is None else min(0.1, left_s))
        return True

    def _run(self) -> None:
        try:
            self._deliver_until_stopped()
        finally:
            self._lock.close()

    def _deliver_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                wait_s = self._deliver_all()
            except QueueError as error:
                wait_s = self._failed(str(error))
            except Exception:  # noqa: BLE001  # see below
                # The thread must outlive what nobody thought of, or nothing is delivered any more.
                _log.exception("delivery failed in an unexpected way")
                wait_s = self._failed("an unexpected error, which is in the log")
            if wait_s is None:
                self._woken.wait(IDLE_POLL_S)
            else:
                self._stopping.wait(wait_s)

    def _deliver_all(self) -> float | None:
        """Deliver until nothing waits or an upload fails.

        Returns:
            How long to wait before the next attempt; None when there was no failure.
        """
        if not self._queue.newest_id() or not self._lock.acquire():
            return None
        try:
            while not self._stopping.is_set():
                submissions = self._queue.oldest(MAX_UPLOAD_SUBMISSIONS, MAX_UPLOAD_BYTES)
                if not submissions:
                    return None
                wait_s = self._deliver(submissions)
                if wait_s is not None:
                    return wait_s
        finally:
            self._lock.release()
        return None

    def _deliver(self, submissions: list[QueuedSubmission]) -> float | None:
        """Upload some submissions; return how long to wait when that failed, None otherwise."""
        self._state = SendingState(self._url, self._token)
        # No retries here: the waits between attempts are this class's own.
        retries = retry_policy(0, self._stopping.wait)
        lines = [
            UploadLine(submission.queue_id, submission.body + b"\n", None)
            for submission in submissions
        ]
        with Uploader(self._state, retries=retries, timeout_s=self._timeout_s) as uploader:
            outcomes = uploader.deliver(lines)
        self._tell_ignored()
        by_id = {submission.queue_id: submission for submission in submissions}
        refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        failed = [outcome for outcome in refused if _may_pass(outcome, by_id[outcome.line])]
        rejected = [outcome for outcome in refused if outcome not in failed]
        wait_s = self._count_attempt(failed)
        self._queue.settle(
            accepted=[outcome.line for outcome in outcomes if isinstance(outcome, Accepted)],
            rejected=rejected,
            failed=[outcome.line for outcome in failed],
        )
        with self._progress:
            self._progress.notify_all()
        for outcome in rejected:
            self._tell_rejected(by_id[outcome.line], outcome)
        return wait_s

    def _tell_ignored(self) -> None:
        """Log keys that the service doesn't know, each once."""
        if new := self._state.ignored - self._told_ignored:
            _log.warning("the service doesn't know and ignores: %s", ", ".join(sorted(new)))
            self._told_ignored |= new

    def _count_attempt(self, failed: list[Rejected]) -> float | None:
        """Count an attempt as a success or a failure; return how long to wait after a failure."""
        if self._state.failure is not None:
            return self._failed(self._state.failure.reason, self._state.failure.retry_after_s)
        if failed:
            return self._failed(f"answered 500 {failed[-1].message}")
        self.failures = 0
        return None

    def _tell_rejected(self, submission: QueuedSubmission, outcome: Rejected) -> None:
        _log.warning("a submission was rejected: %s %s", outcome.status, outcome.message)
        if self._on_rejected is None:
            return
        rejected = RejectedSubmission.of(
            submission.queue_id, submission.body, outcome.status, outcome.message, outcome.errors
        )
        try:
            self._on_rejected(rejected)
        except Exception:  # noqa: BLE001  # the author's code may raise anything
            _log.exception("on_rejected failed")

    def _failed(self, reason: str, asked_wait_s: float | None = None) -> float:
        """Count a failure; return how long to wait before the next attempt."""
        self.failures += 1
        self.last_failure = reason
        wait_s = asked_wait_s or backoff_s(self.failures)
        # One warning for each outage: its further attempts are for those who look closer.
        level = logging.WARNING if self.failures == 1 else logging.INFO
        _log.log(level, "%s: %s; trying again in %.1f s", self._url, reason, wait_s)
        return wait_s


def _may_pass(outcome: Rejected, submission: QueuedSubmission) -> bool:
    """Tell whether a refusal may be the service's fault, which a later attempt may not meet."""
    return (
        outcome.status == HTTPStatus.INTERNAL_SERVER_ERROR
        and submission.server_errors + 1 < MAX_SERVER_ERRORS
    )
