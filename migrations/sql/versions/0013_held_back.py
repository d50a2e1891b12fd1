"""Keep which releases and maps are held back until they are made without what is taken down."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "held_back",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(120), primary_key=True),
        sa.Column("contribution_id", sa.String(36), primary_key=True),
    )
