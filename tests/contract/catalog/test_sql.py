"""What is particular to the SQL catalog: opening, migrating, what its queries cost, what it survives."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError, OperationalError

from lamina.catalog import schema
from lamina.catalog.layers import CompatibleWith
from lamina.catalog.migrations import upgrade
from lamina.catalog.settings import Kind
from lamina.catalog.sql import CONNECTIONS_KEPT, CatalogTooNew, SqlCatalog
from lamina.names import LayerArn

from .examples import HERE, function, layer_version


def tables(path: Path) -> dict[str, tuple[Any, ...]]:
    """Every table's columns, foreign keys and indexes, as SQLite itself sees them."""
    connection = sqlite3.connect(path)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, tuple[Any, ...]] = {}
        for name in names:
            indexes = sorted(row[1:] for row in connection.execute(f"PRAGMA index_list({name})"))
            found[name] = (
                sorted(row[1:] for row in connection.execute(f"PRAGMA table_xinfo({name})")),
                sorted(row[2:] for row in connection.execute(f"PRAGMA foreign_key_list({name})")),
                indexes,
                [[row[2:] for row in connection.execute(f"PRAGMA index_xinfo({index[0]})")] for index in indexes],
                [row[3:5] for row in connection.execute("PRAGMA table_list") if row[1] == name],
            )
        return found
    finally:
        connection.close()


def test_migrating_from_nothing_makes_the_tables_that_a_new_catalog_has(tmp_path: Path) -> None:
    SqlCatalog.open(f"sqlite:///{tmp_path}/new.db").close()
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    assert tables(tmp_path / "migrated.db") == tables(tmp_path / "new.db")
    with sqlite3.connect(tmp_path / "migrated.db") as migrated:
        assert migrated.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.REVISION,)]
    migrated.close()


def test_opening_does_not_import_alembic_unless_there_is_something_to_migrate(tmp_path: Path) -> None:
    program = (
        "import sys; from lamina.catalog.sql import SqlCatalog;"
        f"SqlCatalog.open('sqlite:///{tmp_path}/c.db').close(); SqlCatalog.open('sqlite:///{tmp_path}/c.db').close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_catalog_of_a_newer_lamina_is_refused_untouched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    SqlCatalog.open(url).close()
    with sqlite3.connect(tmp_path / "c.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CatalogTooNew, match="revision 9999"):
        SqlCatalog.open(url)


def test_everything_is_there_after_closing_and_opening_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    base = layer_version("base", 1)
    catalog = SqlCatalog.open(url)
    with catalog.writing() as transaction:
        transaction.layers.next_number(base.arn.layer)
        transaction.layers.add(base)
        transaction.functions.add(function("f", base), {})
    catalog.close()
    catalog = SqlCatalog.open(url)
    with catalog.reading() as transaction:
        assert transaction.layers.get(base.arn) == base
        assert transaction.functions.find(HERE, "f") == function("f", base)
    catalog.close()


def test_readers_see_the_last_commit_while_somebody_writes(tmp_path: Path) -> None:
    catalog = SqlCatalog.open(f"sqlite:///{tmp_path}/c.db")
    writing, read = Event(), Event()

    def write() -> None:
        with catalog.writing() as transaction:
            transaction.functions.add(function("f"), {})
            writing.set()
            assert read.wait(30)

    writer = Thread(target=write)
    writer.start()
    assert writing.wait(30)
    with catalog.reading() as transaction:
        before = transaction.functions.find(HERE, "f")
        read.set()
        writer.join()
        # One transaction sees one instant.
        assert (before, transaction.functions.find(HERE, "f")) == (None, None)
    with catalog.reading() as transaction:
        assert transaction.functions.find(HERE, "f") == function("f")
    catalog.close()


def test_every_look_up_and_every_page_is_answered_from_an_index(tmp_path: Path) -> None:
    catalog = SqlCatalog.open(f"sqlite:///{tmp_path}/c.db")
    statements: list[str] = []
    base = layer_version("base", 1)
    with catalog.writing() as transaction:
        transaction.functions.add(function("f", base), {})
        connection = transaction._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.set_trace_callback(statements.append)
        wanted = CompatibleWith("python3.12", "x86_64")
        transaction.layers.get(base.arn)
        transaction.layers.versions(LayerArn(HERE, "base"), wanted, below=9, limit=10)
        transaction.layers.latest(HERE, wanted, after="a", limit=10)
        transaction.functions.find(HERE, "f")
        transaction.functions.latest(HERE, after="a", limit=10)
        transaction.functions.all(HERE, after=("a", 1), limit=10)
        transaction.functions.consumers(base.arn)
        transaction.functions.unsettled()
        transaction.events.due(now=1.0, limit=10)
        transaction.deliveries.due(now=1.0, limit=10)
        transaction.archives.in_use(base.archive.digest)
        transaction.settings.get(Kind.URL, function("f").arn)
        transaction.settings.of_function(Kind.URL, function("f").arn, after="a", limit=10)
        transaction.settings.of_scope(Kind.CONCURRENCY, HERE)
        transaction.settings.everywhere(Kind.PROVISIONED)
        transaction.settings.naming(Kind.URL, "id")
        transaction.settings.forget(function("f").arn.qualified("live"))
        transaction.mappings.all(HERE, "f", "arn", after="a", limit=10)
        transaction.code_signings.all(HERE, after="a", limit=10)
        transaction.totals.of(HERE)
        connection.set_trace_callback(None)
        plans = {
            statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in statements
        }
    catalog.close()
    assert len(plans) >= 10
    for statement, plan in plans.items():
        # The index of unsettled versions holds nothing else, so reading all of it is the look-up.
        looked_up = ("CONSTANT ROW", "ix_function_versions_unsettled")
        scanned = [step for step in plan if step.startswith("SCAN") and not any(how in step for how in looked_up)]
        sorted_apart = [step for step in plan if "TEMP B-TREE FOR ORDER BY" in step]
        assert (scanned, sorted_apart) == ([], []), (statement, plan)


PUBLISHER = """
import sys
from dataclasses import replace
from lamina.catalog.sql import SqlCatalog
from lamina.layers.versions import LayerVersion, StoredArchive
from lamina.names import Digest, LayerArn, Scope

catalog = SqlCatalog.open(sys.argv[1])
layer = LayerArn(Scope("123456789012", "eu-west-1"), "base")
while True:
    with catalog.writing() as transaction:
        number = transaction.layers.next_number(layer)
        archive = StoredArchive(Digest.of(b"%d" % number), number, number)
        transaction.layers.add(LayerVersion(layer.version(number), archive, "now", "x" * 3000))
    print(number, flush=True)
"""


def test_every_acknowledged_publish_survives_kill_9_and_no_number_is_skipped(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    acknowledged = 0
    for kill_after in range(1, 13):
        process = subprocess.Popen([sys.executable, "-c", PUBLISHER, url], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(kill_after):
            acknowledged = int(process.stdout.readline())
        process.kill()
        # What it printed before it died was acknowledged too.
        rest = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        acknowledged = int(rest[-1]) if rest else acknowledged
        catalog = SqlCatalog.open(url)
        with catalog.reading() as transaction:
            listed = transaction.layers.versions(LayerArn(HERE, "base"), CompatibleWith(), below=None, limit=1_000_000)
        catalog.close()
        numbers = [version.arn.number for version in listed]
        # At most the one being committed when the process died is there beyond what it told.
        assert numbers[0] in (acknowledged, acknowledged + 1)
        assert numbers == list(range(numbers[0], 0, -1))
        acknowledged = numbers[0]


def test_the_connections_of_a_crowd_are_closed_when_it_has_gone(tmp_path: Path) -> None:
    catalog = SqlCatalog.open(f"sqlite:///{tmp_path}/catalog.db")

    def opened() -> int:
        # The database itself SQLite keeps open for the next one: to close it would end the locks of all.
        here = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.path.lexists(link) and os.readlink(link) == f"{tmp_path}/catalog.db-wal" for link in here)

    try:
        with ExitStack() as crowd:
            for _ in range(CONNECTIONS_KEPT + 5):
                transaction = crowd.enter_context(catalog.reading())
                transaction.functions.find(HERE, "f")
            assert opened() == CONNECTIONS_KEPT + 5
        assert opened() == CONNECTIONS_KEPT
    finally:
        catalog.close()


def test_what_the_driver_refuses_is_told_as_any_other_failure(tmp_path: Path) -> None:
    """A publish's statements go past SQLAlchemy; whoever looks out for its errors still meets them."""
    catalog = SqlCatalog.open(f"sqlite:///{tmp_path}/c.db")
    nowhere = layer_version("base", 1)
    with pytest.raises(IntegrityError), catalog.writing() as transaction:
        transaction.layers.add(nowhere)
    with sqlite3.connect(tmp_path / "c.db") as other:
        other.execute("DROP TABLE account_totals")
    other.close()
    with pytest.raises(OperationalError), catalog.reading() as transaction:
        transaction.totals.of(HERE)
    catalog.close()
