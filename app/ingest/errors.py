"""The errors of submissions and uploads.

LakeError
├── Invalid
│   ├── InvalidSubmission
│   ├── TakenDownBefore
│   ├── RequestKeyReused
│   └── UploadRejected
├── Conflict
│   ├── UploadUnderWay
│   └── UploadOvertaken
├── Overloaded
│   └── JournalFull
├── ContributorBanned
├── MalformedBody
├── BodyTimeout
└── LimitExceeded
"""

from typing import Any

from catalog.errors import Conflict, Invalid, LakeError, Overloaded


class MalformedBody(LakeError):
    """The body is not JSON as RFC 8259 defines it."""


class BodyTimeout(LakeError):
    """The body of a request didn't arrive in time.

    Attributes:
        timeout_s: The time that the client had, in seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the body didn't come within {timeout_s:g} s")
        self.timeout_s = timeout_s


class LimitExceeded(LakeError):
    """The submission is larger than the service takes.

    Attributes:
        limit: The name of the setting.
        maximum: The value of the setting.
    """

    def __init__(self, limit: str, maximum: int, subject: str) -> None:
        super().__init__(f"{subject} exceeds {limit} = {maximum}")
        self.limit = limit
        self.maximum = maximum


class InvalidSubmission(Invalid):
    """The submission breaks the contract.

    Attributes:
        errors: What is wrong with each field, by its name, as Marshmallow gives it.
    """

    def __init__(self, errors: dict[str, Any]) -> None:
        super().__init__("the submission doesn't fit the schema")
        self.errors = errors


class TakenDownBefore(Invalid):
    """The content of a submission, or an earlier version of its conversation, was taken down.

    Attributes:
        errors: The message for the client, by field.
    """

    def __init__(self) -> None:
        super().__init__("the submission was taken down before")
        problem = "This conversation, or one with the same content, was taken down. Don't send it."
        self.errors = {"conversation": [problem]}


class ContributorBanned(LakeError):
    """The contributor of a submission is banned from this lake."""

    def __init__(self) -> None:
        super().__init__("this contributor is banned from this lake")


class JournalFull(Overloaded):
    """The journal is full: as much waits to be committed as is allowed to.

    Attributes:
        waiting_bytes: Size of the payloads that wait.
        max_bytes: The value of the setting `max_journal_bytes`.
    """

    def __init__(self, waiting_bytes: int, max_bytes: int) -> None:
        super().__init__(
            f"{waiting_bytes} bytes wait to be committed, and max_journal_bytes = {max_bytes}; "
            "try again later"
        )
        self.waiting_bytes = waiting_bytes
        self.max_bytes = max_bytes


class UploadUnderWay(Conflict):
    """Another request with the same Idempotency-Key is being handled.

    Attributes:
        request_key: The Idempotency-Key.
    """

    def __init__(self, request_key: str) -> None:
        super().__init__("an upload with this Idempotency-Key is under way; try again later")
        self.request_key = request_key


class UploadOvertaken(Conflict):
    """Another request has stored, or begun to store, some of the upload's conversations."""

    def __init__(self) -> None:
        super().__init__(
            "another request stored some of the same conversations meanwhile, so nothing of this "
            "one was stored; send it again"
        )


class RequestKeyReused(Invalid):
    """The Idempotency-Key was used for another upload before.

    Attributes:
        request_key: The Idempotency-Key.
    """

    def __init__(self, request_key: str) -> None:
        super().__init__("this Idempotency-Key came with another body, mode or sender before")
        self.request_key = request_key


class UploadRejected(Invalid):
    """Nothing of an upload was stored, because of its lines.

    Attributes:
        errors: The report on the lines, in the form of an answer to an upload; its `accepted`
            counts the lines that would have been accepted.
    """

    def __init__(self, reason: str, report: dict[str, Any]) -> None:
        super().__init__(f"{reason}, so nothing was stored")
        self.errors = report
