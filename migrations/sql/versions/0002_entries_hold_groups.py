"""Let a journal entry hold all contributions of a transaction, with the keys beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)
_KEY_BYTES = 32
# msgpack's array of one element, before the contribution that was the payload.
_ARRAY_OF_ONE = {"sqlite": "CAST(x'91' || payload AS BLOB)", "postgresql": r"'\x91'::bytea || payload"}


def upgrade() -> None:
    """Make each entry a group of one."""
    dialect = op.get_bind().dialect.name
    op.drop_index("journal_pending", "journal")
    op.rename_table("journal", "journal_of_single_contributions")
    op.create_table(
        "journal",
        sa.Column("entry_id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("contributions", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=True),
        sa.Column("payload_bytes", sa.BigInteger, nullable=False),
        sa.Column("batch_id", sa.String(36), nullable=True),
        sqlite_autoincrement=True,
    )
    pending = sa.text("batch_id IS NULL")
    op.create_index(
        "journal_pending",
        "journal",
        ["entry_id", "contributions", "payload_bytes"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.LargeBinary(_KEY_BYTES), primary_key=True),
        sa.Column("contribution_id", sa.String(36), nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO journal (entry_id, received_at, contributions, payload, payload_bytes, "
        f"batch_id) SELECT entry_id, received_at, 1, {_ARRAY_OF_ONE[dialect]}, payload_bytes + 1, "  # noqa: S608  # our own text
        "batch_id FROM journal_of_single_contributions"
    )
    # The others are contribution ids, of what came without an id of its client's.
    op.execute(
        "INSERT INTO idempotency_keys (key, contribution_id, entry_id) "  # noqa: S608  # our own text
        "SELECT idempotency_key, contribution_id, entry_id FROM journal_of_single_contributions "
        f"WHERE length(idempotency_key) = {_KEY_BYTES}"
    )
    if dialect == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('journal', 'entry_id'), "
            "(SELECT coalesce(max(entry_id), 0) + 1 FROM journal), false)"
        )
    op.drop_table("journal_of_single_contributions")
