"""Create the journal, the claims and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "journal",
        sa.Column("entry_id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("idempotency_key", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("contribution_id", sa.String(36), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=True),
        sa.Column("payload_bytes", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.String(36), nullable=True),
        sqlite_autoincrement=True,
    )
    pending = sa.text("batch_id IS NULL")
    op.create_index(
        "journal_pending",
        "journal",
        ["entry_id", "payload_bytes"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "claims",
        sa.Column("table_name", sa.String(64), primary_key=True),
        sa.Column("batch_id", sa.String(36), nullable=False),
        sa.Column("entry_runs", sa.LargeBinary, nullable=False),
        sa.Column("claimed_at", _TIME, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("snapshot_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence_number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("committed_at", _TIME, nullable=False, index=True),
        sa.Column("operation", sa.String(16), nullable=False),
        sa.Column("batch_id", sa.String(36), nullable=True, unique=True),
        sa.Column("added_rows", sa.BigInteger, nullable=False),
        sa.Column("total_rows", sa.BigInteger, nullable=False),
        sa.Column("added_files", sa.BigInteger, nullable=False),
        sa.Column("added_bytes", sa.BigInteger, nullable=False),
    )
