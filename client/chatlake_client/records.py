"""What the client's parts pass on to one another: rows, submissions and outcomes."""

from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, as the file states it.

    Attributes:
        line: Its line in JSONL; elsewhere its row number. Both count from 1.
        value: Usually an object with the row's fields.
        file_share: How much of the file has been read with this row, from 0 to 1.
    """

    line: int
    value: object
    file_share: float


@dataclass(frozen=True, slots=True)
class Submission:
    """A row made ready to send.

    Attributes:
        line: The line of the row that it comes from.
        body: The request's body.
        row: The row as the file states it, to be quoted when the service rejects it.
    """

    line: int
    body: Json
    row: object


@dataclass(frozen=True, slots=True)
class Accepted:
    """The service has stored the submission."""

    line: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that isn't stored and won't be without a change.

    Attributes:
        line: The row's line.
        message: Why, in one sentence.
        row: The row as the file states it; its text when it couldn't be parsed.
        status: The HTTP status, or None when the row was never sent.
        errors: The service's messages by field.
        lost: The row's keys that no submission can hold, if that is why.
    """

    line: int
    message: str
    row: object
    status: int | None = None
    errors: Json = field(default_factory=dict)
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsent:
    """A submission that was given up because the client stops. It may be sent again later."""

    line: int


Outcome = Accepted | Rejected | Unsent
