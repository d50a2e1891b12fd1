"""Storing the rows of an upload, in a thread beside those that decode them."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Final

import numpy as np
import pyarrow as pa

from app.ingest.errors import UploadOvertaken
from app.ingest.journal.idempotency import KEYS_STAY_S
from app.ingest.uploads.line_decoder import DecodedLines
from app.ingest.uploads.register import LEASE_S, OpenUpload, Uploads
from app.ingest.uploads.staged_keys import StagedKeys
from app.versions.prepared import PreparedRow
from catalog.schema import ARROW_SCHEMA
from catalog.writing.staging import StagedFiles, split_row_groups

_SIGN_OF_LIFE_S: Final = LEASE_S / 3
_KEYS_PER_STEP: Final = 1_000
"""Keys that one transaction writes while others wait for the write lock."""
_FEWEST_PREPARED: Final = 10_000
"""Rows from which an upload prepares its versions, however few these are, so that the committer
needn't look for them in the files. It records fewer in a tenth of a second.
"""
_VERSIONS_PER_STEP: Final = 5_000
"""Prepared versions that one transaction writes."""


class UploadStore:
    """Takes the rows of one upload, and writes them to its data files a row group at a time.

    Rows are stored while the next ones are decoded. Rows that the journal has already are left out.
    The journal gets nothing before all lines are judged, so that a refused upload doesn't grow the
    database's write-ahead log.

    Attributes:
        repeated_number: The newest commit of rows that were left out and are in no entry of the
            journal any more; None without any.
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
        self._waiting = ARROW_SCHEMA.empty_table()
        self._storing: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "upload")
        self._repeated_entry_id = 0
        self.repeated_number: int | None = None
        self._began_at = monotonic()
        self._seen_at = monotonic()

    @property
    def stored_rows(self) -> int:
        """How many rows are in the data files."""
        return sum(file.rows for file in self._files.finish())

    def add(self, lines: DecodedLines) -> None:
        """Store the rows of lines, some time before `flush` returns."""
        self._wait()
        self._storing = self._thread.submit(self._store, lines)
        self.show_life()

    def show_life(self) -> None:
        """Keep the upload's Idempotency-Key, however slowly its rows come.

        Raises:
            UploadOvertaken: Another upload has the key by now.
        """
        if self._opened and monotonic() - self._seen_at > _SIGN_OF_LIFE_S:
            self._uploads.show_life(self._opened)
            self._seen_at = monotonic()

    def flush(self) -> None:
        """Store the rows that are left, and return once all are stored."""
        self._wait()
        if len(self._waiting):
            self._files.write(self._waiting)

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
            self._register(opened, ids)
            self.show_life()
        if self.stored_rows >= _FEWEST_PREPARED:
            self._uploads.prepare(opened, self._versions())
        return self._uploads.acknowledge(
            opened,
            self._files.finish(),
            self._repeated_entry_id,
            digest,
            answer,
            self.repeated_number,
        )

    def close(self) -> None:
        """End the thread, and forget the keys."""
        self._thread.shutdown()
        self._keys.close()

    def abandon(self) -> None:
        """Remove the data files, unless the upload may be acknowledged; `close` comes first.

        Raises:
            SQLAlchemyError: Whether it is acknowledged can't be told, and the files stay.
        """
        if self._opened is None or self._uploads.abandon(self._opened):
            self._files.discard()

    def _register(self, opened: OpenUpload, ids: Mapping[bytes, str]) -> None:
        versions = self._keys.versions_of(ids)
        lasts_long = monotonic() - self._began_at > KEYS_STAY_S / 2
        # What was stored meanwhile may have lost its key again since.
        if lasts_long and self._uploads.find_versions(versions.values()):
            raise UploadOvertaken
        self._uploads.register(opened, ids, versions)

    def _versions(self) -> Iterator[list[PreparedRow]]:
        for versions in self._keys.versions(_VERSIONS_PER_STEP):
            yield versions
            self.show_life()

    def _wait(self) -> None:
        if self._storing:
            self._storing.result()

    def _store(self, lines: DecodedLines) -> None:
        rows = pa.concat_tables([self._waiting, self._fresh(lines)])
        groups, self._waiting = split_row_groups(rows)
        for group in groups:
            self._files.write(group)

    def _fresh(self, lines: DecodedLines) -> pa.Table:
        """Return the rows that neither this upload nor the journal has yet."""
        if not lines.keys:
            return lines.rows
        positions: dict[bytes, int] = {}
        for position, key in lines.keys.items():
            positions.setdefault(key, position)
        # The index first: what it doesn't have by now still has its key, which is removed later.
        stored = self._uploads.find_versions(lines.versions.values())
        holders = self._uploads.find_holders(positions)
        for key, holder in holders.items():
            self._repeated_entry_id = max(self._repeated_entry_id, holder.entry_id)
            del positions[key]
        for key, version in lines.versions.items():
            if key in positions and version in stored:
                number = stored[version].sequence_number
                self.repeated_number = max(self.repeated_number or 0, number)
                del positions[key]
        fresh = self._keys.add(_ids(lines.rows, positions), lines.versions)
        repeated = lines.keys.keys() - {positions[key] for key in fresh}
        if not repeated:
            return lines.rows
        is_kept = np.ones(len(lines.rows), np.bool_)
        is_kept[list(repeated)] = False
        return lines.rows.filter(pa.array(is_kept))


def _ids(rows: pa.Table, positions: Mapping[bytes, int]) -> dict[bytes, str]:
    """Return the contribution_id of each key, given the position of its row."""
    ids = rows["contribution_id"].take(pa.array(positions.values(), pa.int64()))
    return dict(zip(positions, ids.to_pylist(), strict=True))
