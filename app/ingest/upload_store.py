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
_KEYS_AT_ONCE: Final = 1_000
"""Keys that a transaction writes, while others wait for the write lock."""


@dataclass(slots=True)
class _Group:
    """Rows on their way to a row group, with their idempotency keys."""

    tables: list[pa.Table] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    size_bytes: int = 0


class UploadStore:
    """Takes the rows of one upload, and writes them to its files a row group at a time.

    A full group is written while the next one fills. What the journal has already is left out. The
    journal gets nothing of an upload before all its lines are judged: a refused one grows no log.
    """

    def __init__(self, uploads: Uploads, opened: OpenUpload | None, files: StagedFiles) -> None:
        """Store the rows of an upload; without an Idempotency-Key, it isn't opened yet."""
        self._uploads = uploads
        self._opened = opened
        self._files = files
        self._keys = StagedKeys()
        self._group = _Group()
        self._storing: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "upload")
        self._repeated_entry_id = 0
        self._seen_at = monotonic()

    def __enter__(self) -> Self:
        return self

    @property
    def stored_rows(self) -> int:
        """How many rows are in its files."""
        return sum(file.rows for file in self._files.finish())

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._keys.close()

    def add(self, rows: list[Contribution]) -> None:
        """Store rows, some time before `flush` returns."""
        if rows:
            table = to_arrow(rows)
            self._group.tables.append(table)
            self._group.keys += map(idempotency_key, rows)
            self._group.ids += [row.contribution_id for row in rows]
            self._group.size_bytes += table.nbytes
        if is_full_row_group(len(self._group.keys), self._group.size_bytes):
            self._hand_over()
        self._show_life()

    def flush(self) -> None:
        """Return once all rows are stored."""
        self._hand_over()
        self._wait()

    def acknowledge(self, digest: bytes, answer: bytes) -> int:
        """Make the upload durable with its answer, and return the entry to wait for.

        Raises:
            UploadOvertaken: Another request has stored some of the same meanwhile.
        """
        opened = self._opened = self._opened or self._uploads.open()
        for ids in self._keys.pieces(_KEYS_AT_ONCE):
            self._uploads.register(opened, ids)
            self._show_life()
        return self._uploads.acknowledge(
            opened, self._files.finish(), self._repeated_entry_id, digest, answer
        )

    def abandon(self) -> None:
        """Remove what was stored, unless the upload may be acknowledged.

        Raises:
            SQLAlchemyError: That isn't certain.
        """
        if self._opened is None or self._uploads.abandon(self._opened):
            self._files.discard()

    def _show_life(self) -> None:
        if self._opened and monotonic() - self._seen_at > _SIGN_OF_LIFE_S:
            self._uploads.show_life(self._opened)
            self._seen_at = monotonic()

    def _hand_over(self) -> None:
        self._wait()
        if self._group.keys:
            self._storing = self._thread.submit(self._store, self._group)
            self._group = _Group()

    def _wait(self) -> None:
        if self._storing:
            self._storing.result()

    def _store(self, group: _Group) -> None:
        rows = pa.concat_tables(group.tables)
        fresh = self._fresh(group)
        self._files.write(rows if all(fresh) else rows.filter(pa.array(fresh, pa.bool_())))

    def _fresh(self, group: _Group) -> list[bool]:
        """Tell for each row whether it is to be stored: whether neither we nor others have it."""
        ids: dict[bytes, str] = {}
        first = []
        for key, contribution_id in zip(group.keys, group.ids, strict=True):
            first.append(key is None or key not in ids)
            if key is not None:
                ids.setdefault(key, contribution_id)
        known = self._uploads.known(ids) if ids else {}
        for key, place in known.items():
            self._repeated_entry_id = max(self._repeated_entry_id, place.entry_id)
            del ids[key]
        fresh = self._keys.add(ids)
        return [
            is_first and (key is None or key in fresh)
            for is_first, key in zip(first, group.keys, strict=True)
        ]
