"""Alembic's entry: runs the revisions in the transaction that `migrations.sql` hands over."""

from alembic import context

from app.state.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
