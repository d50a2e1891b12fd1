"""The journal: entries, the claim, and idempotency keys."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec
from sqlalchemy import and_, func, select

from app.doctor.examined_lake import RESTORE, ExaminedLake
from app.doctor.finding import Finding, Severity
from app.ingest.commits.claims import claimed_entries
from app.ingest.journal.entries import IS_OPEN, IS_PENDING, decode_contributions, decode_files
from app.state.models import Claim, IdempotencyKey, JournalEntry, LedgerEntry
from catalog.wording import counted

_SLOW: Final = timedelta(minutes=10)
"""Time after which a claim or an entry should long have been committed."""
_DECODED_ENTRIES: Final = 10_000
"""Pending entries whose payloads are decoded, oldest first."""
_SHOWN: Final = 5


def check_entries(lake: ExaminedLake) -> Iterator[Finding]:
    """Decode pending entries, and look for the snapshots of committed ones."""
    yield from _undecodable(lake)
    lost = (
        select(JournalEntry.entry_id, JournalEntry.batch_id)
        .outerjoin(LedgerEntry, LedgerEntry.batch_id == JournalEntry.batch_id)
        .outerjoin(Claim, Claim.batch_id == JournalEntry.batch_id)
        .where(
            JournalEntry.batch_id.is_not(None),
            LedgerEntry.batch_id.is_(None),
            Claim.batch_id.is_(None),
        )
        .limit(_SHOWN)
    )
    with lake.database.read() as connection:
        for entry_id, batch_id in connection.execute(lost):
            yield _finding(
                "journal",
                f"entry {entry_id} of the journal is committed in batch {batch_id}, which the "
                "ledger doesn't have",
                RESTORE,
            )


def check_claims(lake: ExaminedLake) -> Iterator[Finding]:
    """Find a claim that stands for long, or whose entries are gone."""
    with lake.database.read() as connection:
        claims = connection.execute(select(Claim.batch_id, Claim.claimed_at)).all()
        for batch_id, claimed_at in claims:
            if lake.now - claimed_at > _SLOW:
                yield _finding(
                    "claims",
                    f"batch {batch_id} has been claimed since {claimed_at.isoformat()}",
                    "start the server, or run scripts/lake committer; its log says why it fails",
                )
            missing = [
                entry_id
                for entry_id, is_there in claimed_entries(connection, batch_id)
                if not is_there
            ]
            if missing:
                yield _finding(
                    "claims",
                    f"batch {batch_id} is claimed, and the journal lacks {len(missing)} of its "
                    f"entries, such as {missing[0]}",
                    RESTORE,
                )


def check_keys(lake: ExaminedLake) -> Iterator[Finding]:
    """Find idempotency keys whose entries are gone: a repetition would be answered by nothing."""
    lost = (
        select(func.count())
        .select_from(IdempotencyKey)
        .outerjoin(JournalEntry, JournalEntry.entry_id == IdempotencyKey.entry_id)
        .where(JournalEntry.entry_id.is_(None))
    )
    with lake.database.read() as connection:
        count = connection.scalar(lost)
    if count:
        yield _finding(
            "keys",
            f"the journal lacks the entries of {counted(count, 'idempotency key')}",
            "start the server: keys of entries that ended are removed when they expire",
            "warning",
        )


def _undecodable(lake: ExaminedLake) -> Iterator[Finding]:
    pending = (
        select(JournalEntry.entry_id, JournalEntry.contributions, JournalEntry.received_at)
        .add_columns(JournalEntry.payload, JournalEntry.in_files)
        .where(IS_PENDING)
        .order_by(JournalEntry.entry_id)
        .limit(_DECODED_ENTRIES)
    )
    open_ones = select(func.count()).where(
        and_(IS_OPEN, JournalEntry.received_at < lake.now - timedelta(days=7))
    )
    with lake.database.read() as connection:
        for entry in connection.execute(pending):
            problem = _problem_of(entry.payload, entry.contributions, in_files=entry.in_files)
            if problem:
                yield _finding(
                    "journal", f"entry {entry.entry_id} of the journal {problem}", RESTORE
                )
            elif lake.now - entry.received_at > _SLOW:
                yield _finding(
                    "journal",
                    f"entry {entry.entry_id} has waited since {entry.received_at.isoformat()}",
                    "start the server, or run scripts/lake committer; its log says why it fails",
                )
                # Those behind it wait for the same reason.
                break
        if connection.scalar(open_ones):
            yield _finding(
                "journal",
                "an upload has been open for more than a week",
                "start the server: what killed uploads left expires",
                "warning",
            )


def _problem_of(payload: bytes | None, contributions: int, *, in_files: bool) -> str | None:
    if payload is None:
        return "is pending and has no payload"
    try:
        held = (
            sum(file.rows for file in decode_files(payload))
            if in_files
            else len(decode_contributions(payload))
        )
    except msgspec.DecodeError as error:
        return f"can't be decoded: {error}"
    return (
        None
        if held == contributions
        else f"holds {counted(held, 'contribution')} and not {contributions}"
    )


def _finding(check: str, what: str, mend: str, severity: Severity = "error") -> Finding:
    return Finding(check=check, severity=severity, what=what, mend=mend)
