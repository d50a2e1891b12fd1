"""What can go wrong in the client.

ClientError
├── RowError                 one row can't become a submission: it is rejected, the rest goes on
│   └── LossyRowError        it says what a submission can't hold
├── UnreadableFileError      one file can't be read (any further): the other files go on
└── ServiceUnavailableError  the service can't be reached: everything stops
"""

from collections.abc import Sequence
from pathlib import Path


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""


class RowError(ClientError):
    """A row can't become a submission."""


class LossyRowError(RowError):
    """A row says what a submission can't hold.

    Attributes:
        keys: The keys that say it, such as `chosen` or `messages[].tool_calls`.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(
            f"would lose {', '.join(keys)}: no submission has a place for it. "
            "Remove it to send the rest"
        )
        self.keys = tuple(keys)


class UnreadableFileError(ClientError):
    """A file can't be read, or not any further.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ServiceUnavailableError(ClientError):
    """The service can't be reached, or what answers is not a chatlake.

    Attributes:
        url: Where it was expected.
        reason: What happened instead.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
