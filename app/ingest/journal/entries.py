"""Entries of the journal: their states, and what their payloads hold.

An entry is open while its upload is under way, and has no payload. It is acknowledged once it has
one, pending until a batch takes it, and committed from then on. `JournalEntry` has the columns.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, bindparam, true, update

from app.state.models import JournalEntry
from app.state.prepared import Prepared
from catalog.records import Contribution
from catalog.writing.staging import StagedFile

IS_OPEN: Final = JournalEntry.payload_bytes == 0
IS_ACKNOWLEDGED: Final = JournalEntry.payload_bytes > 0
IS_PENDING: Final = and_(JournalEntry.batch_id.is_(None), IS_ACKNOWLEDGED)

_AWAIT: Final = Prepared(
    update(JournalEntry)
    .where(JournalEntry.entry_id == bindparam("awaited_id"), IS_PENDING)
    .values(is_awaited=true())
)

# All of these are made when this module is imported: threads that use a type of msgspec for the
# first time at once crash the process (seen with 0.22.0).
_encode = msgspec.msgpack.Encoder().encode
_decode_contributions = msgspec.msgpack.Decoder(list[Contribution]).decode
_decode_files = msgspec.msgpack.Decoder(list[StagedFile]).decode


def make_awaited(connection: Connection, entry_id: int) -> None:
    """Have an entry committed soon because a client waits for it, if it is pending."""
    _AWAIT.change(connection, {"awaited_id": entry_id})


def encode_contribution(contribution: Contribution) -> bytes:
    """Return one contribution in MessagePack, as a part of a payload."""
    return _encode(contribution)


def encode_contributions(encoded: Iterable[bytes]) -> bytes:
    """Return the payload that holds contributions.

    Args:
        encoded: Each contribution, as `encode_contribution` returned it.
    """
    return _encode([msgspec.Raw(contribution) for contribution in encoded])


def decode_contributions(payload: bytes) -> list[Contribution]:
    """Return the contributions of a payload, in their order."""
    return _decode_contributions(payload)


def encode_files(files: Sequence[StagedFile]) -> bytes:
    """Return the payload that refers to the data files of an upload."""
    return _encode(files)


def decode_files(payload: bytes) -> list[StagedFile]:
    """Return the data files that a payload refers to."""
    return _decode_files(payload)
