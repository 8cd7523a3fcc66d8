"""Running totals of what an account has in a region, kept up with every row that adds to them or takes away."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from lamina.catalog.port import Totals
from lamina.catalog.schema import account_totals as totals
from lamina.names import Scope


class SqlTotals:
    """`port.AccountTotals` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, scope: Scope) -> Totals:
        row = self._connection.execute(select(totals).where(_is(scope))).one_or_none()
        return Totals() if row is None else Totals(row.functions, row.code_bytes)


def count(connection: Connection, scope: Scope, *, functions: int = 0, code_bytes: int = 0) -> None:
    """Add to the totals of *scope*; negative numbers take away."""
    added = {"functions": totals.c.functions + functions, "code_bytes": totals.c.code_bytes + code_bytes}
    if connection.execute(update(totals).where(_is(scope)).values(**added)).rowcount == 0:
        connection.execute(
            insert(totals).values(
                account=scope.account, region=scope.region, functions=functions, code_bytes=code_bytes
            )
        )


def _is(scope: Scope) -> ColumnElement[bool]:
    return and_(totals.c.account == scope.account, totals.c.region == scope.region)
