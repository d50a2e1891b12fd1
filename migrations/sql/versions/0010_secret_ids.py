"""Make the lake's secret for ids, and put keyed hashes where the database has ids of clients.

What waits in the journal has the ids of the lake afterwards, and so have the suppressions. The
idempotency keys of what the tables have by now are changed by `migrations.lake`, which reads them.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from app.access.contributors.ids import SECRET_ROW, Ids
from migrations.old_ids import OldIds

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SECRET_BYTES = 32

_secrets = sa.table(
    "secrets",
    sa.column("name", sa.String),
    sa.column("value", sa.LargeBinary),
    sa.column("made_at", sa.DateTime(timezone=True)),
)
_journal = sa.table(
    "journal",
    sa.column("entry_id", sa.BigInteger),
    sa.column("payload", sa.LargeBinary),
    sa.column("payload_bytes", sa.BigInteger),
    sa.column("in_files", sa.Boolean),
)
_keys = sa.table("idempotency_keys", sa.column("key", sa.LargeBinary))
_suppressions = sa.table(
    "suppressions", sa.column("kind", sa.String), sa.column("identifier", sa.String)
)


def upgrade() -> None:
    """Make the secret, and change what has ids of clients."""
    connection = op.get_bind()
    secret = os.urandom(_SECRET_BYTES)
    made = {"name": SECRET_ROW, "value": secret, "made_at": datetime.now(UTC)}
    connection.execute(sa.insert(_secrets), made)
    ids = Ids(lambda: secret)
    _change_journal(connection, OldIds(ids))
    _change_suppressions(connection, ids)


def _change_journal(connection: sa.Connection, ids: OldIds) -> None:
    for entry_id, payload in _payloads(connection):
        rows = msgspec.msgpack.decode(payload)
        for old, new in map(ids.change, rows):
            if old is not None:
                connection.execute(sa.update(_keys).where(_keys.c.key == old).values(key=new))
        changed = msgspec.msgpack.encode(rows)
        connection.execute(
            sa.update(_journal)
            .where(_journal.c.entry_id == entry_id)
            .values(payload=changed, payload_bytes=len(changed))
        )


def _payloads(connection: sa.Connection) -> Iterator[tuple[int, bytes]]:
    """Yield the entries that hold contributions, one in memory at a time."""
    holding = (_journal.c.payload.is_not(None), ~_journal.c.in_files)
    numbers = sa.select(_journal.c.entry_id).where(*holding).order_by(_journal.c.entry_id)
    for entry_id in connection.scalars(numbers).all():
        payload: Any = connection.scalar(
            sa.select(_journal.c.payload).where(_journal.c.entry_id == entry_id)
        )
        yield entry_id, bytes(payload)


def _change_suppressions(connection: sa.Connection, ids: Ids) -> None:
    of_contributors = _suppressions.c.kind == "contributor"
    query = sa.select(_suppressions.c.identifier).where(of_contributors)
    for submitter_id in connection.scalars(query).all():
        connection.execute(
            sa.update(_suppressions)
            .where(of_contributors, _suppressions.c.identifier == submitter_id)
            .values(identifier=ids.contributor_id(submitter_id))
        )
