"""Taking uploads in: many submissions, one in each line, in bounded memory.

The text is cut into chunks of whole lines, and as many chunks are decoded at once as there are
processors. A thread of each upload leaves out the rows that the journal has already and writes the
others to the upload's data files. One transaction at the end acknowledges the whole upload; the
committer adds the files.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.access.credentials import NO_CREDENTIALS, Credentials
from app.access.ids import Ids
from app.access.limits.limiter import Meter
from app.access.networks import Networks
from app.ingest.decode import new_contribution_id
from app.ingest.decoding import PROCESSORS, BodyDecoder
from app.ingest.errors import (
    ContributorBanned,
    InvalidSubmission,
    LimitExceeded,
    MalformedBody,
    RequestKeyReused,
    TakenDownBefore,
)
from app.ingest.line_decoder import DecodedLines, LineDecoder
from app.ingest.lines import LineCutter, Lines
from app.ingest.report import Report, Reporter, decode_report, encode_report
from app.ingest.senders import Sender
from app.ingest.upload_store import UploadStore
from app.ingest.uploads import AnsweredUpload, Uploads
from app.telemetry import metrics
from app.telemetry.labels import LimitName, RejectionReason
from catalog.errors import LakeError
from catalog.staging import StagedFiles
from catalog.wording import counted

_REASONS: Final[Mapping[type[LakeError], RejectionReason]] = {
    MalformedBody: "malformed",
    LimitExceeded: "too_large",
    InvalidSubmission: "invalid",
    TakenDownBefore: "invalid",
    ContributorBanned: "denied",
}
"""What a wrong line is counted as, by the error that it has."""


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The proof that an upload is durable.

    Attributes:
        report: What became of the upload's lines.
        entry_id: The journal's entry with its rows, or the latest one that they repeat; 0 when no
            entry has what they repeat.
        sequence_number: The newest commit of what they repeat, when no entry has it; else None.
    """

    report: Report
    entry_id: int
    sequence_number: int | None = None


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """The options of an upload.

    Attributes:
        all_or_nothing: Whether nothing is to be stored if a line is wrong.
        request_key: The Idempotency-Key, or None without one.
        credentials: Who sends the request.
        network: The network that it comes from; None if that doesn't count.
    """

    all_or_nothing: bool = False
    request_key: str | None = None
    credentials: Credentials = NO_CREDENTIALS
    network: str | None = None


class BulkIntake:
    """Takes uploads in, from the pieces of a body to a receipt."""

    def __init__(  # wiring
        self,
        uploads: Uploads,
        open_table: Callable[[], Table],
        check_room: Callable[[], None],
        ids: Ids,
        decoder: LineDecoder,
        networks: Networks | None = None,
        *,
        max_line_bytes: int,
        max_rejected: int,
    ) -> None:
        """Prepare to take uploads in.

        Args:
            uploads: The uploads of the database.
            open_table: Returns the newest state of the lake's table.
            check_room: Raises `JournalFull` while the journal is full.
            ids: Makes the ids of the lake.
            decoder: Decodes lines, and refuses those that are to be refused.
            networks: Gets noted where contributions come from; None to note nothing.
            max_line_bytes: Greatest length of a line, in bytes.
            max_rejected: How many lines of an upload may be wrong before it is refused.
        """
        self._uploads = uploads
        self._open_table = open_table
        self._check_room = check_room
        self._max_line_bytes = max_line_bytes
        self._max_rejected = max_rejected
        self._networks = networks
        self._ids = ids
        self._decoder = decoder
        # Its threads start with the first upload, which is after a fork.
        self._pool = ThreadPoolExecutor(PROCESSORS, "decode")

    def submit(
        self, pieces: Iterable[bytes], options: UploadOptions, meter: Meter | None = None
    ) -> UploadReceipt:
        """Store the submissions of an upload, and return once they are durable.

        Args:
            pieces: The body, decompressed and cut anywhere. An error that it raises ends the
                upload, and nothing of it is stored.
            options: The options that the client chose.
            meter: Counts the rows and bytes of the client and of contributors; None if they don't
                count.

        Raises:
            LakeError: As `begin`, `Upload.feed` and `Upload.finish` raise.
            SQLAlchemyError: The database could not be written; sending it again is safe.
            OSError: A file could not be written; sending it again is safe.
        """
        with self.begin(options, meter) as upload:
            for piece in pieces:
                upload.feed(piece)
            return upload.finish()

    def begin(
        self, options: UploadOptions, meter: Meter | None = None
    ) -> "Upload | RepeatedUpload":
        """Begin an upload, whose body is fed to what is returned.

        Args:
            options: The options that the client chose.
            meter: Counts the rows and bytes of the client and of contributors; None if they don't
                count.

        Raises:
            JournalFull: Too much waits to be committed.
            UploadUnderWay: An upload with the same Idempotency-Key is being handled.
            SQLAlchemyError: The database could not be written; sending it again is safe.
        """
        self._check_room()
        opened = None
        if options.request_key is not None:
            opened = self._uploads.begin(options.request_key)
        submit = partial(self._submit, Sender(self._ids, *options.credentials))
        decoder = BodyDecoder(LineCutter(self._max_line_bytes), submit)
        if isinstance(opened, AnsweredUpload):
            return RepeatedUpload(
                opened, options, decoder if self._decoder.refuses_contents() else None
            )
        files = StagedFiles(self._open_table(), uuid4())
        store = UploadStore(self._uploads, opened, files)
        return Upload(store, decoder, options, self._max_rejected, meter, self._networks)

    def _submit(self, sender: Sender, lines: Lines) -> Future[DecodedLines]:
        # The ids are in the order of the lines, although chunks are decoded at once.
        ids = [new_contribution_id() for _ in range(len(lines))]
        return self._pool.submit(self._decoder.decode, lines, ids, sender)


class Upload:
    """An upload under way, to be used as a context manager.

    The body is fed to it piece by piece. Any thread may do that, one at a time. Leaving the context
    before `finish` returned abandons the upload, and nothing of it is stored.
    """

    def __init__(
        self,
        store: UploadStore,
        decoder: BodyDecoder,
        options: UploadOptions,
        max_rejected: int,
        meter: Meter | None,
        networks: Networks | None,
    ) -> None:
        """Begin with an empty body; `BulkIntake.begin` is how to get an upload."""
        self._store = store
        self._decoder = decoder
        self._options = options
        self._max_rejected = max_rejected
        self._meter = meter
        self._networks = networks if options.network else None
        self._digest = _digest_of_mode(options)
        self._reporter = Reporter()
        self._is_finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.cancel()
        self._store.close()
        if not self._is_finished:
            with suppress(Exception):
                self._store.abandon()

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body, which may be cut anywhere.

        It waits while too many chunks are being decoded.

        Raises:
            LimitExceeded: A line is too long.
            RateLimited: The client has sent too much.
            UploadRejected: Too many lines are wrong.
            UploadOvertaken: Another upload with the Idempotency-Key has begun meanwhile.
            SQLAlchemyError: The database could not be read; sending it again is safe.
            OSError: A file could not be written; sending it again is safe.
        """
        self._count("bytes", len(piece))
        if self._options.request_key is not None:
            self._digest.update(piece)
        self._store.show_life()
        for decoded in self._decoder.feed(piece):
            self._settle(decoded)

    def finish(self) -> UploadReceipt:
        """End the body, and return once its submissions are durable.

        Raises:
            LimitExceeded: A line is too long.
            RateLimited: The client has sent too much.
            UploadRejected: Not one line was accepted, a line was wrong under `all_or_nothing`, or
                too many were.
            UploadOvertaken: Another request stored some of the same conversations meanwhile.
            SQLAlchemyError: The database could not be written; sending it again is safe.
            OSError: A file could not be written; sending it again is safe.
        """
        for decoded in self._decoder.finish():
            self._settle(decoded)
        report = self._reporter.report
        if not report.accepted or self._is_refused():
            raise self._reporter.refusal_of_all()
        self._store.flush()
        if self._networks is not None:
            self._networks.flush()
        entry_id = self._store.acknowledge(self._digest.digest(), encode_report(report))
        self._is_finished = True
        metrics.journalled(self._store.stored_rows, report.accepted - self._store.stored_rows)
        for kind, lines in self._reporter.reasons.items():
            metrics.rejected(_REASONS[kind], lines)
        return UploadReceipt(report, entry_id, None if entry_id else self._store.repeated_number)

    def _settle(self, decoded: DecodedLines) -> None:
        """Report on a chunk, and store it."""
        self._count("rows", len(decoded.rows))
        self._count_contributors(decoded)
        self._reporter.judge(decoded)
        if self._reporter.report.rejected > self._max_rejected:
            most = counted(self._max_rejected, "line is", "lines are")
            raise self._reporter.refusal(f"more than {most} wrong")
        if not self._is_refused():
            self._note(decoded.rows)
            self._store.add(decoded)

    def _note(self, rows: pa.Table) -> None:
        """Note which contributors have rows, on the days of the first and the last of them."""
        if self._networks is None or not len(rows):
            return
        for place in (0, -1):
            received_at = rows["received_at"][place].as_py()
            for contributor_id in pc.unique(rows["contributor_id"]).to_pylist():
                self._networks.note(self._options.network, contributor_id, received_at)

    def _count(self, limit: LimitName, amount: int) -> None:
        if self._meter is not None:
            self._meter.take({limit: amount})

    def _count_contributors(self, decoded: DecodedLines) -> None:
        if self._meter is None or not self._meter.client.contributor_policies:
            return
        for contributor_id, rows, size_bytes in decoded.by_contributor():
            self._meter.take_of(contributor_id, {"rows": rows, "bytes": size_bytes})

    def _is_refused(self) -> bool:
        return self._options.all_or_nothing and self._reporter.report.rejected > 0


class RepeatedUpload:
    """An upload whose Idempotency-Key was answered before: it has to have the same body.

    What was taken down since is told as if it came back: its lines are rejected. Nothing is stored.
    """

    def __init__(
        self, answered: AnsweredUpload, options: UploadOptions, decoder: BodyDecoder | None
    ) -> None:
        """Begin with an empty body.

        Args:
            answered: The upload as it was answered.
            options: The options of the repetition.
            decoder: Judges the lines anew; None if nothing was ever taken down.
        """
        self._answered = answered
        self._decoder = decoder
        self._reporter = Reporter()
        self._request_key = options.request_key or ""
        self._digest = _digest_of_mode(options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to abandon."""
        if self._decoder is not None:
            self._decoder.cancel()

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            LimitExceeded: A line is too long, which was none before.
        """
        self._digest.update(piece)
        if self._decoder is not None:
            for decoded in self._decoder.feed(piece):
                self._reporter.judge(decoded)

    def finish(self) -> UploadReceipt:
        """Return the receipt that was given before, or what of it still holds.

        Raises:
            RequestKeyReused: The Idempotency-Key came with another body, mode or
                sender before.
            UploadRejected: All of it was taken down since.
        """
        if self._answered.digest != self._digest.digest():
            raise RequestKeyReused(self._request_key)
        answered = self._answered
        return UploadReceipt(self._report(), answered.entry_id, answered.sequence_number)

    def _report(self) -> Report:
        report = decode_report(self._answered.answer)
        if self._decoder is None:
            return report
        for decoded in self._decoder.finish():
            self._reporter.judge(decoded)
        if not self._reporter.reasons[TakenDownBefore]:
            return report
        if not self._reporter.report.accepted:
            raise self._reporter.refusal_of_all()
        return self._reporter.report


def _digest_of_mode(options: UploadOptions) -> "hashlib._Hash":
    """Return the SHA-256 of an upload's mode and sender, to which the body is added."""
    digest = hashlib.sha256(bytes([options.all_or_nothing]))
    for kind, value in options.credentials._asdict().items():
        if value is not None:
            # No body begins with this byte, which UTF-8 doesn't have.
            digest.update(b"\xff" + f"{kind}:{value}".encode() + b"\xff")
    return digest
