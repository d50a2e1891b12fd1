"""Let a journal entry hold several contributions, and move their keys to a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)
# Each payload gets msgpack's prefix of an array with one element.
_COPY_ENTRIES = {
    "sqlite": """
        INSERT INTO journal (entry_id, received_at, contributions, payload, payload_bytes, batch_id)
        SELECT entry_id, received_at, 1, CAST(x'91' || payload AS BLOB), payload_bytes + 1, batch_id
        FROM journal_of_single_contributions
    """,
    "postgresql": r"""
        INSERT INTO journal (entry_id, received_at, contributions, payload, payload_bytes, batch_id)
        SELECT entry_id, received_at, 1, '\x91'::bytea || payload, payload_bytes + 1, batch_id
        FROM journal_of_single_contributions
    """,
}
# Keys of 16 bytes are contribution ids of submissions without a client's id; they aren't needed.
_COPY_KEYS = """
    INSERT INTO idempotency_keys (key, contribution_id, entry_id)
    SELECT idempotency_key, contribution_id, entry_id FROM journal_of_single_contributions
    WHERE length(idempotency_key) = 32
"""
_CONTINUE_IDS = """
    SELECT setval(
        pg_get_serial_sequence('journal', 'entry_id'),
        (SELECT coalesce(max(entry_id), 0) + 1 FROM journal),
        false
    )
"""


def upgrade() -> None:
    """Turn each entry into a group of one contribution."""
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
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("contribution_id", sa.String(36), nullable=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    op.execute(_COPY_ENTRIES[dialect])
    op.execute(_COPY_KEYS)
    if dialect == "postgresql":
        op.execute(_CONTINUE_IDS)
    op.drop_table("journal_of_single_contributions")
