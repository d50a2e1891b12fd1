"""Changing the schema of a table of the lake: its data files and old snapshots stay as they are."""

from pyiceberg.catalog import Catalog
from pyiceberg.schema import Schema
from pyiceberg.table.update import AddSchemaUpdate, AssertCurrentSchemaId, SetCurrentSchemaUpdate


def evolve(catalog: Catalog, identifier: str, schema: Schema) -> None:
    """Give a table a schema that has all of its columns and more, unless it has it already.

    pyiceberg's own change of a schema chooses the ids of new fields. Here the schema names them, so
    that every lake has the same.

    Args:
        catalog: The catalog of the table.
        identifier: The name of the table.
        schema: The schema. Its id doesn't count; the table numbers its schemas itself.

    Raises:
        CommitFailedException: Another process has changed the table's schema meanwhile.
    """
    table = catalog.load_table(identifier)
    current = table.schema()
    if current.fields == schema.fields:
        return
    number = max(known.schema_id for known in table.metadata.schemas) + 1
    catalog.commit_table(
        table,
        (AssertCurrentSchemaId.model_validate({"current-schema-id": current.schema_id}),),
        (
            AddSchemaUpdate(schema=schema.model_copy(update={"schema_id": number})),
            SetCurrentSchemaUpdate.model_validate({"schema-id": number}),
        ),
    )
