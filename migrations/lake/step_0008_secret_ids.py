"""Put keyed hashes where data files have the ids of clients, and leave these nowhere.

Each data file of the live snapshots is rewritten with the same rows in the same order, and so are
the staged files of uploads that wait in the journal. Snapshots and tags stay. Nothing may write to
the lake meanwhile, and nobody read it.
"""

from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from sqlalchemy import delete, exists, func, select, text, update

from app.access.contributors.ids import Ids, read_secret
from app.ingest.journal.entries import IS_OPEN, decode_files, encode_files
from app.state.db import Database
from app.state.models import IdempotencyKey, JournalEntry
from catalog.maintenance.rewriting import remove_unreferenced, rewrite_data_files
from catalog.schema import TABLE_IDENTIFIER
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from catalog.writing.staging import StagedFile
from migrations.old_ids import NEW_NAMES, OldIds

_PREFIX: Final = "ids-"
"""Beginning of the names of rewritten files, the same for all: files are read in their order."""
_ZSTD_LEVEL: Final = 9


def upgrade(catalog: Catalog, database: Database) -> None:
    """Rewrite what has ids of clients, and remove what had them."""
    tables = [
        load_table(catalog, TABLE_IDENTIFIER),
        *(load_table(catalog, stage.rows) for stage in COMPUTED_STAGES.values()),
    ]
    _forget_open_uploads(database)
    ids = OldIds(Ids(lambda: read_secret(database)))
    for table in tables:
        rewriting = _Rewriting(table, ids, database)
        rewrite_data_files(table, rewriting.rewrite_data_file, change_schema=_renamed)
    staged = _rewrite_staged_files(_Rewriting(tables[0], ids, database), database)
    for table in tables:
        remove_unreferenced(table, staged)
    database.compact()


def _renamed(schema: Schema) -> Schema:
    fields = [
        field.model_copy(update={"name": NEW_NAMES.get(field.name, field.name)})
        for field in schema.fields
    ]
    return Schema(
        *fields, schema_id=schema.schema_id, identifier_field_ids=schema.identifier_field_ids
    )


def _forget_open_uploads(database: Database) -> None:
    """Remove uploads that were under way when the service ended, with their idempotency keys."""
    entry = exists().where(JournalEntry.entry_id == IdempotencyKey.entry_id)
    with database.write() as connection:
        connection.execute(delete(JournalEntry).where(IS_OPEN))
        connection.execute(delete(IdempotencyKey).where(~entry))


def _rewrite_staged_files(rewriting: "_Rewriting", database: Database) -> set[str]:
    """Rewrite the files that journal entries refer to, and return the URLs of the new ones."""
    query = select(JournalEntry.entry_id, JournalEntry.payload).where(
        JournalEntry.in_files, JournalEntry.payload.is_not(None)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    entries = [(entry_id, decode_files(payload)) for entry_id, payload in rows if payload]
    staged = set()
    for entry_id, files in entries:
        changed = [StagedFile(rewriting.rewrite(file.path), file.rows) for file in files]
        staged |= {file.path for file in changed}
        payload = encode_files(changed)
        with database.write() as connection:
            connection.execute(
                update(JournalEntry)
                .where(JournalEntry.entry_id == entry_id)
                .values(payload=payload, payload_bytes=len(payload))
            )
    return staged


class _Rewriting:
    """Rewrites data files of a table."""

    def __init__(self, table: Table, ids: OldIds, database: Database) -> None:
        self._io = table.io
        self._ids = ids
        self._database = database
        with database.read() as connection:
            self._first_id: str | None = connection.scalar(
                select(func.min(IdempotencyKey.contribution_id))
            )

    def rewrite_data_file(self, file: DataFile) -> str:
        """Do what `rewrite` does, given Iceberg's description of the data file."""
        return self.rewrite(file.file_path)

    def rewrite(self, path: str) -> str:
        """Write the new file for a data file, and return its URL, or that of one without old ids.

        A file appears whole under its name, which is always the same for one data file. So one that
        is there was written before the step was cut off.
        """
        folder, _, name = path.rpartition("/")
        new_path = f"{folder}/{_PREFIX}{name}"
        if name.startswith(_PREFIX):
            return path
        if self._io.new_input(new_path).exists():
            return new_path
        with self._io.new_input(path).open() as source:
            old = pq.ParquetFile(source)
            if NEW_NAMES.keys().isdisjoint(old.schema_arrow.names):
                return path
            schema = _with_new_names(old.schema_arrow)
            with (
                self._io.new_output(new_path).create() as target,
                pq.ParquetWriter(
                    target, schema, compression="zstd", compression_level=_ZSTD_LEVEL
                ) as writer,
            ):
                for number in range(old.num_row_groups):
                    rows = self._change(old.read_row_group(number))
                    writer.write_table(rows.cast(schema))
        return new_path

    def _change(self, rows: pa.Table) -> pa.Table:
        """Return rows with keyed hashes; the idempotency keys of contributions change before."""
        submitters = rows["submitter_id"].to_pylist()
        changed = {"contributor_id": [self._ids.contributor_id(each) for each in submitters]}
        if "ingest_id" in rows.column_names:
            ids, contributions = rows["ingest_id"].to_pylist(), rows["contribution_id"].to_pylist()
            sent = list(zip(submitters, ids, contributions, strict=True))
            changed["conversation_id"] = [self._ids.conversation_id(*each) for each in sent]
            hashes = rows["content_hash"].to_pylist()
            self._change_keys([(*each, it) for each, it in zip(sent, hashes, strict=True)])
        for old_name, new_name in NEW_NAMES.items():
            if old_name in rows.column_names:
                place = rows.column_names.index(old_name)
                column = pa.array(changed[new_name], rows.schema.field(place).type)
                rows = rows.set_column(place, rows.schema.field(place).with_name(new_name), column)
        return rows

    def _change_keys(self, sent: list[tuple[str | None, str, str, str]]) -> None:
        """Change the idempotency keys of contributions that are in the window.

        Args:
            sent: submitter_id, ingest_id, contribution_id and content_hash of contributions.
        """
        changes = [
            {"old_key": old, "new_key": new, "id": contribution_id}
            for submitter_id, ingest_id, contribution_id, content_hash in sent
            if self._first_id and contribution_id >= self._first_id
            if ingest_id != contribution_id
            for old, new in [self._ids.keys(submitter_id, ingest_id, content_hash)]
        ]
        if changes:
            with self._database.write() as connection:
                connection.execute(_CHANGE_KEY, changes)


def _with_new_names(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_name(NEW_NAMES.get(field.name, field.name)) for field in schema])


_CHANGE_KEY: Final = text(
    "UPDATE idempotency_keys SET key = :new_key WHERE key = :old_key AND contribution_id = :id"
)
