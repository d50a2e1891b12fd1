"""Bulk: an upload of many submissions, one a line, in bounded memory.

Lines are decoded as they come. Each full row group goes to a second thread, which leaves out rows
that the journal has already and writes the others to the upload's data files, while the next lines
are decoded. One transaction at the end acknowledges the whole upload; the committer adds the files.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from pyiceberg.table import Table

from app.ingest.decode import decode, decode_plain_texts, new_contribution_id
from app.ingest.errors import InvalidSubmission, LimitExceeded, MalformedBody, RequestKeyReused
from app.ingest.report import Report, Reporter, decode_report, encode_report
from app.ingest.strict_json import JsonLimits
from app.ingest.upload_store import UploadStore
from app.ingest.uploads import AnsweredUpload, Uploads
from app.telemetry import metrics
from catalog.errors import LakeError
from catalog.records import Contribution
from catalog.staging import StagedFiles

_REASONS: Final[Mapping[type[LakeError], metrics.RejectionReason]] = {
    MalformedBody: "malformed",
    LimitExceeded: "too_large",
    InvalidSubmission: "invalid",
}
"""The errors that make a line wrong but not its upload, by the reason that they are counted as."""


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The proof that an upload is durable.

    Attributes:
        report: What became of the upload's lines.
        entry_id: The journal's entry with its rows, or the latest one that they repeat.
    """

    report: Report
    entry_id: int


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What a client asks of its upload.

    Attributes:
        all_or_nothing: Whether nothing is to be stored if a line is wrong.
        request_key: The Idempotency-Key, or None without one.
    """

    all_or_nothing: bool = False
    request_key: str | None = None


class BulkIntake:
    """Takes uploads in, from the pieces of a body to a receipt."""

    def __init__(
        self,
        uploads: Uploads,
        open_table: Callable[[], Table],
        check_room: Callable[[], None],
        limits: JsonLimits,
        *,
        max_line_bytes: int,
        max_rejected: int,
    ) -> None:
        """Prepare to take uploads in.

        Args:
            uploads: The uploads of the database.
            open_table: Returns the newest state of the lake's table.
            check_room: Raises `JournalFull` while the journal is full.
            limits: How large a line's JSON may be.
            max_line_bytes: How long a line may be.
            max_rejected: How many lines of an upload may be wrong before it is refused.
        """
        self._uploads = uploads
        self._open_table = open_table
        self._check_room = check_room
        self._limits = limits
        self._max_line_bytes = max_line_bytes
        self._max_rejected = max_rejected

    def submit(self, pieces: Iterable[bytes], options: UploadOptions) -> UploadReceipt:
        """Store the submissions of an upload, and return once they are durable.

        Args:
            pieces: The body, decompressed and cut anywhere. An error that it raises ends the
                upload, and nothing of it is stored.
            options: What the client asks for.

        Raises:
            JournalFull: Too much waits to be committed.
            UploadUnderWay: An upload with the same Idempotency-Key is being handled.
            RequestKeyReused: The Idempotency-Key came with another body or mode before.
            UploadOvertaken: Another request stored some of the same conversations meanwhile.
            LimitExceeded: A line is too long.
            UploadRejected: Not one line was accepted, a line was wrong under `all_or_nothing`, or
                too many were.
            SQLAlchemyError: The database could not be written; sending it again is safe.
            OSError: A file could not be written; sending it again is safe.
        """
        self._check_room()
        digest = hashlib.sha256(bytes([options.all_or_nothing]))
        opened = None
        if options.request_key is not None:
            opened = self._uploads.begin(options.request_key)
            pieces = _digested(pieces, digest.update)
        if isinstance(opened, AnsweredUpload):
            for _ in pieces:
                pass
            return _replayed(opened, digest.digest(), options.request_key or "")
        files = StagedFiles(self._open_table(), uuid4())
        store = UploadStore(self._uploads, opened, files)
        try:
            with store:
                reporter = self._take(pieces, store, options)
                report = reporter.report
                store.flush()
                entry_id = store.acknowledge(digest.digest(), encode_report(report))
        except BaseException:
            with suppress(Exception):
                store.abandon()
            raise
        metrics.journalled(store.stored_rows, report.accepted - store.stored_rows)
        for kind, lines in reporter.reasons.items():
            metrics.rejected(_REASONS[kind], lines)
        return UploadReceipt(report, entry_id)

    def _take(
        self, pieces: Iterable[bytes], store: UploadStore, options: UploadOptions
    ) -> Reporter:
        """Decode all lines, store those that are right, and return what reports on them."""
        reporter = Reporter()
        report = reporter.report
        number = 1
        for lines in read_lines(pieces, self._max_line_bytes):
            numbers = [n for n, line in enumerate(lines, number) if line and not line.isspace()]
            outcomes = self._decode([lines[n - number] for n in numbers])
            number += len(lines)
            right = [outcome for outcome in outcomes if isinstance(outcome, Contribution)]
            reporter.accept(len(right))
            if len(right) < len(outcomes):
                _reject_wrong(reporter, numbers, outcomes)
            if report.rejected > self._max_rejected:
                raise reporter.refusal(f"more than {self._max_rejected} lines are wrong")
            if not (options.all_or_nothing and report.rejected):
                store.add(right)
        if not report.accepted or (options.all_or_nothing and report.rejected):
            raise reporter.refusal(f"{report.rejected} lines are wrong and {report.accepted} right")
        return reporter

    def _decode(self, texts: list[bytes]) -> list[Contribution | LakeError]:
        """Return for each line its contribution, or what is wrong with it."""
        ids = [new_contribution_id() for _ in texts]
        plain = decode_plain_texts(texts, self._limits, ids)
        return [
            made or _decode_or_explain(text, self._limits, contribution_id)
            for made, text, contribution_id in zip(plain, texts, ids, strict=True)
        ]


def read_lines(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[list[bytes]]:
    """Yield the lines of NDJSON that each piece completes, without their line feeds.

    The last line needn't end in a line feed. A carriage return before one is white space to JSON.

    Args:
        pieces: The text, cut anywhere.
        max_line_bytes: How long a line may be.

    Raises:
        LimitExceeded: A line is longer than `max_line_bytes`.
    """
    number = 1
    unfinished: list[bytes] = []
    size = 0
    for piece in pieces:
        lines = piece.split(b"\n")
        size += len(lines[0])
        if max(size, *map(len, lines)) > max_line_bytes:
            raise LimitExceeded("max_body_bytes", max_line_bytes, f"a line after line {number - 1}")
        unfinished.append(lines[0])
        if len(lines) == 1:
            continue
        lines[0] = b"".join(unfinished)
        unfinished = [lines.pop()]
        size = len(unfinished[0])
        number += len(lines)
        yield lines
    if size:
        yield [b"".join(unfinished)]


def _reject_wrong(
    reporter: Reporter, numbers: Sequence[int], outcomes: Sequence[Contribution | LakeError]
) -> None:
    for line, outcome in zip(numbers, outcomes, strict=True):
        if isinstance(outcome, LakeError):
            reporter.reject(line, outcome)


def _decode_or_explain(
    text: bytes, limits: JsonLimits, contribution_id: str
) -> Contribution | LakeError:
    try:
        return decode(text, limits, contribution_id)
    except tuple(_REASONS) as error:
        return error


def _digested(pieces: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the pieces, each after it was added to a digest."""
    for piece in pieces:
        update(piece)
        yield piece


def _replayed(answered: AnsweredUpload, digest: bytes, request_key: str) -> UploadReceipt:
    if answered.digest != digest:
        raise RequestKeyReused(request_key)
    return UploadReceipt(decode_report(answered.answer), answered.entry_id)
