"""Running totals of what an account has in a region, kept up with every row that adds to them or takes away."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from lamina.catalog.schema import account_totals as totals
from lamina.catalog.storage import Totals
from lamina.names import Scope


class SqlTotals:
    """`storage.AccountTotals` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, scope: Scope) -> Totals:
        row = self._connection.execute(_OF, _key(scope)).one_or_none()
        return Totals() if row is None else Totals(row.functions, row.code_bytes)


def count(connection: Connection, scope: Scope, *, functions: int = 0, code_bytes: int = 0) -> None:
    """Add to the totals of *scope*; negative numbers take away."""
    added = {"more_functions": functions, "more_bytes": code_bytes}
    if connection.execute(_ADD, {**_key(scope), **added}).rowcount == 0:
        row = {"account": scope.account, "region": scope.region, "functions": functions, "code_bytes": code_bytes}
        connection.execute(insert(totals), row)


def _key(scope: Scope) -> dict[str, str]:
    return {"of_account": scope.account, "of_region": scope.region}


# Put together once: for every change there is to be counted that takes longer than to carry it out.
_IS = and_(totals.c.account == bindparam("of_account"), totals.c.region == bindparam("of_region"))
_OF = select(totals).where(_IS)
_ADD = (
    update(totals)
    .where(_IS)
    .values(
        functions=totals.c.functions + bindparam("more_functions"),
        code_bytes=totals.c.code_bytes + bindparam("more_bytes"),
    )
)
