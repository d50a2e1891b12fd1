"""Let a journal entry refer to staged files, and record uploads by their Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table, and include the column in the index."""
    op.add_column(
        "journal", sa.Column("in_files", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.drop_index("journal_pending", "journal")
    pending = sa.text("batch_id IS NULL")
    op.create_index(
        "journal_pending",
        "journal",
        ["entry_id", "contributions", "payload_bytes", "in_files"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "upload_requests",
        sa.Column("request_key", sa.String(255), primary_key=True),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=True),
        sa.Column("answer", sa.LargeBinary, nullable=True),
    )
