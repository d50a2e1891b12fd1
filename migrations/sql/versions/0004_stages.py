"""Record suppressions, and what each day of a stage was computed from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "suppressions",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("identifier", sa.String(512), primary_key=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "stage_days",
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.JSON, nullable=False),
    )
