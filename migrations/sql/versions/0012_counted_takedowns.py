"""Keep which takedowns are counted off the ledger, and find what was taken down by its commit."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column(
        "takedowns",
        sa.Column("is_counted", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_taken_down_contributions_sequence_number",
        "taken_down_contributions",
        ["sequence_number"],
    )
