"""What can go wrong in the client.

ClientError
├── RowError                 one row can't become a submission: it is rejected, the rest goes on
├── UnreadableFileError      one file can't be read (any further): the other files go on
└── ServiceUnavailableError  the service can't be reached: everything stops
"""

from pathlib import Path


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""


class RowError(ClientError):
    """A row can't become a submission."""


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
