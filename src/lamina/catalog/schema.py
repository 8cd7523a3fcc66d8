"""The catalog's tables, as docs/formats/catalog.md describes them.

Natural keys throughout: whatever the API lists, it lists in the order of a primary key, so a page of a list is one
range of one index, and what a function uses is found without a join.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

# The migration that makes a database like the tables below; what a new database is marked with.
REVISION = "0003"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str) -> Column[str]:
    return Column(name, String(140), primary_key=True)


def _number(name: str) -> Column[int]:
    # SQLite would make a lone integer key its rowid and count it up for us; numbers here are always given.
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _archive() -> tuple[Column[str], Column[int], Column[int]]:
    return (
        Column("digest", String(64), nullable=False),
        Column("zipped_bytes", BigInteger, nullable=False),
        Column("unzipped_bytes", BigInteger, nullable=False),
    )


layers = Table(
    "layers",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    # The number of the version published last. The row stays when versions are deleted.
    Column("published", Integer, nullable=False),
    sqlite_with_rowid=False,
)

layer_versions = Table(
    "layer_versions",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    _number("number"),
    *_archive(),
    Column("created", String(40), nullable=False),
    Column("description", Text),
    # ",python3.12,python3.13," so that one LIKE finds one of them; "," when given as empty; NULL when not given.
    Column("runtimes", Text),
    Column("architectures", Text),
    Column("license_info", Text),
    ForeignKeyConstraint(["account", "region", "name"], ["layers.account", "layers.region", "layers.name"]),
    Index(None, "digest"),
    sqlite_with_rowid=False,
)

functions = Table(
    "functions",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    Column("tags", JSON, nullable=False),
    sqlite_with_rowid=False,
)

# Apart from functions, because AWS does not use a number again even after the function was deleted and created anew.
function_counters = Table(
    "function_counters",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    # The number of the version published last.
    Column("published", Integer, nullable=False),
    sqlite_with_rowid=False,
)

function_versions = Table(
    "function_versions",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    # 0 is $LATEST.
    _number("number"),
    *_archive(),
    Column("configuration", JSON, nullable=False),
    Column("status", JSON, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("revision_id", String(36), nullable=False),
    Column("last_modified", String(40), nullable=False),
    # The description $LATEST had when the version was made of it; NULL for $LATEST.
    Column("published_from", Text),
    ForeignKeyConstraint(
        ["account", "region", "name"],
        ["functions.account", "functions.region", "functions.name"],
        ondelete="CASCADE",
    ),
    Index(None, "digest"),
    sqlite_with_rowid=False,
)
Index(
    "ix_function_versions_unsettled",
    function_versions.c.account,
    function_versions.c.region,
    function_versions.c.name,
    function_versions.c.number,
    sqlite_where=function_versions.c.settled == false(),
)

function_layers = Table(
    "function_layers",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    _number("number"),
    # 0 is the bottom layer.
    _number("position"),
    Column("layer_account", String(140), nullable=False),
    Column("layer_region", String(140), nullable=False),
    Column("layer_name", String(140), nullable=False),
    Column("layer_number", Integer, nullable=False),
    *_archive(),
    ForeignKeyConstraint(
        ["account", "region", "name", "number"],
        [
            "function_versions.account",
            "function_versions.region",
            "function_versions.name",
            "function_versions.number",
        ],
        ondelete="CASCADE",
    ),
    # No foreign key to layer_versions: a function keeps running a version that was deleted.
    Index("ix_function_layers_layer", "layer_account", "layer_region", "layer_name", "layer_number"),
    Index(None, "digest"),
    sqlite_with_rowid=False,
)

# What is set on a function, or on one version or alias of it, beside its configuration: one row for each.
function_settings = Table(
    "function_settings",
    metadata,
    _key("account"),
    _key("region"),
    _key("kind"),
    _key("name"),
    # "" is the function itself.
    _key("qualifier"),
    Column("document", JSON, nullable=False),
    # What it can be found by, where that is not the function: the identifier of a URL, of a code signing config.
    Column("target", String(140)),
    ForeignKeyConstraint(
        ["account", "region", "name"],
        ["functions.account", "functions.region", "functions.name"],
        ondelete="CASCADE",
    ),
    Index("ix_function_settings_function", "account", "region", "name"),
    Index("ix_function_settings_target", "kind", "target"),
    sqlite_with_rowid=False,
)

code_signing_configs = Table(
    "code_signing_configs",
    metadata,
    _key("account"),
    _key("region"),
    _key("id"),
    Column("document", JSON, nullable=False),
    sqlite_with_rowid=False,
)

event_source_mappings = Table(
    "event_source_mappings",
    metadata,
    _key("account"),
    _key("region"),
    _key("id"),
    # Without a foreign key: a mapping outlives its function.
    Column("function", String(140), nullable=False),
    Column("source", Text),
    Column("document", JSON, nullable=False),
    sqlite_with_rowid=False,
)

account_totals = Table(
    "account_totals",
    metadata,
    _key("account"),
    _key("region"),
    Column("functions", Integer, nullable=False),
    Column("code_bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

aliases = Table(
    "aliases",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    _key("alias"),
    # 0 is $LATEST.
    Column("number", Integer, nullable=False),
    Column("description", Text, nullable=False),
    # NULL when every invocation goes to `number`.
    Column("additional_number", Integer),
    Column("additional_weight", Float),
    Column("revision_id", String(36), nullable=False),
    ForeignKeyConstraint(
        ["account", "region", "name"],
        ["functions.account", "functions.region", "functions.name"],
        ondelete="CASCADE",
    ),
    sqlite_with_rowid=False,
)

function_policies = Table(
    "function_policies",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    # A version's number or an alias's name; empty for the function itself.
    _key("qualifier"),
    # The statements' JSON texts, in the order they were added.
    Column("statements", JSON, nullable=False),
    Column("revision_id", String(36), nullable=False),
    ForeignKeyConstraint(
        ["account", "region", "name"],
        ["functions.account", "functions.region", "functions.name"],
        ondelete="CASCADE",
    ),
    sqlite_with_rowid=False,
)

layer_policies = Table(
    "layer_policies",
    metadata,
    _key("account"),
    _key("region"),
    _key("name"),
    _number("number"),
    Column("statements", JSON, nullable=False),
    Column("revision_id", String(36), nullable=False),
    ForeignKeyConstraint(
        ["account", "region", "name", "number"],
        ["layer_versions.account", "layer_versions.region", "layer_versions.name", "layer_versions.number"],
        ondelete="CASCADE",
    ),
    sqlite_with_rowid=False,
)

resource_tags = Table(
    "resource_tags",
    metadata,
    _key("account"),
    _key("region"),
    # As an ARN ends: "event-source-mapping:<uuid>". Functions have their tags beside them.
    _key("resource"),
    Column("tags", JSON, nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(140), nullable=False),
    Column("region", String(140), nullable=False),
    Column("function", String(140), nullable=False),
    Column("qualifier", String(140)),
    Column("payload", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("trace_header", Text),
    Column("client_context", Text),
    Index(None, "due_at"),
)

# Messages that another AWS service is to be sent about events that are over.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("target", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Index(None, "due_at"),
)

# CloudFormation's: the document holds what nothing is found by.
stacks = Table(
    "stacks",
    metadata,
    Column("id", String(300), primary_key=True),
    Column("account", String(140), nullable=False),
    Column("region", String(140), nullable=False),
    Column("name", String(140), nullable=False),
    Column("status", String(140), nullable=False),
    Column("busy", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("deleted_at", Float),
    Column("document", JSON, nullable=False),
    Index(None, "account", "region", "name"),
)

stack_events = Table(
    "stack_events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("stack_id", String(300), nullable=False),
    Column("document", JSON, nullable=False),
    Index(None, "stack_id", "number"),
)

change_sets = Table(
    "change_sets",
    metadata,
    Column("id", String(300), primary_key=True),
    Column("stack_id", String(300), nullable=False),
    Column("document", JSON, nullable=False),
    Index(None, "stack_id"),
)

secrets = Table(
    "secrets",
    metadata,
    _key("name"),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
