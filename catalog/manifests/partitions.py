"""The day partitions that the tables of the lake have."""

from datetime import date
from typing import Final

from pyiceberg.partitioning import PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema

_EPOCH: Final = date(1970, 1, 1)
"""The day that Iceberg's day transform counts from."""


def partition_of(day: date, spec: PartitionSpec, schema: Schema) -> PartitionKey:
    """Return the partition of a day.

    Args:
        day: The day (UTC).
        spec: The partition spec of the table, whose only field is the day.
        schema: The schema of the table.
    """
    (field,) = spec.fields
    return PartitionKey([PartitionFieldValue(field, (day - _EPOCH).days)], spec, schema)
