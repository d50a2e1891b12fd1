"""Taking single submissions in, from the bytes of a body to a receipt."""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import replace

from app.ingest.decode import decode, decode_plain, new_contribution_id
from app.ingest.journal import Journal, Receipt
from app.ingest.strict_json import JsonLimits
from app.ingest.terms import RequiredTerms
from catalog.records import Contribution


class Intake:
    """Decodes single submissions and appends them to the journal."""

    def __init__(
        self, journal: Journal, limits: JsonLimits, terms: RequiredTerms | None = None
    ) -> None:
        """Take submissions in.

        Args:
            journal: Where they become durable.
            limits: How large the JSON of one may be.
            terms: The terms that each has to state; None if it needn't.
        """
        self._journal = journal
        self._limits = limits
        self._terms = terms

    def submit(self, body: bytes, *, is_awaited: bool = False) -> Receipt:
        """Make a submission durable, and return once it is.

        Args:
            body: The JSON text, decompressed.
            is_awaited: Whether the client waits for the commit, which then comes soon.

        Raises:
            MalformedBody: The body is not JSON.
            LimitExceeded: The submission is larger than a limit.
            InvalidSubmission: A field is missing or wrong; the error names each.
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal could not be written; trying again is safe.
        """
        decoded = decode(body, self._limits, new_contribution_id())
        if self._terms is not None:
            self._terms.check(decoded.contribution.terms_version)
        receipt = self._journal.append(decoded.contribution, is_awaited=is_awaited)
        return replace(receipt, ignored=decoded.ignored)

    def decode_plain(self, body: bytes) -> Contribution | None:
        """Return the contribution that a body holds, or None when `submit` has to judge it."""
        contribution = decode_plain(body, self._limits, new_contribution_id())
        if self._terms is None or contribution is None:
            return contribution
        return contribution if contribution.terms_version == self._terms.version else None

    def store_soon(
        self,
        contribution: Contribution,
        settle: Callable[[Receipt | BaseException], None],
        loop: AbstractEventLoop,
    ) -> None:
        """Return before a contribution is durable.

        Args:
            contribution: The contribution.
            settle: Called with the receipt, or with the error that `store` would raise.
            loop: The event loop that calls it.
        """
        self._journal.append_soon(contribution, settle, loop)

    async def store(self, contribution: Contribution, *, is_awaited: bool) -> Receipt:
        """Make a contribution durable without holding up the event loop.

        Args:
            contribution: The contribution.
            is_awaited: Whether the client waits for its commit.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal could not be written; trying again is safe.
        """
        return await self._journal.append_async(contribution, is_awaited=is_awaited)
