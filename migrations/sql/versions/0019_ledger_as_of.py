"""Keep in the ledger from which moment on a snapshot is meant by a time, so that an index finds it.

The table is written anew, since SQLite can't add a column that has a value in each row.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_OLD = "ledger_without_as_of"
_COPY = """
    INSERT INTO ledger
    SELECT snapshot_id, sequence_number, committed_at, operation, batch_id,
        added_rows, total_rows, added_files, added_bytes,
        min(committed_at) OVER (ORDER BY sequence_number DESC)
    FROM ledger_without_as_of
"""


def upgrade() -> None:
    """Add the column: the earliest time of commit of a snapshot and all later ones."""
    op.drop_index("ix_ledger_committed_at", "ledger")
    op.rename_table("ledger", _OLD)
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
        sa.Column("as_of_from", _TIME, nullable=False),
    )
    op.execute(_COPY)
    op.drop_table(_OLD)
    op.create_index("ledger_as_of", "ledger", ["as_of_from", "sequence_number"])
