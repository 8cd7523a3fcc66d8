"""How older catalogs become today's: Alembic's revisions, in order. Imported only when there is one to apply."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Bring the catalog on *connection* to the newest revision, inside the transaction it is in."""
    config = Config()
    config.set_main_option("script_location", "lamina.catalog:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
