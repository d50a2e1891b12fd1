"""The keys of the index of versions: ids and content hashes in 16 bytes each.

128 bits of a hash tell as much as all of it, and take a quarter of the space that its digits take.
"""

import hashlib
import re
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from catalog.records import Contribution
from catalog.schema import ID

CONVERSATION_ID: Final = "conversation_id"
CONTENT_HASH: Final = "content_hash"
KEY_BYTES: Final = 16
_IS_ID: Final = "^[0-9a-d][0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$"
"""A UUIDv7 whose time is in the calendar; other engines may have written something else."""
_is_own_id: Final = re.compile("[0-9a-f]{32}").fullmatch


class VersionKey(NamedTuple):
    """What a version has in common with those that repeat it.

    Attributes:
        conversation_id: The conversation, see `conversation_key`.
        content_hash: The first 16 bytes of the SHA-256 of the content.
    """

    conversation_id: bytes
    content_hash: bytes


def version_key(contribution: Contribution) -> VersionKey | None:
    """Return the key of a contribution; None if no other one can be a version of the same."""
    if contribution.conversation_id == contribution.contribution_id:
        return None
    return _key(contribution.conversation_id, contribution.content_hash)


def version_keys(rows: pa.Table | pa.RecordBatch) -> list[VersionKey]:
    """Return the keys of rows of the raw table, in order, all of which have one."""
    return list(map(_key, *(rows[name].to_pylist() for name in (CONVERSATION_ID, CONTENT_HASH))))


def only_versions(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows of the raw table of which another one may be a version of the same."""
    is_shared = pc.not_equal(rows[CONVERSATION_ID], rows[ID])
    return rows.filter(pc.and_(is_shared, pc.match_substring_regex(rows[ID], _IS_ID)))


def conversation_key(conversation_id: str) -> bytes:
    """Return a conversation_id in 16 bytes: its own, as the service makes it, or else a hash."""
    if _is_own_id(conversation_id):
        return bytes.fromhex(conversation_id)
    return hashlib.sha256(conversation_id.encode()).digest()[:KEY_BYTES]


def content_key(content_hash: str) -> bytes:
    """Return the first 16 bytes of a SHA-256; what another engine wrote instead is hashed."""
    start = content_hash[: 2 * KEY_BYTES]
    if _is_own_id(start):
        return bytes.fromhex(start)
    return hashlib.sha256(content_hash.encode()).digest()[:KEY_BYTES]


def contribution_key(contribution_id: str) -> bytes:
    """Return a UUID as bytes, whose order is that of the texts."""
    return bytes.fromhex(contribution_id.replace("-", ""))


def contribution_id_of(key: bytes) -> str:
    """Return the contribution_id of a key that `contribution_key` made."""
    # Not by UUID, which takes five times as long and checks nothing more.
    digits = key.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts)


def _key(conversation_id: str, content_hash: str) -> VersionKey:
    return VersionKey(conversation_key(conversation_id), content_key(content_hash))
