"""Let a journal entry tell that a client waits until it can be read."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and include it in the index."""
    op.add_column(
        "journal", sa.Column("is_awaited", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.drop_index("journal_pending", "journal")
    pending = sa.text("batch_id IS NULL")
    op.create_index(
        "journal_pending",
        "journal",
        ["entry_id", "contributions", "payload_bytes", "in_files", "is_awaited"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
