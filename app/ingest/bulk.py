"""Bulk: an upload of many submissions, one a line, in bounded memory.

Lines are decoded as they come. Each full row group goes to a second thread, which leaves out what
the journal has already and writes the rest to the upload's data files, while the next lines are
decoded. One transaction at the end acknowledges all of it; the committer adds the files.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from pyiceberg.table import Table

from app.ingest.backpressure import Backpressure
from app.ingest.decode import decode, decode_plain_texts, new_contribution_id
from app.ingest.errors import InvalidSubmission, LimitExceeded, MalformedBody, RequestKeyReused
from app.ingest.lines import read_lines
from app.ingest.report import Report, Reporter, decode_report, encode_report
from app.ingest.strict_json import Limits
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
"""What is wrong with a line when the upload is right, as it is counted."""


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The proof that an upload is durable.

    Attributes:
        report: What became of its lines.
        entry_id: The journal's entry that holds it, or the latest that it repeats.
    """

    report: Report
    entry_id: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client asks of its upload.

    Attributes:
        all_or_nothing: Whether nothing is to be stored if a line is wrong.
        request_key: The Idempotency-Key, if there is one.
    """

    all_or_nothing: bool = False
    request_key: str | None = None


class BulkIntake:
    """Takes uploads in: from the pieces of a body to the receipt of what is durable."""

    def __init__(
        self,
        uploads: Uploads,
        open_table: Callable[[], Table],
        backpressure: Backpressure,
        limits: Limits,
        *,
        max_line_bytes: int,
        max_rejected: int,
    ) -> None:
        self._uploads = uploads
        self._open_table = open_table
        self._backpressure = backpressure
        self._limits = limits
        self._max_line_bytes = max_line_bytes
        self._max_rejected = max_rejected

    def submit(self, pieces: Iterable[bytes], terms: Terms) -> UploadReceipt:
        """Store the submissions of an upload, and return once they are durable.

        What `pieces` raises ends the upload, and nothing of it is stored.

        Raises:
            JournalFull: Too much waits to be committed.
            UploadUnderWay: One with the same key is being handled.
            RequestKeyReused: Its key came with something else before.
            UploadOvertaken: Another request stored some of the same conversations meanwhile.
            LimitExceeded: A line is too long.
            UploadRejected: Not one line was accepted, a line was wrong under `all_or_nothing`, or
                too many were.
            SQLAlchemyError: It could not be written; sending it again is safe.
            OSError: The same.
        """
        self._backpressure.check()
        digest = hashlib.sha256(bytes([terms.all_or_nothing]))
        opened = None
        if terms.request_key is not None:
            opened = self._uploads.begin(terms.request_key)
            pieces = _digested(pieces, digest.update)
        if isinstance(opened, AnsweredUpload):
            for _ in pieces:
                pass
            return _replayed(opened, digest.digest(), terms.request_key or "")
        files = StagedFiles(self._open_table(), uuid4())
        store = UploadStore(self._uploads, opened, files)
        try:
            with store:
                reporter = self._take(pieces, store, terms)
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

    def _take(self, pieces: Iterable[bytes], store: UploadStore, terms: Terms) -> Reporter:
        """Decode all lines, have those stored that are right, and report."""
        reporter = Reporter()
        report = reporter.report
        number = 1
        for lines in read_lines(pieces, self._max_line_bytes):
            numbers = [n for n, line in enumerate(lines, number) if line and not line.isspace()]
            found = self._decode([lines[n - number] for n in numbers])
            number += len(lines)
            right = [each for each in found if isinstance(each, Contribution)]
            reporter.accept(len(right))
            if len(right) < len(found):
                _reject_wrong(reporter, numbers, found)
            if report.rejected > self._max_rejected:
                raise reporter.refusal(f"more than {self._max_rejected} lines are wrong")
            if not (terms.all_or_nothing and report.rejected):
                store.add(right)
        if not report.accepted or (terms.all_or_nothing and report.rejected):
            raise reporter.refusal(f"{report.rejected} lines are wrong and {report.accepted} right")
        return reporter

    def _decode(self, texts: list[bytes]) -> list[Contribution | LakeError]:
        ids = [new_contribution_id() for _ in texts]
        plain = decode_plain_texts(texts, self._limits, ids)
        return [
            made or _in_detail(text, self._limits, contribution_id)
            for made, text, contribution_id in zip(plain, texts, ids, strict=True)
        ]


def _reject_wrong(
    reporter: Reporter, numbers: Sequence[int], found: Sequence[Contribution | LakeError]
) -> None:
    for line, each in zip(numbers, found, strict=True):
        if isinstance(each, LakeError):
            reporter.reject(line, each)


def _in_detail(text: bytes, limits: Limits, contribution_id: str) -> Contribution | LakeError:
    try:
        return decode(text, limits, contribution_id)
    except tuple(_REASONS) as error:
        return error


def _digested(pieces: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def _replayed(answered: AnsweredUpload, digest: bytes, request_key: str) -> UploadReceipt:
    if answered.digest != digest:
        raise RequestKeyReused(request_key)
    return UploadReceipt(decode_report(answered.answer), answered.entry_id)
