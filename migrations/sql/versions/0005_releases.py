"""Record the state of each release and each release schedule, and keep secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "releases",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("build_id", sa.String(36), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("rows_done", sa.BigInteger, nullable=False),
        sa.Column("rows_total", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("sequence_number", sa.BigInteger, nullable=True),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
    )
    op.create_table(
        "release_schedules",
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("settled", sa.String(16), nullable=True),
        sa.Column("sequence_number", sa.BigInteger, nullable=False),
        sa.Column("try_after", _TIME, nullable=True),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
    )
