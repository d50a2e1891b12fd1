"""Taking submissions in: from the bytes of a body to the receipt of what is durable."""

from app.ingest.backpressure import Backpressure
from app.ingest.decode import decode, decode_plain, new_contribution_id
from app.ingest.journal import Journal, Receipt
from app.ingest.strict_json import JsonLimits


class Intake:
    """Decodes submissions and appends them to the journal, while it takes more."""

    def __init__(self, journal: Journal, limits: JsonLimits, backpressure: Backpressure) -> None:
        self._journal = journal
        self._limits = limits
        self._backpressure = backpressure

    def submit(self, body: bytes) -> Receipt:
        """Make a submission durable, and return once it is.

        Raises:
            MalformedBody: The body is not JSON.
            LimitExceeded: The submission is larger than a limit.
            InvalidSubmission: A field is missing or wrong; the error names each.
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: It could not be written; trying again is safe.
        """
        self._backpressure.check()
        return self._journal.append(decode(body, self._limits, new_contribution_id()))

    def submit_plain(self, body: bytes) -> Receipt | None:
        """Do the same for a body that is plainly right, and nothing for any other.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: It could not be written; trying again is safe.
        """
        self._backpressure.check()
        contribution = decode_plain(body, self._limits, new_contribution_id())
        return self._journal.append(contribution) if contribution else None
