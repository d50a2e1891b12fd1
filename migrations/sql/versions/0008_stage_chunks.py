"""Record what each chunk of a stage was computed from, in the place of each day."""

from datetime import UTC, datetime, time

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. Each day becomes a chunk that the next build computes again."""
    chunks = op.create_table(
        "stage_chunks",
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("start", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.JSON, nullable=False),
    )
    days = sa.table("stage_days", sa.column("stage", sa.String), sa.column("day", sa.Date))
    connection = op.get_bind()
    unknown = [
        {
            "stage": row.stage,
            "start": datetime.combine(row.day, time(), UTC),
            "digest": "",
            "rows": 0,
            "dropped": {},
        }
        for row in connection.execute(sa.select(days.c.stage, days.c.day))
    ]
    op.bulk_insert(chunks, unknown)
    op.drop_table("stage_days")
