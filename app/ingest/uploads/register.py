"""Uploads in the database: open entries, their keys, and answers for repeated requests.

An upload gets an open entry when its lines are judged, or at once when it has an Idempotency-Key.
The idempotency keys of its contributions refer to that entry. Acknowledging the upload gives the
entry its payload, in a short transaction. If the entry is gone by then, another request has
overtaken the upload.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from app.ingest.errors import UploadOvertaken, UploadUnderWay
from app.ingest.journal.entries import IS_OPEN, encode_files, make_awaited
from app.ingest.journal.idempotency import (
    FindVersions,
    KeyHolder,
    find_holders,
    find_no_versions,
    insert_keys_of_upload,
)
from app.state.db import Database, insert_missing
from app.state.models import JournalEntry, UploadRequest
from app.versions.prepared import PreparedRow, PreparedVersions
from catalog.writing.staging import StagedFile

LEASE_S: Final = 30
"""Time for which an upload keeps its Idempotency-Key after `show_life` was last called."""


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload under way.

    Attributes:
        entry_id: The id of the upload's open entry in the journal.
        request_key: The Idempotency-Key, or None without one.
    """

    entry_id: int
    request_key: str | None


@dataclass(frozen=True, slots=True)
class AnsweredUpload:
    """An upload that was acknowledged before.

    Attributes:
        entry_id: The journal's entry with its rows, or the latest one that they repeat.
        digest: The SHA-256 of the upload's mode and body.
        answer: The report that its client got, encoded.
        sequence_number: The newest commit of what it repeats, if it is in no entry; else None.
    """

    entry_id: int
    digest: bytes
    answer: bytes
    sequence_number: int | None = None


class Uploads:
    """The uploads of all workers, as the database has them."""

    def __init__(
        self,
        database: Database,
        idempotency_window: timedelta,
        find_versions: FindVersions = find_no_versions,
        prepared: PreparedVersions | None = None,
        wake_committer: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep uploads.

        Args:
            database: The database of the journal.
            idempotency_window: How long answers are kept.
            find_versions: Asks the index of versions.
            prepared: Takes versions before they are committed; None to leave all to the committer.
            wake_committer: Called when an upload is acknowledged; it returns at once.
        """
        self._database = database
        self._wake_committer = wake_committer
        self._prepared = prepared
        self._window = idempotency_window
        self.find_versions = find_versions

    def open(self) -> OpenUpload:
        """Return a new open upload that has no Idempotency-Key."""
        with self._database.write() as connection:
            return OpenUpload(_open_entry(connection, datetime.now(UTC)), request_key=None)

    def begin(self, request_key: str) -> OpenUpload | AnsweredUpload:
        """Open an upload with an Idempotency-Key, or return the answered one with the same key.

        Raises:
            UploadUnderWay: Another upload with the key has shown signs of life lately.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            before = _request(connection, request_key)
            if before and before.answer is not None and before.seen_at > now - self._window:
                return AnsweredUpload(
                    before.entry_id, before.digest or b"", before.answer, before.sequence_number
                )
            if before and before.answer is None and _is_alive(before.seen_at, now):
                raise UploadUnderWay(before.request_key)
            if before:
                # The other's process is dead, or will find that its entry is gone.
                _close(connection, before.entry_id)
                _forget(connection, before.request_key, before.entry_id)
            upload = OpenUpload(_open_entry(connection, now), request_key)
            request = {"request_key": request_key, "entry_id": upload.entry_id, "seen_at": now}
            inserting = insert_missing(connection, UploadRequest)
            if not connection.execute(inserting, [request]).rowcount:
                raise UploadUnderWay(request_key)
        return upload

    def show_life(self, upload: OpenUpload) -> None:
        """Keep the upload's Idempotency-Key for another `LEASE_S`.

        Raises:
            UploadOvertaken: Another upload has the key by now.
        """
        if upload.request_key is None:
            return
        with self._database.write() as connection:
            _update_request(connection, upload, seen_at=datetime.now(UTC))

    def find_holders(self, keys: Collection[bytes]) -> dict[bytes, KeyHolder]:
        """Return the acknowledged contributions that hold idempotency keys, by key."""
        with self._database.read() as connection:
            return find_holders(connection, keys)

    def register(
        self, upload: OpenUpload, ids: Mapping[bytes, str], owned: Collection[bytes] = ()
    ) -> None:
        """Write idempotency keys of an upload, which count once it is acknowledged.

        Args:
            upload: The upload.
            ids: The contribution_id of each key, for keys that `find_holders` didn't find.
            owned: Those of the keys whose ids own something.

        Raises:
            UploadOvertaken: Another request has stored a contribution with one of the keys since.
        """
        holders = {
            key: KeyHolder(contribution_id, upload.entry_id) for key, contribution_id in ids.items()
        }
        with self._database.write() as connection:
            if not insert_keys_of_upload(connection, holders, owned):
                raise UploadOvertaken

    def prepare(self, upload: OpenUpload, pieces: Iterable[Sequence[PreparedRow]]) -> None:
        """Prepare an upload's versions for the index of versions, in its order."""
        if self._prepared:
            self._prepared.prepare(upload.entry_id, pieces)

    def acknowledge(
        self,
        upload: OpenUpload,
        files: Sequence[StagedFile],
        repeated_entry_id: int,
        digest: bytes,
        answer: bytes,
        repeated_number: int | None = None,
    ) -> int:
        """Make an upload durable, with its answer, and return the entry to wait for.

        Args:
            upload: The upload.
            files: The data files, which are durable; none when all rows are repetitions.
            repeated_entry_id: The latest entry that has a row which the upload repeats, or 0.
            digest: The SHA-256 of the upload's mode and body.
            answer: The report that its client gets, encoded.
            repeated_number: The newest commit of what the upload repeats and no entry has; None
                without any.

        Returns:
            The id of the entry; 0 when all rows repeat what no entry has.

        Raises:
            UploadOvertaken: Another request has taken one of its keys; nothing is stored.
            SQLAlchemyError: The outcome is unknown; `abandon` tells.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            if files:
                _fill_entry(connection, upload, files, now)
            else:
                _close(connection, upload.entry_id)
                if repeated_entry_id:
                    make_awaited(connection, repeated_entry_id)
            entry_id = upload.entry_id if files else repeated_entry_id
            if upload.request_key is not None:
                number = None if entry_id else repeated_number
                changes = {"entry_id": entry_id, "digest": digest, "answer": answer}
                changes |= {"sequence_number": number}
                _update_request(connection, upload, seen_at=now, **changes)
        self._wake_committer()
        return entry_id

    def abandon(self, upload: OpenUpload) -> bool:
        """Close an upload that failed.

        Returns:
            Whether it is certain that the upload isn't acknowledged.
        """
        with self._database.write() as connection:
            was_open = _close(connection, upload.entry_id)
            if was_open and upload.request_key is not None:
                _forget(connection, upload.request_key, upload.entry_id)
            return was_open


def _request(connection: Connection, request_key: str) -> UploadRequest | None:
    query = select(UploadRequest).where(UploadRequest.request_key == request_key)
    return connection.execute(query.with_for_update()).one_or_none()  # type: ignore[return-value]  # a row has its attributes


def _is_alive(seen_at: datetime, now: datetime) -> bool:
    return seen_at > now - timedelta(seconds=LEASE_S)


def _open_entry(connection: Connection, now: datetime) -> int:
    entry = {"received_at": now, "contributions": 0, "payload_bytes": 0, "in_files": True}
    (entry_id,) = connection.execute(insert(JournalEntry), entry).inserted_primary_key or (0,)
    return int(entry_id)


def _fill_entry(
    connection: Connection, upload: OpenUpload, files: Sequence[StagedFile], now: datetime
) -> None:
    payload = encode_files(files)
    filled = connection.execute(
        update(JournalEntry)
        .where(JournalEntry.entry_id == upload.entry_id, IS_OPEN)
        .values(
            received_at=now,
            contributions=sum(file.rows for file in files),
            payload=payload,
            payload_bytes=len(payload),
            is_awaited=True,
        )
    )
    if not filled.rowcount:
        raise UploadOvertaken


def _close(connection: Connection, entry_id: int) -> bool:
    """Remove an entry if it is open, and tell whether it was; its keys then count for nothing."""
    closed = connection.execute(
        delete(JournalEntry).where(JournalEntry.entry_id == entry_id, IS_OPEN)
    )
    return bool(closed.rowcount)


def _update_request(connection: Connection, upload: OpenUpload, **values: object) -> None:
    updated = connection.execute(
        update(UploadRequest)
        .where(
            UploadRequest.request_key == upload.request_key,
            UploadRequest.entry_id == upload.entry_id,
        )
        .values(**values)
    )
    if not updated.rowcount:
        raise UploadOvertaken


def _forget(connection: Connection, request_key: str, entry_id: int) -> None:
    connection.execute(
        delete(UploadRequest).where(
            UploadRequest.request_key == request_key, UploadRequest.entry_id == entry_id
        )
    )
