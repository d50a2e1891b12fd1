"""Keep whether a ban asked for a takedown, and who did, for what comes after the takedown."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("bans", sa.Column("takedown_by", sa.String(120)))
