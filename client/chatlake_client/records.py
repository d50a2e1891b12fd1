"""The rows of files, and the outcomes of sending them."""

from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, as the file states it.

    Attributes:
        line: The line's number in JSONL, and the row's number in other kinds of files, from 1.
        value: The row as it was parsed; usually an object with the row's fields.
        file_share: How much of the file has been read with this row, from 0 to 1.
    """

    line: int
    value: object
    file_share: float


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """A row made ready to be sent.

    Attributes:
        line: The row's number.
        body: The submission: one line of an upload.
        row: The row as the file states it, to be quoted when the service rejects it.
    """

    line: int
    body: Json
    row: object


@dataclass(frozen=True, slots=True)
class UploadLine:
    """One line of an upload.

    Attributes:
        number: The number that the line's outcome is known by.
        text: One JSON object, with the line feed at its end.
        row: The row to quote when the service rejects the line.
    """

    number: int
    text: bytes
    row: object


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row that the service has stored.

    Attributes:
        line: The row's number.
    """

    line: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that isn't stored and won't be without a change.

    Attributes:
        line: The row's number.
        message: Why it was rejected, in one sentence.
        row: The row as the file states it; its text when it couldn't be parsed.
        status: The HTTP status, or None when the row was never sent.
        errors: The service's messages by field.
        lost: The row's keys that no submission can hold; empty when it was rejected for another
            reason.
        member: The name of the archive's member that holds the row; empty where the file is no
            archive, and where the service rejected the row.
    """

    line: int
    message: str
    row: object
    status: int | None = None
    errors: Json = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    member: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row, or a member of an archive, that holds no conversation and isn't meant to.

    Attributes:
        line: The row's number; 0 for a whole member.
    """

    line: int


@dataclass(frozen=True, slots=True)
class Unsent:
    """A row that was given up because the sender stops. It may be sent again later.

    Attributes:
        line: The row's number.
    """

    line: int


Outcome = Accepted | Rejected | Skipped | Unsent
