"""The catalog in SQL, through SQLAlchemy Core: SQLite embedded, others by their URL when they are needed.

How SQLite is used, and why:

* WAL, so that readers see the last commit and never wait for a writer; `synchronous=FULL`, so that a commit is on
  the disk before the caller is answered.
* The driver's own transaction control is off: it opens transactions late and lazily. Readers BEGIN, and so see one
  instant over several statements; writers BEGIN IMMEDIATE, because a reader that turns writer after somebody else
  wrote cannot succeed.
* A commit that fails as it is written down may have been written down all the same: SQLite takes it back in memory,
  and whoever opens the file after a kill reads it as done. Until something is written over it, it is in doubt.
* Writers of this process queue on a lock of ours. SQLite's own queue is a sleep of growing length, which costs
  milliseconds where the work takes microseconds; it is kept for other processes (`lamina fsck` on a live server).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from lamina.catalog import schema
from lamina.catalog.sql_aliases import SqlAliases
from lamina.catalog.sql_checking import SqlChecking
from lamina.catalog.sql_functions import SqlFunctions
from lamina.catalog.sql_layers import SqlLayers
from lamina.catalog.sql_others import SqlArchives, SqlResourceTags, SqlSecrets
from lamina.catalog.sql_policies import SqlPolicies
from lamina.catalog.sql_queues import SqlDeliveries, SqlEvents
from lamina.catalog.sql_settings import SqlCodeSignings, SqlMappings, SqlSettings
from lamina.catalog.sql_stacks import SqlStacks
from lamina.catalog.sql_totals import SqlTotals

BUSY_TIMEOUT_MS = 30_000
# Of those that nobody uses.
CONNECTIONS_KEPT = 4
# What of a transaction an invocation depends on.
_OF_FUNCTIONS = frozenset(("functions", "aliases", "settings"))


class CatalogTooNew(Exception):
    """The catalog was written by a newer Lamina, whose tables this one does not know."""

    def __init__(self, url: str, revision: str) -> None:
        super().__init__(
            f"{url} has revision {revision}, this Lamina knows revisions up to {schema.REVISION}: "
            "start the newer Lamina that wrote it, or another state folder"
        )


class CatalogTooOld(Exception):
    """The catalog was written by an older Lamina, and has not been migrated."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} was written by an older Lamina: start this one with it once, which migrates it")


class SqlTransaction:
    """`port.Transaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def layers(self) -> SqlLayers:
        return SqlLayers(self._connection)

    @cached_property
    def functions(self) -> SqlFunctions:
        return SqlFunctions(self._connection)

    @cached_property
    def aliases(self) -> SqlAliases:
        return SqlAliases(self._connection)

    @cached_property
    def policies(self) -> SqlPolicies:
        return SqlPolicies(self._connection)

    @cached_property
    def tags(self) -> SqlResourceTags:
        return SqlResourceTags(self._connection)

    @cached_property
    def events(self) -> SqlEvents:
        return SqlEvents(self._connection)

    @cached_property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self._connection)

    @cached_property
    def settings(self) -> SqlSettings:
        return SqlSettings(self._connection)

    @cached_property
    def code_signings(self) -> SqlCodeSignings:
        return SqlCodeSignings(self._connection)

    @cached_property
    def mappings(self) -> SqlMappings:
        return SqlMappings(self._connection)

    @cached_property
    def stacks(self) -> SqlStacks:
        return SqlStacks(self._connection)

    @cached_property
    def totals(self) -> SqlTotals:
        return SqlTotals(self._connection)

    @cached_property
    def secrets(self) -> SqlSecrets:
        return SqlSecrets(self._connection)

    @cached_property
    def archives(self) -> SqlArchives:
        return SqlArchives(self._connection)

    @cached_property
    def checking(self) -> SqlChecking:
        return SqlChecking(self._connection)


class SqlCatalog:
    """`port.Catalog` in a SQL database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(lamina_begin="BEGIN")
        self._writer = engine.execution_options(lamina_begin="BEGIN IMMEDIATE")
        self._write_lock = threading.RLock()
        # All of an in-memory database is one connection, so its readers queue too.
        self._read_lock = self._write_lock if isinstance(engine.pool, StaticPool) else None
        self._in_doubt = False
        self.function_changes = 0
        self._watching: list[Callable[[], object]] = []

    @classmethod
    def open(cls, url: str) -> SqlCatalog:
        """The catalog at *url* (`sqlite:////folder/catalog.db`, or `sqlite://` for one in memory), made or migrated.

        CatalogTooNew if a newer Lamina wrote it.
        """
        catalog = cls(_engine(url))
        try:
            catalog._prepare()
        except BaseException:
            catalog.close()
            raise
        return catalog

    @classmethod
    def look(cls, url: str) -> SqlCatalog:
        """The catalog at *url* as it is, not migrated. CatalogTooNew, CatalogTooOld."""
        catalog = cls(_engine(url))
        try:
            with catalog._reader.begin() as connection:
                found = _revision(connection)
            if found != schema.REVISION:
                raise CatalogTooNew(url, found) if found and found > schema.REVISION else CatalogTooOld(url)
        except BaseException:
            catalog.close()
            raise
        return catalog

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        if self._read_lock is None:
            with self._reader.begin() as connection:
                yield SqlTransaction(connection)
        else:
            with self._read_lock, self._reader.begin() as connection:
                yield SqlTransaction(connection)

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        with self._write_lock:
            try:
                with self._writer.begin() as connection:
                    transaction = SqlTransaction(connection)
                    yield transaction
            except OperationalError:
                self._in_doubt = True
                raise
            # A cached property that was asked for lies in the instance's dictionary.
            if not _OF_FUNCTIONS.isdisjoint(vars(transaction)):
                self.function_changes += 1
                for changed in self._watching:
                    changed()

    def settle(self) -> bool:
        with self._write_lock:
            if self._in_doubt:
                try:
                    with self._writer.begin() as connection:
                        # Says nothing new, but takes the place in the log that the failed commit may stand in.
                        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
                except OperationalError:
                    return False
                self._in_doubt = False
            return True

    def watch_functions(self, changed: Callable[[], object]) -> Callable[[], None]:
        with self._write_lock:
            self._watching.append(changed)

        def end() -> None:
            with self._write_lock:
                self._watching.remove(changed)

        return end

    def close(self) -> None:
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._writer.begin() as connection:
            found = _revision(connection)
            if found == schema.REVISION:
                return
            if found is None and not inspect(connection).get_table_names():
                # A new database needs none of the history, nor the 200 ms it takes to import Alembic.
                schema.metadata.create_all(connection)
                _mark(connection)
                return
            # Revisions are numbered "0001", "0002", …: so they sort.
            if found is not None and found > schema.REVISION:
                raise CatalogTooNew(self._engine.url.render_as_string(), found)
            from lamina.catalog.migrations import upgrade  # noqa: PLC0415 - it imports Alembic

            upgrade(connection)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ValueError(f"a catalog in {parsed.get_backend_name()} is not supported yet; use a sqlite: URL")
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        # One connection per thread that reads at this moment, and threads are bounded. Each comes to hold half a
        # megabyte of statements and pages, so those of a crowd are closed when it has gone.
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=CONNECTIONS_KEPT,
            max_overflow=-1,
            pool_use_lifo=True,
            connect_args={"check_same_thread": False, "cached_statements": 256},
        )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options()["lamina_begin"])


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _mark(connection: Connection) -> None:
    """Write what Alembic would have written: Alembic reads it when there is something to migrate."""
    connection.execute(
        text(
            "CREATE TABLE alembic_version"
            " (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": schema.REVISION})
