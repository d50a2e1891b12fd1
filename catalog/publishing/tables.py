"""Publishing a part of a table to engines: some of its snapshots, without hidden rows.

Engines read metadata and data files themselves. So they get metadata of their own, with only the
snapshots that they may see. In these, each data file that holds hidden rows comes with the
positions of those rows as deleted: https://iceberg.apache.org/spec/#position-delete-files

What is written for it lies beside the table's metadata. It is valid for as long as the table's
metadata and the list of hidden rows stay as they are, so a file that is older than a later snapshot
of the table is an orphan, like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Snapshot, Summary
from pyiceberg.types import LongType, StringType

from catalog.manifests.partitions import partition_of
from catalog.publishing.hidden_rows import HiddenRows
from catalog.schema import LAST_BATCH_ID_PROPERTY
from catalog.snapshots import is_hold

PREFIX: Final = "published-"
"""The beginning of the names of files that are written here."""

_AVRO_CODEC: Final = "deflate"
_PATH_FIELD_ID: Final = 2147483546
_POSITION_FIELD_ID: Final = 2147483545
_FIELD_ID: Final = "PARQUET:field_id"
_DELETES_SCHEMA: Final = pa.schema(
    [
        pa.field("file_path", pa.string(), False, {_FIELD_ID: str(_PATH_FIELD_ID)}),
        pa.field("pos", pa.int64(), False, {_FIELD_ID: str(_POSITION_FIELD_ID)}),
    ]
)
"""The columns of position deletes, and their ids, by Iceberg's specification."""


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table as engines get it.

    Attributes:
        location: URL of a file with the metadata.
        metadata: The metadata.
    """

    location: str
    metadata: TableMetadata


def shown_metadata(metadata: TableMetadata, snapshots: Sequence[Snapshot]) -> TableMetadata:
    """Return a table's metadata with only some of its snapshots, as if there were no others.

    Args:
        metadata: The metadata of the table.
        snapshots: The snapshots; the one with the highest sequence number becomes the current one.
    """
    ids = {snapshot.snapshot_id for snapshot in snapshots}
    current = max(snapshots, key=_number, default=None)
    refs = {
        name: reference
        for name, reference in metadata.refs.items()
        if reference.snapshot_id in ids and name != MAIN_BRANCH and not is_hold(name)
    }
    if current is not None:
        main = metadata.refs[MAIN_BRANCH]
        refs[MAIN_BRANCH] = main.model_copy(update={"snapshot_id": current.snapshot_id})
    return metadata.model_copy(
        update={
            "snapshots": list(snapshots),
            "current_snapshot_id": current.snapshot_id if current else None,
            "last_sequence_number": _number(current) if current else 0,
            "last_updated_ms": current.timestamp_ms if current else 0,
            "refs": refs,
            # It names the newest batch, which may belong to a snapshot that isn't shown.
            "properties": {
                name: value
                for name, value in metadata.properties.items()
                if name != LAST_BATCH_ID_PROPERTY
            },
            "snapshot_log": [each for each in metadata.snapshot_log if each.snapshot_id in ids],
            # Earlier metadata files name other snapshots.
            "metadata_log": [],
            "statistics": [each for each in metadata.statistics if each.snapshot_id in ids],
            "partition_statistics": [
                each for each in metadata.partition_statistics if each.snapshot_id in ids
            ],
        }
    )


def referenced_snapshots(metadata: TableMetadata) -> list[Snapshot]:
    """Return the snapshots that a branch or a tag refers to."""
    referenced = {reference.snapshot_id for reference in metadata.refs.values()}
    return [snapshot for snapshot in metadata.snapshots if snapshot.snapshot_id in referenced]


def find_published(table: Table, name: str) -> PublishedTable | None:
    """Return a part of the table that was published under a name; None if none was."""
    location = _location(table, name, ".metadata.json")
    try:
        return PublishedTable(location, FromInputFile.table_metadata(table.io.new_input(location)))
    except FileNotFoundError:
        return None


def publish(
    table: Table, name: str, metadata: TableMetadata, hidden: Sequence[HiddenRows]
) -> PublishedTable:
    """Write what engines need to read a part of a table, the metadata file last.

    A killed publication leaves nothing that is referred to. The same name means the same part, so
    writing it a second time changes nothing for readers.

    Args:
        table: The table.
        name: A name for this part of the table at this state.
        metadata: The metadata with the snapshots to show.
        hidden: The hidden rows of these snapshots.
    """
    if hidden:
        metadata = _without_rows(table, name, metadata, hidden)
    location = _location(table, name, ".metadata.json")
    ToOutputFile.table_metadata(metadata, table.io.new_output(location), overwrite=True)
    return PublishedTable(location, metadata)


def _without_rows(
    table: Table, name: str, metadata: TableMetadata, hidden: Sequence[HiddenRows]
) -> TableMetadata:
    """Return metadata whose snapshots delete some rows."""
    deletes = _write_manifest(table, name, metadata, hidden)
    rows = sum(len(file.positions) for file in hidden)
    snapshots = []
    for snapshot in metadata.snapshots:
        location = _location(table, name, f"-snap-{snapshot.snapshot_id}.avro")
        with write_manifest_list(
            format_version=metadata.format_version,
            output_file=table.io.new_output(location),
            snapshot_id=snapshot.snapshot_id,
            parent_snapshot_id=snapshot.parent_snapshot_id,
            sequence_number=snapshot.sequence_number,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            writer.add_manifests([*snapshot.manifests(table.io), deletes])
        update = {"manifest_list": location, "summary": _summary(snapshot, deletes, rows)}
        snapshots.append(snapshot.model_copy(update=update))
    return metadata.model_copy(update={"snapshots": snapshots})


class _DeleteManifestWriter(ManifestWriterV2):
    """pyiceberg's writer of manifests, for one that lists delete files; pyiceberg has none."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def _write_manifest(
    table: Table, name: str, metadata: TableMetadata, hidden: Sequence[HiddenRows]
) -> ManifestFile:
    """Write the delete files and the manifest that lists them.

    A delete file counts for data files of its own partition only, so there is one for each day.
    """
    snapshot_id = metadata.current_snapshot_id or 0
    number = max(_number(snapshot) for snapshot in metadata.snapshots)
    location = _location(table, name, "-m0.avro")
    with _DeleteManifestWriter(
        metadata.spec(), metadata.schema(), table.io.new_output(location), snapshot_id, _AVRO_CODEC
    ) as writer:
        by_day = groupby(sorted(hidden, key=_day), key=_day)
        for count, (_, files) in enumerate(by_day):
            path = _location(table, name, f"-deletes-{count:05d}.parquet")
            entry = ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED,
                snapshot_id=snapshot_id,
                # Deletes count for data files with this number or a lower one.
                sequence_number=number,
                file_sequence_number=number,
                data_file=_write_deletes(table, path, list(files)),
            )
            writer.add_entry(entry)
    manifest = writer.to_manifest_file()
    manifest.sequence_number = number
    return manifest


def _write_deletes(table: Table, path: str, hidden: Sequence[HiddenRows]) -> DataFile:
    """Write the position deletes of a day's data files, and return their description."""
    hidden = sorted(hidden, key=lambda rows: rows.path)
    counts = [len(rows.positions) for rows in hidden]
    paths = np.repeat(np.array([rows.path for rows in hidden], object), counts)
    positions = np.concatenate([rows.positions for rows in hidden])
    columns = [pa.array(paths, pa.string()), pa.array(positions)]
    with table.io.new_output(path).create(overwrite=True) as stream:
        pq.write_table(
            pa.Table.from_arrays(columns, schema=_DELETES_SCHEMA), stream, compression="zstd"
        )
    low, high = hidden[0].path, hidden[-1].path
    description = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=partition_of(hidden[0].day, table.spec(), table.schema()).partition,
        record_count=len(positions),
        file_size_in_bytes=len(table.io.new_input(path)),
        lower_bounds=_bounds(low, int(positions.min())),
        upper_bounds=_bounds(high, int(positions.max())),
    )
    description.spec_id = table.metadata.default_spec_id
    return description


def _bounds(path: str, position: int) -> dict[int, bytes]:
    return {
        _PATH_FIELD_ID: to_bytes(StringType(), path),
        _POSITION_FIELD_ID: to_bytes(LongType(), position),
    }


def _summary(snapshot: Snapshot, deletes: ManifestFile, rows: int) -> Summary | None:
    """Return a snapshot's summary with the delete files that all shown snapshots share.

    Engines that count rows by the summary look there for whether any are deleted.
    """
    old = snapshot.summary
    if old is None:
        return None
    counts = {
        "total-delete-files": str(deletes.added_files_count),
        "total-position-deletes": str(rows),
    }
    return Summary(old.operation, **{**old.additional_properties, **counts})


def _location(table: Table, name: str, ending: str) -> str:
    return table.location_provider().new_metadata_location(f"{PREFIX}{name}{ending}")


def _day(hidden: HiddenRows) -> date:
    return hidden.day


def _number(snapshot: Snapshot) -> int:
    return snapshot.sequence_number or 0
