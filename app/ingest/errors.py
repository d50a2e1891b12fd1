"""Why a submission is not accepted.

LakeError
├── MalformedBody
├── LimitExceeded
├── InvalidSubmission
└── JournalFull
"""

from typing import Any

from catalog.errors import LakeError


class MalformedBody(LakeError):
    """The body is not JSON as RFC 8259 has it."""


class LimitExceeded(LakeError):
    """The submission is larger than the service takes.

    Attributes:
        limit: The setting's name.
        maximum: Its value.
    """

    def __init__(self, limit: str, maximum: int, subject: str) -> None:
        super().__init__(f"{subject} exceeds {limit} = {maximum}")
        self.limit = limit
        self.maximum = maximum


class InvalidSubmission(LakeError):
    """The submission breaks the contract.

    Attributes:
        errors: What is wrong, by field, as Marshmallow gives it.
    """

    def __init__(self, errors: dict[str, Any]) -> None:
        super().__init__("the submission doesn't fit the schema")
        self.errors = errors


class JournalFull(LakeError):
    """As much waits to be committed as may.

    Attributes:
        waiting_bytes: How much waits.
        max_bytes: The value of the setting `max_journal_bytes`.
    """

    def __init__(self, waiting_bytes: int, max_bytes: int) -> None:
        super().__init__(
            f"{waiting_bytes} bytes wait to be committed, and max_journal_bytes = {max_bytes}; "
            "try again later"
        )
        self.waiting_bytes = waiting_bytes
        self.max_bytes = max_bytes
