"""Writing a Parquet data file of one day, row group by row group."""

from collections.abc import Iterator
from datetime import date
from typing import IO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from catalog.columns.data_file_schema import fitted
from catalog.manifests.partitions import partition_of
from catalog.schema import PARTITION_SPEC, SCHEMA

ZSTD_LEVEL: Final = 9
"""Higher than for fresh files, since a compacted file is written once and kept."""


def write_data_file(
    table: Table,
    schema: Schema,
    day: date,
    stem: str,
    groups: Iterator[pa.Table],
    target_bytes: int,
) -> DataFile:
    """Write row groups until the file is full or there are no more.

    The file appears under its name when it is whole. No commit refers to it yet.

    Args:
        table: The raw table.
        schema: The raw table's schema, without optional fields that no row fills.
        day: The day partition of the rows.
        stem: Name of the file without its suffix.
        groups: Tables with the raw table's schema, one for each row group. Those that don't fit
            into the file are left in the iterator.
        target_bytes: Compressed size at which the file is full.

    Returns:
        Iceberg's description of the file.
    """
    # With Iceberg's field ids, by which other engines find the columns.
    file_schema = schema_to_pyarrow(schema)
    partition = partition_of(day, PARTITION_SPEC, SCHEMA)
    path = table.location_provider().new_data_location(f"{stem}.parquet", partition)
    output = table.io.new_output(path)
    with output.create() as stream:
        file = cast("IO[bytes]", stream)
        with pq.ParquetWriter(
            file, file_schema, compression="zstd", compression_level=ZSTD_LEVEL
        ) as writer:
            for group in groups:
                writer.write_table(fitted(group, file_schema))
                if file.tell() >= target_bytes:
                    break
        metadata = writer.writer.metadata
    statistics = data_file_statistics_from_parquet_metadata(
        metadata,
        compute_statistics_plan(SCHEMA, table.properties),
        parquet_path_to_id_mapping(SCHEMA),
    )
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=partition.partition,
        file_size_in_bytes=len(output),
        sort_order_id=None,
        spec_id=table.metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
