"""Record where releases are published on the Hub."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "hub_publications",
        sa.Column("repository", sa.String(200), primary_key=True),
        sa.Column("release_name", sa.String(100), nullable=False),
        sa.Column("hub_url", sa.Text, nullable=False),
        sa.Column("access", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer),
        sa.Column("commit_id", sa.String(64)),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Column("required_revision", sa.Integer),
        sa.Column("remains", sa.JSON, nullable=False),
    )
