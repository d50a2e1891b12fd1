"""Storing the rows of an upload, in a thread beside the one that decodes them."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Self

import pyarrow as pa

from app.ingest.idempotency import idempotency_key
from app.ingest.staged_keys import StagedKeys
from app.ingest.uploads import LEASE_S, OpenUpload, Uploads
from catalog.arrow import to_arrow
from catalog.records import Contribution
from catalog.staging import StagedFiles, is_full_row_group

_SIGN_OF_LIFE_S: Final = LEASE_S / 3
_KEYS_PER_STEP: Final = 1_000
"""Keys that one transaction writes while others wait for the write lock."""


@dataclass(slots=True)
class _Buffer:
    """Rows of the next row group, with the idempotency key and the id of each."""

    tables: list[pa.Table] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    size_bytes: int = 0


class UploadStore:
    """Takes the rows of one upload, and writes them to its data files a row group at a time.

    A full row group is written while the next one fills. Rows that the journal has already are left
    out. The journal gets nothing before all lines are judged, so that a refused upload doesn't grow
    the database's write-ahead log.
    """

    def __init__(self, uploads: Uploads, opened: OpenUpload | None, files: StagedFiles) -> None:
        """Store the rows of an upload.

        Args:
            uploads: The uploads of the database.
            opened: The upload, or None when it has no Idempotency-Key: it is opened later then.
            files: The data files to write.
        """
        self._uploads = uploads
        self._opened = opened
        self._files = files
        self._keys = StagedKeys()
        self._buffer = _Buffer()
        self._storing: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "upload")
        self._repeated_entry_id = 0
        self._seen_at = monotonic()

    def __enter__(self) -> Self:
        return self

    @property
    def stored_rows(self) -> int:
        """How many rows are in the data files."""
        return sum(file.rows for file in self._files.finish())

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._keys.close()

    def add(self, rows: list[Contribution]) -> None:
        """Store rows, some time before `flush` returns."""
        if rows:
            table = to_arrow(rows)
            self._buffer.tables.append(table)
            self._buffer.keys += map(idempotency_key, rows)
            self._buffer.ids += [row.contribution_id for row in rows]
            self._buffer.size_bytes += table.nbytes
        if is_full_row_group(len(self._buffer.keys), self._buffer.size_bytes):
            self._hand_over()
        self._show_life()

    def flush(self) -> None:
        """Store the rows that are left, and return once all are stored."""
        self._hand_over()
        self._wait()

    def acknowledge(self, digest: bytes, answer: bytes) -> int:
        """Make the upload durable with its answer, and return the entry to wait for.

        Args:
            digest: The SHA-256 of the upload's mode and body.
            answer: The report that its client gets, encoded.

        Raises:
            UploadOvertaken: Another request has stored some of the same conversations meanwhile.
        """
        opened = self._opened = self._opened or self._uploads.open()
        for ids in self._keys.pieces(_KEYS_PER_STEP):
            self._uploads.register(opened, ids)
            self._show_life()
        return self._uploads.acknowledge(
            opened, self._files.finish(), self._repeated_entry_id, digest, answer
        )

    def abandon(self) -> None:
        """Remove the data files, unless the upload may be acknowledged.

        Raises:
            SQLAlchemyError: Whether it is acknowledged can't be told, and the files stay.
        """
        if self._opened is None or self._uploads.abandon(self._opened):
            self._files.discard()

    def _show_life(self) -> None:
        if self._opened and monotonic() - self._seen_at > _SIGN_OF_LIFE_S:
            self._uploads.show_life(self._opened)
            self._seen_at = monotonic()

    def _hand_over(self) -> None:
        self._wait()
        if self._buffer.keys:
            self._storing = self._thread.submit(self._store, self._buffer)
            self._buffer = _Buffer()

    def _wait(self) -> None:
        if self._storing:
            self._storing.result()

    def _store(self, buffer: _Buffer) -> None:
        rows = pa.concat_tables(buffer.tables)
        fresh = self._fresh(buffer)
        self._files.write(rows if all(fresh) else rows.filter(pa.array(fresh, pa.bool_())))

    def _fresh(self, buffer: _Buffer) -> list[bool]:
        """Tell for each row whether neither this upload nor the journal has it yet."""
        ids: dict[bytes, str] = {}
        first = []
        for key, contribution_id in zip(buffer.keys, buffer.ids, strict=True):
            first.append(key is None or key not in ids)
            if key is not None:
                ids.setdefault(key, contribution_id)
        holders = self._uploads.find_holders(ids) if ids else {}
        for key, holder in holders.items():
            self._repeated_entry_id = max(self._repeated_entry_id, holder.entry_id)
            del ids[key]
        fresh = self._keys.add(ids)
        return [
            is_first and (key is None or key in fresh)
            for is_first, key in zip(first, buffer.keys, strict=True)
        ]
