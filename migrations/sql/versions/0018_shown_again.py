"""Keep which contributions were shown again, so that mirrors learn of them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "shown_again",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("contribution_id", sa.String(36), primary_key=True, index=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
    )
