"""Runs the revisions on the connection ``store.db`` hands over, in its transaction. Run by Alembic only."""

from alembic import context

from runferry.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
with context.begin_transaction():
    context.run_migrations()
