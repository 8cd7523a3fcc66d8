"""Running totals of what an account has in a region, kept up with every row that adds to them or takes away."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, select, update

from lamina.catalog.prepared import Prepared
from lamina.catalog.schema import account_totals as totals
from lamina.catalog.storage import Totals
from lamina.names import Scope


class SqlTotals:
    """`storage.AccountTotals` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, scope: Scope) -> Totals:
        row = _OF(self._connection, _key(scope)).fetchone()
        return Totals() if row is None else Totals(*row)


def count(connection: Connection, scope: Scope, *, functions: int = 0, code_bytes: int = 0) -> None:
    """Add to the totals of *scope*; negative numbers take away."""
    added = {"more_functions": functions, "more_bytes": code_bytes}
    if _ADD(connection, {**_key(scope), **added}).rowcount == 0:
        whose = {"account": scope.account, "region": scope.region}
        _BEGIN(connection, {**whose, "functions": functions, "code_bytes": code_bytes})


def _key(scope: Scope) -> dict[str, str]:
    return {"of_account": scope.account, "of_region": scope.region}


_IS = and_(totals.c.account == bindparam("of_account"), totals.c.region == bindparam("of_region"))
_OF = Prepared(select(totals.c.functions, totals.c.code_bytes).where(_IS))
_BEGIN = Prepared(totals)
_ADD = Prepared(
    update(totals)
    .where(_IS)
    .values(
        functions=totals.c.functions + bindparam("more_functions"),
        code_bytes=totals.c.code_bytes + bindparam("more_bytes"),
    )
)
