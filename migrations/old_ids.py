"""Ids as they were before the lake had keyed hashes, and what becomes of them."""

import hashlib
from typing import Any, Final

import msgspec

from app.access.contributors.ids import Ids, is_guessable

NEW_NAMES: Final = {"ingest_id": "conversation_id", "submitter_id": "contributor_id"}
"""The names that columns and fields have by now, by those that they had."""

_encode = msgspec.msgpack.Encoder().encode


class OldIds:
    """Gives contributions that have the ids of their clients those of the lake."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def conversation_id(
        self, submitter_id: str | None, ingest_id: str, contribution_id: str
    ) -> str:
        """Return the conversation_id of a contribution.

        Versions of one conversation stay versions of it, also under guessable ids, so that every
        snapshot reads as before. But what comes later replaces only what its ids own.
        """
        if ingest_id == contribution_id:
            return contribution_id
        if is_guessable(submitter_id or ingest_id):
            return self._ids.settled_conversation_id(submitter_id, ingest_id)
        return self._ids.conversation_id(submitter_id, ingest_id)

    def contributor_id(self, submitter_id: str | None) -> str | None:
        """Return the contributor_id of a contribution."""
        return None if submitter_id is None else self._ids.contributor_id(submitter_id)

    def keys(
        self, submitter_id: str | None, ingest_id: str, content_hash: str
    ) -> tuple[bytes, bytes]:
        """Return the idempotency key that a contribution had, and the one that it gets."""
        shared = self._ids.conversation_id(submitter_id, ingest_id)
        return (
            hashlib.sha256(_encode((submitter_id, ingest_id, content_hash))).digest(),
            hashlib.sha256((shared + content_hash).encode()).digest(),
        )

    def change(self, row: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
        """Change a contribution of the journal.

        Args:
            row: The fields of the contribution by name, which are changed.

        Returns:
            The idempotency key that it had, and the one that it gets; None where it has none.
        """
        submitter_id, ingest_id = row.pop("submitter_id", None), row.pop("ingest_id")
        contribution_id = row["contribution_id"]
        row["conversation_id"] = self.conversation_id(submitter_id, ingest_id, contribution_id)
        if submitter_id is not None:
            row["contributor_id"] = self.contributor_id(submitter_id)
        if ingest_id == contribution_id:
            return None, None
        return self.keys(submitter_id, ingest_id, row["content_hash"])
