"""A lake as it was before ids were keyed hashes, with the ids of clients in every place."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

import msgspec
import pyarrow as pa
from alembic import command
from pyiceberg.schema import Schema
from sqlalchemy import text

import migrations.sql
from app.ingest.journal.entries import encode_files
from app.services import Services
from catalog.columns.arrow import to_arrow
from catalog.metadata.evolution import evolve
from catalog.records import Contribution
from catalog.schema import BATCH_ID_PROPERTY, NAMESPACE, SCHEMA, TABLE_IDENTIFIER
from catalog.snapshots import tag_snapshot
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from catalog.writing.staging import StagedFiles
from migrations.lake import REVISION_PROPERTY, step_0001_contributions, step_0002_stages
from migrations.old_ids import NEW_NAMES
from tests.app.releases.factories import make_row
from tests.factories import make_contribution

SQL_REVISION: Final = "0008"
LAKE_REVISION: Final = "step_0006_quality_score"
OLD_NAMES: Final = {new: old for old, new in NEW_NAMES.items()}
STAGE: Final = COMPUTED_STAGES["cleaned"]


class LakeWithClientIds:
    """A lake that is made without migrating it; its contributions have the ids of clients.

    Attributes:
        services: The services of the lake.
    """

    def __init__(self, services: Services) -> None:
        """Make the tables, which are empty."""
        self.services = services
        services.database.make_folder()
        with services.database.write() as connection:
            command.upgrade(migrations.sql.configuration(connection), SQL_REVISION)
        catalog = services.catalog
        catalog.create_namespace_if_not_exists(NAMESPACE)
        step_0001_contributions.upgrade(catalog)
        step_0002_stages.upgrade(catalog)
        evolve(catalog, TABLE_IDENTIFIER, _with_old_names(SCHEMA))
        for tables in COMPUTED_STAGES.values():
            evolve(catalog, tables.rows, _with_old_names(tables.schema))
        catalog.update_namespace_properties(NAMESPACE, updates={REVISION_PROPERTY: LAKE_REVISION})

    def commit(self, *contributions: Contribution) -> None:
        """Append contributions to the raw table, and give them idempotency keys in the journal."""
        batch_id = str(uuid4())
        rows = _old_rows(to_arrow(contributions))
        load_table(self.services.catalog).append(rows, {BATCH_ID_PROPERTY: batch_id})
        self._journal(contributions, payload=None, in_files=False, batch_id=batch_id)

    def hold(self, *contributions: Contribution) -> None:
        """Have contributions wait in the journal."""
        rows = [msgspec.to_builtins(row, builtin_types=(datetime,)) for row in contributions]
        for row in rows:
            for new_name in OLD_NAMES.keys() & row.keys():
                row[OLD_NAMES[new_name]] = row.pop(new_name)
        self._journal(contributions, msgspec.msgpack.encode(rows), in_files=False)

    def hold_upload(self, *contributions: Contribution) -> None:
        """Have an upload wait in the journal, with its rows in a staged file."""
        files = StagedFiles(load_table(self.services.catalog), uuid4())
        files.write(_old_rows(to_arrow(contributions)))
        self._journal(contributions, encode_files(files.finish()), in_files=True)

    def tag_first(self, name: str) -> None:
        """Tag the first snapshot."""
        table = load_table(self.services.catalog)
        tag_snapshot(table, name, table.metadata.snapshots[0].snapshot_id)

    def clean(self, contributor: str) -> None:
        """Write a row of the stage `cleaned`."""
        rows = pa.Table.from_pylist([make_row(1, contributor_id=contributor)], STAGE.arrow_schema)
        load_table(self.services.catalog, STAGE.rows).append(_old_rows(rows))

    def suppress(self, contributor: str) -> None:
        """Suppress a contributor."""
        with self.services.database.write() as connection:
            connection.execute(
                text("INSERT INTO suppressions VALUES ('contributor', :id, NULL, :now)"),
                {"id": contributor, "now": datetime.now(UTC).isoformat(" ")},
            )

    def _journal(
        self,
        contributions: Sequence[Contribution],
        payload: bytes | None,
        *,
        in_files: bool,
        batch_id: str | None = None,
    ) -> None:
        entry = {
            "received_at": contributions[0].received_at.isoformat(" "),
            "contributions": len(contributions),
            "payload": payload,
            "payload_bytes": len(payload or b"x"),
            "batch_id": batch_id,
            "in_files": in_files,
        }
        with self.services.database.write() as connection:
            entry_id = connection.scalar(_INSERT_ENTRY, entry)
            for row in contributions:
                key = {"key": old_key(row), "id": row.contribution_id, "entry_id": entry_id}
                connection.execute(
                    text("INSERT INTO idempotency_keys VALUES (:key, :id, :entry_id)"), key
                )


_INSERT_ENTRY: Final = text(
    "INSERT INTO journal"
    " (received_at, contributions, payload, payload_bytes, batch_id, in_files, is_awaited)"
    " VALUES (:received_at, :contributions, :payload, :payload_bytes, :batch_id, :in_files, false)"
    " RETURNING entry_id"
)


def sent_by(submitter_id: str | None, ingest_id: str, *texts: str) -> Contribution:
    """Return a contribution with the ids of its client."""
    return make_contribution(*texts, contributor_id=submitter_id, conversation_id=ingest_id)


def old_key(row: Contribution) -> bytes:
    """Return the idempotency key of before."""
    sent: tuple[Any, ...] = (row.contributor_id, row.conversation_id, row.content_hash)
    return sha256(msgspec.msgpack.encode(sent)).digest()


def _with_old_names(schema: Schema) -> Schema:
    fields = [
        field.model_copy(update={"name": OLD_NAMES.get(field.name, field.name)})
        for field in schema.fields
    ]
    return Schema(*fields, identifier_field_ids=schema.identifier_field_ids)


def _old_rows(rows: pa.Table) -> pa.Table:
    return rows.rename_columns([OLD_NAMES.get(name, name) for name in rows.column_names])
