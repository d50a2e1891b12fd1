"""Keep the limits of API keys, and the buckets of clients that several nodes share."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("api_keys", sa.Column("limits", sa.JSON, nullable=False, server_default="{}"))
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "shared_buckets",
        sa.Column("client", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bucket", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("full_at_s", sa.Double, nullable=False, index=True),
        # It is written every second. A crash of the database may empty it: buckets are full then.
        prefixes=["UNLOGGED"] if is_postgresql else [],
    )
