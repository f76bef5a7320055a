"""Run by Alembic for every command, with the connection and in the transaction that upgrade() is in."""

from __future__ import annotations

from alembic import context

from lab_server.store.migrations import VERSION_TABLE
from lab_server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
