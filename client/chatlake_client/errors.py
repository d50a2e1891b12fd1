"""Errors of the client.

ClientError
├── RowError                 a row of a file can't become a submission: it is rejected
│   └── LossyRowError        the row holds meaning that a submission has no place for
├── UnreadableFileError      a file can't be read to its end: the other files go on
├── ServiceUnavailableError  the service can't be reached or fails: the sending ends
├── RequestRefused           the service refuses what was asked of it
├── QueueFull                the queue has no room for a submission
├── QueueError               the queue's file can't be read or written
└── ClientClosed             the client has been closed
"""

from collections.abc import Sequence
from pathlib import Path


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""


class RowError(ClientError):
    """A row can't become a submission."""


class LossyRowError(RowError):
    """A row holds meaning that a submission has no place for.

    Attributes:
        keys: The keys that hold it, such as `chosen` or `messages[].tool_calls`.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(
            f"would lose {', '.join(keys)}: no submission has a place for it. "
            "Remove it to send the rest"
        )
        self.keys = tuple(keys)


class UnreadableFileError(ClientError):
    """A file can't be read at all, or not to its end.

    Attributes:
        path: The file.
        reason: What is wrong with the file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ServiceUnavailableError(ClientError):
    """The service can't be reached, fails, or isn't a chatlake.

    Attributes:
        url: The service's base URL.
        reason: What happened instead of an answer to the upload.
        retry_after_s: How long the service asks to wait before the next attempt; None when it
            doesn't say.
    """

    def __init__(self, url: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
        self.retry_after_s = retry_after_s


class RequestRefused(ClientError):
    """The service refuses what was asked of it.

    Attributes:
        status: The status code: 401 without a key, 403 for a key that could be guessed, 404 where
            nothing of the contributor's has the id.
        message: What the service says.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class QueueFull(ClientError):
    """The queue has no room for a submission, which was not taken.

    Attributes:
        queued: How many submissions wait in the queue.
        rejected: How many rejected submissions the queue keeps, which take room too.
        queued_bytes: How many bytes the queue holds, rejected submissions included.
        submission_bytes: How many bytes the submission has.
        taken: How many submissions the same call of `submit_many` had queued before.
    """

    def __init__(
        self, *, queued: int, rejected: int, queued_bytes: int, submission_bytes: int, taken: int
    ) -> None:
        super().__init__(
            f"no room for a submission of {submission_bytes:,} bytes beside {queued:,} that wait "
            f"and {rejected:,} that were rejected, {queued_bytes:,} bytes in all"
        )
        self.queued = queued
        self.rejected = rejected
        self.queued_bytes = queued_bytes
        self.submission_bytes = submission_bytes
        self.taken = taken


class QueueError(ClientError):
    """The queue's file can't be read or written.

    Attributes:
        path: The file; None for a queue in memory.
        reason: What is wrong with the file.
    """

    def __init__(self, path: Path | None, reason: str) -> None:
        super().__init__(f"{path or 'the queue in memory'}: {reason}")
        self.path = path
        self.reason = reason


class ClientClosed(ClientError):
    """The client has been closed and takes no more submissions."""

    def __init__(self) -> None:
        super().__init__("the client is closed")
