"""Keep from which networks contributors send, as hashes that change daily."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "contributor_networks",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("contributor_id", sa.String(64), primary_key=True, index=True),
        sa.Column("network", sa.String(16), nullable=False),
    )
