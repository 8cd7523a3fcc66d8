"""What Alembic runs to migrate: on the connection it was handed, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from lamina.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most of a table in place: Alembic then copies it.
    render_as_batch=True,
)
context.run_migrations()
