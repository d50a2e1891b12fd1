"""Keep what is hidden from readers, and what was taken down."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "hidden_contributions",
        sa.Column("contribution_id", sa.String(36), primary_key=True),
        sa.Column("cause", sa.String(16), primary_key=True),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "takedowns",
        sa.Column("takedown_id", _RowId, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("identifier", sa.String(512), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("requested_by", sa.String(120), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "taken_down_contributions",
        sa.Column("contribution_id", sa.String(36), primary_key=True),
        sa.Column("takedown_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("conversation_id", sa.String(64), nullable=False, index=True),
        sa.Column("content_hash", sa.String(64), nullable=False, index=True),
        sa.Column("sequence_number", sa.BigInteger),
    )
    op.create_table(
        "list_versions",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
