"""Make one index of idempotency keys of two, since each submission writes to all of them."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index that serves both kinds of keys, and drop the others."""
    op.create_index("idempotency_keys_expiry", "idempotency_keys", ["is_guessed", "entry_id"])
    op.drop_index("idempotency_keys_owned", "idempotency_keys")
    op.drop_index("ix_idempotency_keys_entry_id", "idempotency_keys")
