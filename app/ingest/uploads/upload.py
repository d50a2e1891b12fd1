"""An upload under way, from the pieces of its body to its receipt."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from app.access.contributors.networks import Networks
from app.access.limits.limiter import Meter
from app.ingest.errors import (
    ContributorBanned,
    InvalidSubmission,
    LimitExceeded,
    MalformedBody,
    TakenDownBefore,
)
from app.ingest.uploads.body_decoder import BodyDecoder
from app.ingest.uploads.line_decoder import DecodedLines
from app.ingest.uploads.options import UploadOptions, UploadReceipt, digest_of_mode
from app.ingest.uploads.report import Reporter, encode_report
from app.ingest.uploads.store import UploadStore
from app.telemetry import metrics
from app.telemetry.labels import LimitName, RejectionReason
from catalog.errors import LakeError
from catalog.wording import counted

_REASONS: Final[Mapping[type[LakeError], RejectionReason]] = {
    MalformedBody: "malformed",
    LimitExceeded: "too_large",
    InvalidSubmission: "invalid",
    TakenDownBefore: "invalid",
    ContributorBanned: "denied",
}
"""What a wrong line is counted as, by the error that it has."""


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
        self._digest = digest_of_mode(options)
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
        repeated = report.accepted - self._store.stored_rows
        report.repeated = repeated or UNSET
        if self._networks is not None:
            self._networks.flush()
        entry_id = self._store.acknowledge(self._digest.digest(), encode_report(report))
        self._is_finished = True
        metrics.journalled(self._store.stored_rows, repeated)
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
