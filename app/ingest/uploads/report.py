"""The report that a client gets on the lines of its upload."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from app.ingest.contract import IgnoredKeys
from app.ingest.errors import UploadRejected
from app.ingest.uploads.line_decoder import DecodedLines
from catalog.errors import LakeError
from catalog.wording import counted

MAX_LISTED_ERRORS: Final = 1_000
MAX_LISTED_BYTES: Final = 1024 * 1024
"""Size of the listed errors from which no more are listed: one conversation can have many."""

_encode = msgspec.json.Encoder().encode


class LineError(msgspec.Struct, frozen=True):
    """The reason for which a line was rejected.

    Attributes:
        line: The line's number, from 1; blank lines count.
        message: What went wrong.
        errors: What is wrong with each field, by its name; empty when no field is to blame.
    """

    line: int
    message: str
    errors: dict[str, Any]


class Report(msgspec.Struct):
    """The result of an upload, with its rejected lines.

    Attributes:
        accepted: Number of lines whose conversations are stored, including those that already were.
        rejected: Number of lines that are not stored.
        errors: The first of the rejected lines.
        errors_truncated: Whether more lines were rejected than are listed.
        repeated: Number of accepted lines whose conversations were stored before, or came more than
            once in the upload; UNSET without any.
        unowned: Number of accepted lines that no contributor can withdraw; UNSET without any.
        ignored: The keys of the accepted lines that aren't stored; UNSET without any.
    """

    accepted: int = 0
    rejected: int = 0
    errors: list[LineError] = msgspec.field(default_factory=list)
    errors_truncated: bool = False
    repeated: int | UnsetType = UNSET
    unowned: int | UnsetType = UNSET
    ignored: list[str] | UnsetType = UNSET


class Reporter:
    """Writes a report, line by line, in bounded memory.

    Attributes:
        report: The report on the lines so far.
        reasons: For each kind of error the number of lines that were rejected for it.
    """

    def __init__(self) -> None:
        self.report = Report()
        self.reasons: Counter[type[LakeError]] = Counter()
        self._listed_bytes = 0
        self._ignored = IgnoredKeys()

    def accept(self, lines: int, unowned: int, ignored: Sequence[str]) -> None:
        """Count lines that are accepted, and name their keys that aren't stored.

        Args:
            lines: Number of lines.
            unowned: Number of those that no contributor can withdraw.
            ignored: Their keys that aren't stored.
        """
        self.report.accepted += lines
        if unowned:
            self.report.unowned = unowned + (self.report.unowned or 0)
        if ignored:
            self._ignored.add(ignored)
            self.report.ignored = self._ignored.paths

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

    def judge(self, decoded: DecodedLines) -> None:
        """Count and list decoded lines as accepted or rejected."""
        self.accept(len(decoded.rows), decoded.unowned, decoded.ignored)
        for number, reason in decoded.wrong:
            self.reject(number, reason)

    def refusal_of_all(self) -> UploadRejected:
        """Return the error of an upload of which nothing is stored because of its lines."""
        return self.refusal(
            f"{counted(self.report.rejected, 'line is', 'lines are')} wrong and "
            f"{self.report.accepted} right"
        )

    def refusal(self, reason: str) -> UploadRejected:
        """Return the error that says why nothing of the upload was stored."""
        return UploadRejected(reason, msgspec.to_builtins(self.report))


def encode_report(report: Report) -> bytes:
    """Return a report as JSON, in the form that is answered and kept for replays."""
    return _encode(report)


def decode_report(text: bytes) -> Report:
    """Return the report that `encode_report` wrote."""
    return msgspec.json.decode(text, type=Report)
