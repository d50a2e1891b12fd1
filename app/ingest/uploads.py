"""What the database knows of uploads: open entries, their keys, and answers to be replayed.

An upload gets an open entry when its lines are judged, or at once when it has an Idempotency-Key.
Its keys refer to that entry. Acknowledging it gives the entry its payload, in a short transaction.
An entry that is gone by then was overtaken.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from app.ingest.errors import UploadOvertaken, UploadUnderWay
from app.ingest.idempotency import Place, acknowledged_places, insert_keys_of_upload
from app.state.db import Database, insert_missing
from app.state.models import JournalEntry, UploadRequest
from catalog.staging import StagedFile

LEASE_S: Final = 30
"""How long after its last sign of life an upload keeps its Idempotency-Key."""

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload under way.

    Attributes:
        entry_id: Its entry of the journal.
        request_key: Its Idempotency-Key, if it has one.
    """

    entry_id: int
    request_key: str | None


@dataclass(frozen=True, slots=True)
class AnsweredUpload:
    """An upload that was acknowledged before.

    Attributes:
        entry_id: The entry of the journal that it waits for.
        digest: The digest of what it sent.
        answer: What it was told.
    """

    entry_id: int
    digest: bytes
    answer: bytes


class Uploads:
    """The uploads of all workers."""

    def __init__(self, database: Database, idempotency_window: timedelta) -> None:
        self._database = database
        self._window = idempotency_window

    def open(self) -> OpenUpload:
        """Open an upload that has no Idempotency-Key."""
        with self._database.write() as connection:
            return OpenUpload(_open_entry(connection, datetime.now(UTC)), request_key=None)

    def begin(self, request_key: str) -> OpenUpload | AnsweredUpload:
        """Open an upload with an Idempotency-Key, or return the one that had the key before.

        Raises:
            UploadUnderWay: One with its key shows signs of life.
        """
        now = datetime.now(UTC)
        with self._database.write() as connection:
            before = _request(connection, request_key)
            if before and before.answer is not None and before.seen_at > now - self._window:
                return AnsweredUpload(before.entry_id, before.digest or b"", before.answer)
            if before and before.answer is None and _is_alive(before.seen_at, now):
                raise UploadUnderWay(before.request_key)
            if before:
                # Its process is dead, or will find that the entry is gone.
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
            UploadOvertaken: It is another's by now.
        """
        if upload.request_key is None:
            return
        with self._database.write() as connection:
            _update_request(connection, upload, seen_at=datetime.now(UTC))

    def known(self, keys: Collection[bytes]) -> dict[bytes, Place]:
        """Return where those of the contributions with these keys are that the journal has."""
        with self._database.read() as connection:
            return acknowledged_places(connection, keys)

    def register(self, upload: OpenUpload, ids: Mapping[bytes, str]) -> None:
        """Write idempotency keys of an upload, which count once it is acknowledged.

        Args:
            upload: The upload.
            ids: The contribution_id of each key; the journal had none of them when it was asked.

        Raises:
            UploadOvertaken: It has by now.
        """
        places = {key: Place(each, upload.entry_id) for key, each in ids.items()}
        with self._database.write_step() as connection:
            if not insert_keys_of_upload(connection, places):
                raise UploadOvertaken

    def acknowledge(
        self,
        upload: OpenUpload,
        files: Sequence[StagedFile],
        repeated_entry_id: int,
        digest: bytes,
        answer: bytes,
    ) -> int:
        """Make an upload durable, with its answer, and return the entry to wait for.

        Args:
            upload: The upload.
            files: Its data files, which are durable. Without any, all its rows are repetitions.
            repeated_entry_id: The latest entry that has one of these; 0 for none.
            digest: The digest of what it sent.
            answer: What its client is told.

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
            entry_id = upload.entry_id if files else repeated_entry_id
            if upload.request_key is not None:
                changes = {"entry_id": entry_id, "digest": digest, "answer": answer}
                _update_request(connection, upload, seen_at=now, **changes)
        return entry_id

    def abandon(self, upload: OpenUpload) -> bool:
        """Close an upload that failed; tell whether it is certain that it isn't acknowledged."""
        with self._database.write() as connection:
            was_open = _close(connection, upload.entry_id)
            if was_open and upload.request_key is not None:
                _forget(connection, upload.request_key, upload.entry_id)
            return was_open


def _request(connection: Connection, request_key: str) -> UploadRequest | None:
    asked = select(UploadRequest).where(UploadRequest.request_key == request_key)
    return connection.execute(asked.with_for_update()).one_or_none()  # type: ignore[return-value]  # a row has its attributes


def _is_alive(seen_at: datetime, now: datetime) -> bool:
    return seen_at > now - timedelta(seconds=LEASE_S)


def _open_entry(connection: Connection, now: datetime) -> int:
    entry = {"received_at": now, "contributions": 0, "payload_bytes": 0, "in_files": True}
    (entry_id,) = connection.execute(insert(JournalEntry), entry).inserted_primary_key or (0,)
    return int(entry_id)


def _fill_entry(
    connection: Connection, upload: OpenUpload, files: Sequence[StagedFile], now: datetime
) -> None:
    payload = _encode(files)
    filled = connection.execute(
        update(JournalEntry)
        .where(JournalEntry.entry_id == upload.entry_id, JournalEntry.payload_bytes == 0)
        .values(
            received_at=now,
            contributions=sum(file.rows for file in files),
            payload=payload,
            payload_bytes=len(payload),
        )
    )
    if not filled.rowcount:
        raise UploadOvertaken


def _close(connection: Connection, entry_id: int) -> bool:
    """Remove an entry if it is open: its keys count for nothing then."""
    closed = connection.execute(
        delete(JournalEntry).where(
            JournalEntry.entry_id == entry_id, JournalEntry.payload_bytes == 0
        )
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
