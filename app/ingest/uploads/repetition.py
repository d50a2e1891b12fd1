"""An upload that was answered before, and is sent again."""

from typing import Self

from app.ingest.errors import RequestKeyReused, TakenDownBefore
from app.ingest.uploads.body_decoder import BodyDecoder
from app.ingest.uploads.options import UploadOptions, UploadReceipt, digest_of_mode
from app.ingest.uploads.register import AnsweredUpload
from app.ingest.uploads.report import Report, Reporter, decode_report


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
        self._digest = digest_of_mode(options)

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

        All of its accepted lines are repeated ones by now.

        Raises:
            RequestKeyReused: The Idempotency-Key came with another body, mode or
                sender before.
            UploadRejected: All of it was taken down since.
        """
        if self._answered.digest != self._digest.digest():
            raise RequestKeyReused(self._request_key)
        answered, report = self._answered, self._report()
        report.repeated = report.accepted
        return UploadReceipt(report, answered.entry_id, answered.sequence_number)

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
