"""Taking single submissions in, from the bytes of a body to a receipt."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence

import msgspec

from app.access.contributors.ids import Ids
from app.access.contributors.networks import Networks
from app.access.credentials import NO_CREDENTIALS, Credentials
from app.access.limits.limiter import Meter
from app.ingest.decoding.contributions import Decoded, decode, decode_plain, new_contribution_id
from app.ingest.decoding.senders import Sender
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.journal.idempotency import KeyHolder
from app.ingest.journal.journal import Journal
from app.ingest.terms import RequiredTerms


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The proof that a submission is durable.

    Attributes:
        ingest_id: The conversation's id, as its client knows it.
        contribution_id: The row's id: the earlier one's when the submission was a repetition.
        entry_id: The journal's entry that holds the contribution; 0 when the lake has had it for
            long.
        sequence_number: The commit that added it, when the lake has had it for long.
        is_owned: Whether its contributor can list and withdraw it.
        ignored: The keys of the submission that aren't stored.
    """

    ingest_id: str
    contribution_id: str
    entry_id: int
    sequence_number: int | None = None
    is_owned: bool = True
    ignored: Sequence[str] = ()


class Intake:
    """Decodes single submissions and appends them to the journal."""

    def __init__(
        self,
        journal: Journal,
        ids: Ids,
        limits: JsonLimits,
        terms: RequiredTerms | None = None,
        networks: Networks | None = None,
    ) -> None:
        """Take submissions in.

        Args:
            journal: Where they become durable.
            ids: Makes the ids of the lake.
            limits: How large the JSON of one may be.
            terms: The terms that each has to state; None if it needn't.
            networks: Gets noted where contributions come from; None to note nothing.
        """
        self._journal = journal
        self._ids = ids
        self._anyone = Sender(ids)
        self._limits = limits
        self._terms = terms
        self._networks = networks

    def submit(
        self,
        body: bytes,
        credentials: Credentials = NO_CREDENTIALS,
        network: str | None = None,
        *,
        meter: Meter | None = None,
        is_awaited: bool = False,
    ) -> Receipt:
        """Make a submission durable, and return once it is.

        Args:
            body: The JSON text, decompressed.
            credentials: Who sends it.
            network: The network that it comes from; None if that doesn't count.
            meter: Counts what its contributor sends; None if that doesn't count.
            is_awaited: Whether the client waits for the commit, which then comes soon.

        Raises:
            MalformedBody: The body is not JSON.
            LimitExceeded: The submission is larger than a limit.
            InvalidSubmission: A field is missing or wrong; the error names each.
            RateLimited: The contributor has sent too much.
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal could not be written; trying again is safe.
        """
        sender = self._sender(credentials)
        decoded = decode(body, self._limits, new_contribution_id(), sender)
        if self._terms is not None:
            self._terms.check(decoded.contribution.terms_version)
        if meter is not None:
            meter.take_contribution(decoded.contribution.contributor_id, len(body))
        self._note(decoded, network)
        holder = self._journal.append(
            decoded.contribution, decoded.guessed_id, is_awaited=is_awaited
        )
        return _receipt(decoded, holder)

    def decode_plain(
        self, body: bytes, credentials: Credentials = NO_CREDENTIALS
    ) -> Decoded | None:
        """Return what a body holds, or None when `submit` has to judge it.

        Args:
            body: The JSON text.
            credentials: Who sends it.

        Raises:
            InvalidSubmission: The submission has another `submitter_id` than the key.
        """
        sender = self._sender(credentials)
        decoded = decode_plain(body, self._limits, new_contribution_id(), sender)
        if self._terms is None or decoded is None:
            return decoded
        return decoded if decoded.contribution.terms_version == self._terms.version else None

    def store_soon(
        self,
        decoded: Decoded,
        settle: Callable[[Receipt | BaseException], None],
        loop: AbstractEventLoop,
        network: str | None = None,
    ) -> None:
        """Return before a submission is durable.

        Args:
            decoded: What the submission holds.
            settle: Called with the receipt, or with the error that `store` would raise.
            loop: The event loop that calls it.
            network: The network that it comes from; None if that doesn't count.
        """

        def settle_holder(holder: KeyHolder | BaseException) -> None:
            settle(_receipt(decoded, holder) if isinstance(holder, KeyHolder) else holder)

        self._note(decoded, network)
        self._journal.append_soon(decoded.contribution, decoded.guessed_id, settle_holder, loop)

    async def store(
        self, decoded: Decoded, network: str | None = None, *, is_awaited: bool
    ) -> Receipt:
        """Make a submission durable without holding up the event loop.

        Args:
            decoded: What the submission holds.
            network: The network that it comes from; None if that doesn't count.
            is_awaited: Whether the client waits for its commit.

        Raises:
            JournalFull: Too much waits to be committed.
            SQLAlchemyError: The journal could not be written; trying again is safe.
        """
        self._note(decoded, network)
        holder = await self._journal.append_async(
            decoded.contribution, decoded.guessed_id, is_awaited=is_awaited
        )
        return _receipt(decoded, holder)

    def _note(self, decoded: Decoded, network: str | None) -> None:
        if self._networks is not None:
            contribution = decoded.contribution
            self._networks.note(network, contribution.contributor_id, contribution.received_at)

    def _sender(self, credentials: Credentials) -> Sender:
        return self._anyone if credentials is NO_CREDENTIALS else Sender(self._ids, *credentials)


def _receipt(decoded: Decoded, holder: KeyHolder) -> Receipt:
    return Receipt(decoded.ingest_id, *holder, decoded.is_owned, decoded.ignored)
