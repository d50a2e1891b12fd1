"""Tell idempotency keys of ids that own nothing from others, which the index of versions replaces.

Keys from before are kept for the idempotency window, since they don't tell.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and an index of the keys that go early."""
    op.add_column(
        "idempotency_keys",
        sa.Column("is_guessed", sa.Boolean, nullable=False, server_default=sa.true()),
    )
    op.create_index(
        "idempotency_keys_owned",
        "idempotency_keys",
        ["entry_id"],
        sqlite_where=sa.text("NOT is_guessed"),
        postgresql_where=sa.text("NOT is_guessed"),
    )
    op.add_column("upload_requests", sa.Column("sequence_number", sa.BigInteger))
