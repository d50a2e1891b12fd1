"""What a client is told of the lines of its upload."""

from collections import Counter
from typing import Any, Final

import msgspec

from app.ingest.errors import UploadRejected
from catalog.errors import LakeError

MAX_LISTED_ERRORS: Final = 1_000
MAX_LISTED_BYTES: Final = 1024 * 1024
"""Size of the listed errors at which no more are listed: a conversation can have many."""

_encode = msgspec.json.Encoder().encode


class LineError(msgspec.Struct, frozen=True):
    """Why a line was rejected.

    Attributes:
        line: Its number, from 1; blank lines count.
        message: What went wrong.
        errors: What is wrong, by field; empty when no field is to blame.
    """

    line: int
    message: str
    errors: dict[str, Any]


class Report(msgspec.Struct):
    """What became of the lines of an upload.

    Attributes:
        accepted: How many are stored, those included that were stored before.
        rejected: How many are not.
        errors: The first of the rejected ones.
        errors_truncated: Whether there are more of them than are listed.
    """

    accepted: int = 0
    rejected: int = 0
    errors: list[LineError] = msgspec.field(default_factory=list)
    errors_truncated: bool = False


class Reporter:
    """Writes a report, line by line, in bounded memory.

    Attributes:
        report: What there is of it.
        reasons: How many lines were rejected for which kind of error.
    """

    def __init__(self) -> None:
        self.report = Report()
        self.reasons: Counter[type[LakeError]] = Counter()
        self._listed_bytes = 0

    def accept(self, lines: int) -> None:
        """Count lines that are accepted."""
        self.report.accepted += lines

    def reject(self, line: int, reason: LakeError) -> None:
        """Count a line that is rejected, and list it if there is room."""
        self.report.rejected += 1
        self.reasons[type(reason)] += 1
        if len(self.report.errors) >= MAX_LISTED_ERRORS or self._listed_bytes >= MAX_LISTED_BYTES:
            self.report.errors_truncated = True
            return
        error = LineError(line, str(reason), getattr(reason, "errors", {}))
        self.report.errors.append(error)
        self._listed_bytes += len(_encode(error))

    def refusal(self, reason: str) -> UploadRejected:
        """Return the error that says why nothing of the upload was stored."""
        return UploadRejected(reason, msgspec.to_builtins(self.report))


def encode_report(report: Report) -> bytes:
    """Return a report as JSON, as it is answered and kept."""
    return _encode(report)


def decode_report(text: bytes) -> Report:
    """Return the report that `encode_report` wrote."""
    return msgspec.json.decode(text, type=Report)
