"""Aliases in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from lamina.catalog.schema import aliases
from lamina.catalog.sql_functions import version_number, version_qualifier
from lamina.functions.aliases import Alias
from lamina.names import FunctionArn, Scope


class SqlAliases:
    """`functions.Aliases` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, arn: FunctionArn) -> Alias | None:
        row = self._connection.execute(select(aliases).where(_is(arn))).one_or_none()
        return None if row is None else _alias(row)

    def add(self, alias: Alias) -> None:
        arn = alias.arn
        key = {"account": arn.scope.account, "region": arn.scope.region, "name": arn.name, "alias": arn.qualifier}
        self._connection.execute(insert(aliases).values(**key, **_columns(alias)))

    def replace(self, alias: Alias) -> None:
        changed = self._connection.execute(update(aliases).where(_is(alias.arn)).values(**_columns(alias)))
        assert changed.rowcount == 1, f"{alias.arn} is replaced, but is not there"

    def delete(self, arn: FunctionArn) -> Alias | None:
        found = self.find(arn)
        self._connection.execute(delete(aliases).where(_is(arn)))
        return found

    def of_function(
        self, function: FunctionArn, *, version: str | None = None, after: str | None = None, limit: int
    ) -> Sequence[Alias]:
        query = select(aliases).where(_of(function))
        if version is not None:
            query = query.where(aliases.c.number == version_number(version))
        if after is not None:
            query = query.where(aliases.c.alias > after)
        return [_alias(row) for row in self._connection.execute(query.order_by(aliases.c.alias).limit(limit))]

    def leading_to(self, version: FunctionArn) -> Sequence[Alias]:
        number = version_number(version.qualifier)
        led = or_(aliases.c.number == number, aliases.c.additional_number == number)
        query = select(aliases).where(_of(version), led).order_by(aliases.c.alias)
        return [_alias(row) for row in self._connection.execute(query)]


def _of(function: FunctionArn) -> ColumnElement[bool]:
    return and_(
        aliases.c.account == function.scope.account,
        aliases.c.region == function.scope.region,
        aliases.c.name == function.name,
    )


def _is(arn: FunctionArn) -> ColumnElement[bool]:
    return and_(_of(arn), aliases.c.alias == arn.qualifier)


def _columns(alias: Alias) -> dict[str, Any]:
    other, weight = alias.additional or (None, None)
    return {
        "number": version_number(alias.version),
        "description": alias.description,
        "additional_number": None if other is None else version_number(other),
        "additional_weight": weight,
        "revision_id": alias.revision_id,
    }


def _alias(row: Any) -> Alias:
    additional = None
    if row.additional_number is not None:
        additional = (version_qualifier(row.additional_number), row.additional_weight)
    return Alias(
        arn=FunctionArn(Scope(row.account, row.region), row.name, row.alias),
        version=version_qualifier(row.number),
        description=row.description,
        revision_id=row.revision_id,
        additional=additional,
    )
