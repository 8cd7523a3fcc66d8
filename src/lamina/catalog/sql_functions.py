"""Function versions in SQL, with the layers they use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    false,
    func,
    insert,
    select,
    tuple_,
    update,
)

from lamina.catalog.documents import read_configuration, read_status, write_configuration, write_status
from lamina.catalog.schema import aliases, functions
from lamina.catalog.schema import function_counters as counters
from lamina.catalog.schema import function_layers as uses
from lamina.catalog.schema import function_versions as versions
from lamina.catalog.sql_totals import count
from lamina.functions.versions import Configuration, FunctionVersion, Status
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import LATEST, Digest, FunctionArn, LayerArn, LayerVersionArn, Scope

DIGITS_MAX = 18

# The primary key of a function version; number 0 is $LATEST.
_Key = tuple[str, str, str, int]
# A layer that a version uses, as it stands in a row: that of `_USES`, from the third column on.
_Layer = tuple[Any, ...]
_KEY = tuple_(versions.c.account, versions.c.region, versions.c.name, versions.c.number)
_USER_KEY = tuple_(uses.c.account, uses.c.region, uses.c.name, uses.c.number)
# In the order that `_version` takes them.
_COLUMNS = (
    *_KEY.clauses,
    versions.c.digest,
    versions.c.zipped_bytes,
    versions.c.unzipped_bytes,
    cast(versions.c.configuration, Text),
    cast(versions.c.status, Text),
    versions.c.revision_id,
    versions.c.last_modified,
    versions.c.published_from,
)
_USES = (
    select(
        uses.c.name,
        uses.c.number,
        uses.c.layer_account,
        uses.c.layer_region,
        uses.c.layer_name,
        uses.c.layer_number,
        uses.c.digest,
        uses.c.zipped_bytes,
        uses.c.unzipped_bytes,
    )
    .where(
        uses.c.account == bindparam("account"),
        uses.c.region == bindparam("region"),
        uses.c.name.in_(bindparam("names", expanding=True)),
        uses.c.number.in_(bindparam("numbers", expanding=True)),
    )
    .order_by(uses.c.position)
)


class SqlFunctions:
    """`functions.Functions` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, scope: Scope, name: str, qualifier: str | None = None) -> FunctionVersion | None:
        number = version_number(qualifier)
        if number is None:
            behind = select(aliases.c.number).where(_is(aliases, scope, name), aliases.c.alias == qualifier)
            number = self._connection.scalar(behind)
        if number is None:
            return None
        return self._only(select(*_COLUMNS).where(_is(versions, scope, name), versions.c.number == number))

    def add(self, function: FunctionVersion, tags: Mapping[str, str]) -> None:
        assert function.is_latest
        row = {**_function_key(function.arn), "tags": dict(tags)}
        self._connection.execute(insert(functions).values(**row))
        count(self._connection, function.arn.scope, functions=1)
        self._insert(function)

    def next_number(self, arn: FunctionArn) -> int:
        row = _is(counters, arn.scope, arn.name)
        last = self._connection.scalar(select(counters.c.published).where(row))
        if last is None:
            self._connection.execute(insert(counters).values(**_function_key(arn), published=1))
            return 1
        self._connection.execute(update(counters).where(row).values(published=last + 1))
        return int(last) + 1

    def publish(self, version: FunctionVersion) -> None:
        assert not version.is_latest
        self._insert(version)

    def published_last(self, arn: FunctionArn) -> FunctionVersion | None:
        row = _is(versions, arn.scope, arn.name)
        newest = select(func.max(versions.c.number)).where(row).scalar_subquery()
        return self._only(select(*_COLUMNS).where(row, versions.c.number == newest, versions.c.number > 0))

    def replace(self, function: FunctionVersion) -> None:
        key = _key(function)
        before = self._connection.scalar(select(versions.c.zipped_bytes).where(_KEY.in_([key]))) or 0
        count(self._connection, function.arn.scope, code_bytes=function.code.zipped_bytes - before)
        changed = self._connection.execute(update(versions).where(_KEY.in_([key])).values(**_columns(function)))
        assert changed.rowcount == 1, f"{function.qualified_arn} is replaced, but is not there"
        self._connection.execute(delete(uses).where(_USER_KEY.in_([key])))
        self._insert_uses(function)

    def delete(self, scope: Scope, name: str) -> Sequence[FunctionVersion]:
        gone = self._load(select(*_COLUMNS).where(_is(versions, scope, name)).order_by(versions.c.number))
        # Versions and their layers go with it.
        self._connection.execute(delete(functions).where(_is(functions, scope, name)))
        if gone:
            count(self._connection, scope, functions=-1, code_bytes=-sum(each.code.zipped_bytes for each in gone))
        return gone

    def delete_version(self, scope: Scope, name: str, number: int) -> FunctionVersion | None:
        assert number > 0, "$LATEST goes with its function only"
        row = and_(_is(versions, scope, name), versions.c.number == number)
        gone = self._load(select(*_COLUMNS).where(row))
        self._connection.execute(delete(versions).where(row))
        for each in gone:
            count(self._connection, scope, code_bytes=-each.code.zipped_bytes)
        return gone[0] if gone else None

    def latest(self, scope: Scope, *, after: str | None, limit: int) -> Sequence[FunctionVersion]:
        query = select(*_COLUMNS).where(_in(scope), versions.c.number == 0)
        if after is not None:
            query = query.where(versions.c.name > after)
        return self._load(query.order_by(versions.c.name).limit(limit))

    def versions(self, arn: FunctionArn, *, after: int | None, limit: int) -> Sequence[FunctionVersion]:
        query = select(*_COLUMNS).where(_is(versions, arn.scope, arn.name))
        if after is not None:
            query = query.where(versions.c.number > after)
        return self._load(query.order_by(versions.c.number).limit(limit))

    def all(self, scope: Scope, *, after: tuple[str, int] | None, limit: int) -> Sequence[FunctionVersion]:
        query = select(*_COLUMNS).where(_in(scope))
        if after is not None:
            query = query.where(tuple_(versions.c.name, versions.c.number) > after)
        return self._load(query.order_by(versions.c.name, versions.c.number).limit(limit))

    def unsettled(self) -> Sequence[FunctionVersion]:
        return self._load(select(*_COLUMNS).where(versions.c.settled == false()))

    def consumers(self, layer_version: LayerVersionArn) -> Sequence[FunctionArn]:
        query = select(uses.c.account, uses.c.region, uses.c.name, uses.c.number).where(
            uses.c.layer_account == layer_version.scope.account,
            uses.c.layer_region == layer_version.scope.region,
            uses.c.layer_name == layer_version.layer.name,
            uses.c.layer_number == layer_version.number,
        )
        return sorted(
            FunctionArn(Scope(row.account, row.region), row.name, version_qualifier(row.number))
            for row in self._connection.execute(query)
        )

    def tags(self, scope: Scope, name: str) -> Mapping[str, str]:
        tags = self._connection.scalar(select(functions.c.tags).where(_is(functions, scope, name)))
        return dict(tags or {})

    def set_tags(self, scope: Scope, name: str, tags: Mapping[str, str]) -> None:
        self._connection.execute(update(functions).where(_is(functions, scope, name)).values(tags=dict(tags)))

    def _only(self, query: Select[Any]) -> FunctionVersion | None:
        found = self._load(query)
        return found[0] if found else None

    def _insert(self, function: FunctionVersion) -> None:
        key = {**_function_key(function.arn), "number": _key(function)[-1]}
        self._connection.execute(insert(versions).values(**key, **_columns(function)))
        count(self._connection, function.arn.scope, code_bytes=function.code.zipped_bytes)
        self._insert_uses(function)

    def _insert_uses(self, function: FunctionVersion) -> None:
        rows = [
            {
                **_function_key(function.arn),
                "number": _key(function)[-1],
                "position": position,
                "layer_account": layer.arn.scope.account,
                "layer_region": layer.arn.scope.region,
                "layer_name": layer.arn.layer.name,
                "layer_number": layer.arn.number,
                **_archive(layer.archive),
            }
            for position, layer in enumerate(function.configuration.layers)
        ]
        if rows:
            self._connection.execute(insert(uses), rows)

    def _load(self, query: Select[Any]) -> Sequence[FunctionVersion]:
        rows = self._connection.execute(query).all()
        keys: list[_Key] = [(row[0], row[1], row[2], row[3]) for row in rows]
        layers = self._layers(keys)
        return [_version(row, layers.get(key, ())) for row, key in zip(rows, keys, strict=True)]

    def _layers(self, keys: Sequence[_Key]) -> Mapping[_Key, tuple[_Layer, ...]]:
        names: dict[tuple[str, str], tuple[set[str], set[int]]] = {}
        for account, region, name, number in keys:
            of_scope = names.setdefault((account, region), (set(), set()))
            of_scope[0].add(name)
            of_scope[1].add(number)
        found: dict[_Key, list[_Layer]] = {}
        for (account, region), (wanted, numbers) in names.items():
            # Perhaps those of some versions more: a list of whole keys takes longer to be written than to be answered.
            bound = {"account": account, "region": region, "names": list(wanted), "numbers": list(numbers)}
            for name, number, *layer in self._connection.execute(_USES, bound):
                found.setdefault((account, region, name, number), []).append(tuple(layer))
        return {key: tuple(layers) for key, layers in found.items()}


def version_number(qualifier: str | None) -> int | None:
    """The number that *qualifier* means; None for a name, as no version is called so."""
    if qualifier is None or qualifier == LATEST:
        return 0
    # A version is spelt without leading zeros, so "0" and "01" are none; nor is what no column could hold.
    spelt = qualifier.isascii() and qualifier.isdigit() and qualifier[0] != "0" and len(qualifier) <= DIGITS_MAX
    return int(qualifier) if spelt else None


def version_qualifier(number: int) -> str:
    """How the API spells the version *number*."""
    return LATEST if number == 0 else str(number)


def _key(function: FunctionVersion) -> _Key:
    number = version_number(function.version)
    assert number is not None
    return function.arn.scope.account, function.arn.scope.region, function.arn.name, number


def _function_key(arn: FunctionArn) -> dict[str, str]:
    return {"account": arn.scope.account, "region": arn.scope.region, "name": arn.name}


def _in(scope: Scope) -> ColumnElement[bool]:
    return and_(versions.c.account == scope.account, versions.c.region == scope.region)


def _is(table: Any, scope: Scope, name: str) -> ColumnElement[bool]:
    return and_(table.c.account == scope.account, table.c.region == scope.region, table.c.name == name)


def _archive(archive: StoredArchive) -> dict[str, Any]:
    return {
        "digest": archive.digest.hex,
        "zipped_bytes": archive.zipped_bytes,
        "unzipped_bytes": archive.unzipped_bytes,
    }


def _columns(function: FunctionVersion) -> dict[str, Any]:
    return {
        **_archive(function.code),
        "configuration": write_configuration(function.configuration),
        "status": write_status(function.status),
        "settled": function.status.settled,
        "revision_id": function.revision_id,
        "last_modified": function.last_modified,
        "published_from": function.published_from,
    }


def _attached(layer: _Layer) -> AttachedLayer:
    account, region, name, number, digest, zipped_bytes, unzipped_bytes = layer
    arn = LayerArn(Scope(account, region), name).version(number)
    return AttachedLayer(arn, StoredArchive(Digest(digest), zipped_bytes, unzipped_bytes))


def _version(row: Any, layers: tuple[_Layer, ...]) -> FunctionVersion:
    # By position: a row's names are looked up one by one, which for a page takes as long as to read it.
    (
        account, region, name, number, digest, zipped_bytes, unzipped_bytes,
        configuration, status, revision_id, last_modified, published_from,
    ) = row  # fmt: skip
    return FunctionVersion(
        arn=FunctionArn(Scope(account, region), name),
        version=version_qualifier(number),
        configuration=_configuration(configuration, layers),
        code=StoredArchive(Digest(digest), zipped_bytes, unzipped_bytes),
        status=_status(status),
        revision_id=revision_id,
        last_modified=last_modified,
        published_from=published_from,
    )


# Lists are asked for again and again, and what they show of a function seldom changes. One takes three kilobytes.
@lru_cache(maxsize=1024)
def _configuration(text: str, layers: tuple[_Layer, ...]) -> Configuration:
    return read_configuration(json.loads(text), tuple(map(_attached, layers)))


@lru_cache(maxsize=64)
def _status(text: str) -> Status:
    return read_status(json.loads(text))
