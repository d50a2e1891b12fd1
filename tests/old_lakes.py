"""Lakes as they were before turns and contributions got the fields of step 3."""

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from catalog.columns.arrow import to_arrow
from catalog.records import Contribution
from catalog.schema import BATCH_ID_PROPERTY, NAMESPACE
from catalog.snapshots import Snapshot, to_snapshot
from migrations.lake import REVISION_PROPERTY, step_0001_contributions, step_0002_stages
from migrations.old_ids import NEW_NAMES

REVISION: Final = "step_0002_stages"


def make_old_tables(catalog: Catalog) -> None:
    """Create the tables of an empty lake with the columns that they had at first."""
    catalog.create_namespace_if_not_exists(NAMESPACE)
    step_0001_contributions.upgrade(catalog)
    step_0002_stages.upgrade(catalog)
    catalog.update_namespace_properties(NAMESPACE, updates={REVISION_PROPERTY: REVISION})


def first_schema() -> Schema:
    """Return the schema that the raw table had at first, with the names of by now."""
    first = step_0001_contributions.SCHEMA
    fields = [
        field.model_copy(update={"name": NEW_NAMES.get(field.name, field.name)})
        for field in first.fields
    ]
    return Schema(*fields, identifier_field_ids=first.identifier_field_ids)


def append_old(table: Table, contributions: Sequence[Contribution]) -> Snapshot:
    """Append contributions, of which only the first columns and fields of turns are kept."""
    batch_id = str(uuid4())
    rows = in_first_columns(to_arrow(contributions))
    old_names = [field.name for field in step_0001_contributions.SCHEMA.fields]
    table.append(rows.rename_columns(old_names), {BATCH_ID_PROPERTY: batch_id})
    newest = table.current_snapshot()
    assert newest is not None
    return to_snapshot(newest)


def in_first_columns(rows: pa.Table) -> pa.Table:
    """Return rows with the columns and fields of turns that the raw table had at first.

    The columns have the names that they have by now.
    """
    schema = schema_to_pyarrow(first_schema(), include_field_ids=False)
    columns = [rows[field.name].cast(field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)
