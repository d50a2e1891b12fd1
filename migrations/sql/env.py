"""Alembic's entry point, which runs the revisions on the connection that `migrations.sql` gives."""

from alembic import context

from app.state.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
