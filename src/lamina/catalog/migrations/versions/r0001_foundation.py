"""The first tables: layers, functions, which layers functions use, aliases, policies, queued events, secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = ("account", "region", "name")


def upgrade() -> None:
    """Make every table of revision 0001, in an order in which each finds those it refers to."""
    _table("layers", *_key(), sa.Column("published", sa.Integer, nullable=False))
    _table(
        "layer_versions",
        *_key(),
        _number("number"),
        *_archive(),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("runtimes", sa.Text),
        sa.Column("architectures", sa.Text),
        sa.Column("license_info", sa.Text),
        _refers("layer_versions", "layers", _KEY, None),
    )
    op.create_index("ix_layer_versions_digest", "layer_versions", ["digest"])

    _table("functions", *_key(), sa.Column("tags", sa.JSON, nullable=False))
    _table("function_counters", *_key(), sa.Column("published", sa.Integer, nullable=False))
    _table(
        "function_versions",
        *_key(),
        _number("number"),
        *_archive(),
        sa.Column("configuration", sa.JSON, nullable=False),
        sa.Column("status", sa.JSON, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("revision_id", sa.String(36), nullable=False),
        sa.Column("last_modified", sa.String(40), nullable=False),
        sa.Column("published_from", sa.Text),
        _refers("function_versions", "functions", _KEY, "CASCADE"),
    )
    op.create_index("ix_function_versions_digest", "function_versions", ["digest"])
    op.create_index(
        "ix_function_versions_unsettled",
        "function_versions",
        [*_KEY, "number"],
        sqlite_where=sa.column("settled") == sa.false(),
    )

    _table(
        "function_layers",
        *_key(),
        _number("number"),
        _number("position"),
        sa.Column("layer_account", sa.String(140), nullable=False),
        sa.Column("layer_region", sa.String(140), nullable=False),
        sa.Column("layer_name", sa.String(140), nullable=False),
        sa.Column("layer_number", sa.Integer, nullable=False),
        *_archive(),
        _refers("function_layers", "function_versions", (*_KEY, "number"), "CASCADE"),
    )
    op.create_index(
        "ix_function_layers_layer",
        "function_layers",
        ["layer_account", "layer_region", "layer_name", "layer_number"],
    )
    op.create_index("ix_function_layers_digest", "function_layers", ["digest"])

    _table(
        "function_settings",
        *_strings("account", "region", "kind", "name", "qualifier"),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("target", sa.String(140)),
        _refers("function_settings", "functions", _KEY, "CASCADE"),
    )
    op.create_index("ix_function_settings_function", "function_settings", [*_KEY])
    op.create_index("ix_function_settings_target", "function_settings", ["kind", "target"])
    _table(
        "code_signing_configs",
        *_strings("account", "region", "id"),
        sa.Column("document", sa.JSON, nullable=False),
    )
    _table(
        "event_source_mappings",
        *_strings("account", "region", "id"),
        sa.Column("function", sa.String(140), nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("document", sa.JSON, nullable=False),
    )
    _table(
        "account_totals",
        *_strings("account", "region"),
        sa.Column("functions", sa.Integer, nullable=False),
        sa.Column("code_bytes", sa.BigInteger, nullable=False),
    )

    _table(
        "aliases",
        *_strings(*_KEY, "alias"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("additional_number", sa.Integer),
        sa.Column("additional_weight", sa.Float),
        sa.Column("revision_id", sa.String(36), nullable=False),
        _refers("aliases", "functions", _KEY, "CASCADE"),
    )
    _table(
        "function_policies",
        *_strings(*_KEY, "qualifier"),
        *_policy(),
        _refers("function_policies", "functions", _KEY, "CASCADE"),
    )
    _table(
        "layer_policies",
        *_key(),
        _number("number"),
        *_policy(),
        _refers("layer_policies", "layer_versions", (*_KEY, "number"), "CASCADE"),
    )

    _table("resource_tags", *_strings("account", "region", "resource"), sa.Column("tags", sa.JSON, nullable=False))

    op.create_table(
        "events",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(140), nullable=False),
        sa.Column("region", sa.String(140), nullable=False),
        sa.Column("function", sa.String(140), nullable=False),
        sa.Column("qualifier", sa.String(140)),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("trace_header", sa.Text),
        sa.Column("client_context", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_due_at", "events", ["due_at"])

    op.create_table(
        "secrets",
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
        sqlite_with_rowid=False,
    )


def _table(name: str, *items: sa.Column[object] | sa.Constraint) -> None:
    key = [item.name for item in items if isinstance(item, sa.Column) and item.info.get("key")]
    op.create_table(name, *items, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), sqlite_with_rowid=False)


def _key() -> list[sa.Column[object]]:
    return _strings(*_KEY)


def _strings(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.String(140), nullable=False, info={"key": True}) for name in names]


def _number(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer, nullable=False, autoincrement=False, info={"key": True})


def _archive() -> list[sa.Column[object]]:
    return [
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("zipped_bytes", sa.BigInteger, nullable=False),
        sa.Column("unzipped_bytes", sa.BigInteger, nullable=False),
    ]


def _policy() -> list[sa.Column[object]]:
    return [
        sa.Column("statements", sa.JSON, nullable=False),
        sa.Column("revision_id", sa.String(36), nullable=False),
    ]


def _refers(table: str, other: str, columns: tuple[str, ...], ondelete: str | None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        list(columns),
        [f"{other}.{column}" for column in columns],
        name=f"fk_{table}_{other}",
        ondelete=ondelete,
    )
