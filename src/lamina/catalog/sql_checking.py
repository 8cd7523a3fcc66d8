"""Whether a catalog in SQL is sound in itself, and what depends on an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select, text

from lamina.catalog.schema import account_totals, function_layers, function_versions, functions, layer_versions
from lamina.catalog.storage import Consisting
from lamina.names import Digest, FunctionArn, LayerArn, Scope


class SqlChecking:
    """`storage.Checking` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def faults(self) -> Sequence[str]:
        integrity = [str(line) for line in self._connection.scalars(text("PRAGMA integrity_check"))]
        orphans = self._connection.execute(text("PRAGMA foreign_key_check")).all()
        return [
            *(line for line in integrity if line != "ok"),
            *(f"a row of {row[0]} belongs to one of {row[2]} that is not there" for row in orphans),
        ]

    def wrong_totals(self) -> Sequence[Scope]:
        rows = self._connection.execute(select(account_totals))
        kept = {(row.account, row.region): (row.functions, row.code_bytes) for row in rows}
        counted = self._counted()
        return [
            Scope(*scope)
            for scope in sorted({*kept, *counted})
            if kept.get(scope, (0, 0)) != counted.get(scope, (0, 0))
        ]

    def count_again(self) -> None:
        self._connection.execute(delete(account_totals))
        for (account, region), (number, code_bytes) in self._counted().items():
            row = {"account": account, "region": region, "functions": number, "code_bytes": code_bytes}
            self._connection.execute(insert(account_totals), row)

    def archives(self) -> Mapping[Digest, Consisting]:
        found: dict[Digest, Consisting] = {}

        def of(row: object) -> Consisting:
            digest = Digest(row.digest)  # type: ignore[attr-defined]  # a row of each of the tables below
            return found.setdefault(digest, Consisting(row.zipped_bytes))  # type: ignore[attr-defined]

        for row in self._connection.execute(select(layer_versions)):
            of(row).arns.append(str(LayerArn(Scope(row.account, row.region), row.name).version(row.number)))
        for row in self._connection.execute(select(function_versions)):
            of(row).arns.append(_function(row.account, row.region, row.name, row.number))
        for row in self._connection.execute(select(function_layers)):
            of(row).arns.append(_function(row.account, row.region, row.name, row.number))
        return found

    def _counted(self) -> dict[tuple[str, str], tuple[int, int]]:
        numbers: dict[tuple[str, str], int] = {}
        code_bytes: dict[tuple[str, str], int] = {}
        place = functions.c.account, functions.c.region
        for account, region, number in self._connection.execute(select(*place, func.count()).group_by(*place)):
            numbers[account, region] = number
        for table in (layer_versions, function_versions):
            place = table.c.account, table.c.region
            sums = select(*place, func.sum(table.c.zipped_bytes)).group_by(*place)
            for account, region, size in self._connection.execute(sums):
                code_bytes[account, region] = code_bytes.get((account, region), 0) + int(size)
        return {scope: (numbers.get(scope, 0), code_bytes.get(scope, 0)) for scope in {*numbers, *code_bytes}}


def _function(account: str, region: str, name: str, number: int) -> str:
    return str(FunctionArn(Scope(account, region), name, "$LATEST" if number == 0 else str(number)))
