"""What is set on functions beside their configuration, the configurations they share, and event source mappings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from lamina.catalog.schema import code_signing_configs as signing
from lamina.catalog.schema import event_source_mappings as mappings
from lamina.catalog.schema import function_settings as settings
from lamina.catalog.settings import CodeSigning, Kind, Mapped, Setting
from lamina.names import FunctionArn, Scope


class SqlSettings:
    """`settings.Settings` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, kind: Kind, function: FunctionArn) -> Setting | None:
        row = self._connection.execute(select(settings).where(_is(kind, function))).one_or_none()
        return None if row is None else _setting(row)

    def put(self, setting: Setting) -> None:
        values = {"document": dict(setting.document), "target": setting.target}
        where = _is(setting.kind, setting.function)
        if self._connection.execute(update(settings).where(where).values(**values)).rowcount == 0:
            self._connection.execute(insert(settings).values(**_key(setting.kind, setting.function), **values))

    def delete(self, kind: Kind, function: FunctionArn) -> Setting | None:
        gone = self.get(kind, function)
        if gone is not None:
            self._connection.execute(delete(settings).where(_is(kind, function)))
        return gone

    def forget(self, function: FunctionArn) -> None:
        self._connection.execute(
            delete(settings).where(_of(function), settings.c.qualifier == (function.qualifier or ""))
        )

    def of_function(
        self, kind: Kind, function: FunctionArn, *, after: str | None = None, limit: int | None = None
    ) -> Sequence[Setting]:
        query = select(settings).where(settings.c.kind == kind, _of(function)).order_by(settings.c.qualifier)
        if after is not None:
            query = query.where(settings.c.qualifier > after)
        if limit is not None:
            query = query.limit(limit)
        return [_setting(row) for row in self._connection.execute(query)]

    def of_scope(self, kind: Kind, scope: Scope) -> Sequence[Setting]:
        query = select(settings).where(settings.c.kind == kind, _within(settings, scope))
        return [_setting(row) for row in self._connection.execute(query)]

    def everywhere(self, kind: Kind) -> Sequence[Setting]:
        return [_setting(row) for row in self._connection.execute(select(settings).where(settings.c.kind == kind))]

    def naming(self, kind: Kind, target: str) -> Sequence[Setting]:
        query = (
            select(settings)
            .where(settings.c.kind == kind, settings.c.target == target)
            .order_by(settings.c.account, settings.c.region, settings.c.name)
        )
        return [_setting(row) for row in self._connection.execute(query)]


class SqlCodeSignings:
    """`settings.CodeSignings` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, scope: Scope, config_id: str) -> CodeSigning | None:
        where = and_(_within(signing, scope), signing.c.id == config_id)
        row = self._connection.execute(select(signing).where(where)).one_or_none()
        return None if row is None else CodeSigning(scope, row.id, row.document)

    def put(self, config: CodeSigning) -> None:
        where = and_(_within(signing, config.scope), signing.c.id == config.id)
        values = {"document": dict(config.document)}
        if self._connection.execute(update(signing).where(where).values(**values)).rowcount == 0:
            self._connection.execute(
                insert(signing).values(account=config.scope.account, region=config.scope.region, id=config.id, **values)
            )

    def delete(self, scope: Scope, config_id: str) -> None:
        self._connection.execute(delete(signing).where(_within(signing, scope), signing.c.id == config_id))

    def all(self, scope: Scope, *, after: str | None, limit: int) -> Sequence[CodeSigning]:
        query = select(signing).where(_within(signing, scope), signing.c.id > (after or ""))
        rows = self._connection.execute(query.order_by(signing.c.id).limit(limit))
        return [CodeSigning(scope, row.id, row.document) for row in rows]


class SqlMappings:
    """`settings.Mappings` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, scope: Scope, mapping_id: str) -> Mapped | None:
        where = and_(_within(mappings, scope), mappings.c.id == mapping_id)
        row = self._connection.execute(select(mappings).where(where)).one_or_none()
        return None if row is None else _mapped(row)

    def put(self, mapping: Mapped) -> None:
        where = and_(_within(mappings, mapping.scope), mappings.c.id == mapping.id)
        values = {"function": mapping.function, "source": mapping.source, "document": dict(mapping.document)}
        if self._connection.execute(update(mappings).where(where).values(**values)).rowcount == 0:
            scope = mapping.scope
            row = {"account": scope.account, "region": scope.region, "id": mapping.id}
            self._connection.execute(insert(mappings).values(**row, **values))

    def delete(self, scope: Scope, mapping_id: str) -> None:
        self._connection.execute(delete(mappings).where(_within(mappings, scope), mappings.c.id == mapping_id))

    def all(
        self, scope: Scope, function: str | None, source: str | None, *, after: str | None, limit: int
    ) -> Sequence[Mapped]:
        query = select(mappings).where(_within(mappings, scope), mappings.c.id > (after or ""))
        if function is not None:
            query = query.where(mappings.c.function == function)
        if source is not None:
            query = query.where(mappings.c.source == source)
        return [_mapped(row) for row in self._connection.execute(query.order_by(mappings.c.id).limit(limit))]


def _key(kind: Kind, function: FunctionArn) -> dict[str, str]:
    return {
        "account": function.scope.account,
        "region": function.scope.region,
        "kind": kind,
        "name": function.name,
        "qualifier": function.qualifier or "",
    }


def _is(kind: Kind, function: FunctionArn) -> ColumnElement[bool]:
    return and_(*(settings.c[name] == value for name, value in _key(kind, function).items()))


def _of(function: FunctionArn) -> ColumnElement[bool]:
    return and_(_within(settings, function.scope), settings.c.name == function.name)


def _within(table: Any, scope: Scope) -> ColumnElement[bool]:
    return and_(table.c.account == scope.account, table.c.region == scope.region)


def _setting(row: Any) -> Setting:
    function = FunctionArn(Scope(row.account, row.region), row.name, row.qualifier or None)
    return Setting(Kind(row.kind), function, row.document, row.target)


def _mapped(row: Any) -> Mapped:
    return Mapped(Scope(row.account, row.region), row.id, row.function, row.source, row.document)
