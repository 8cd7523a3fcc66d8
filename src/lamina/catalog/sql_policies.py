"""Resource policies in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, insert, select

from lamina.catalog.schema import function_policies, layer_policies
from lamina.catalog.sql_layers import NUMBER_MAX
from lamina.layers.policies import Policy, Statement
from lamina.names import FunctionArn, LayerVersionArn


class SqlPolicies:
    """`resources.Policies` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_function(self, arn: FunctionArn) -> Policy | None:
        return self._get(function_policies, _function_key(arn))

    def set_function(self, arn: FunctionArn, policy: Policy | None) -> None:
        self._set(function_policies, _function_key(arn), policy)

    def of_layer(self, arn: LayerVersionArn) -> Policy | None:
        return None if arn.number > NUMBER_MAX else self._get(layer_policies, _layer_key(arn))

    def set_layer(self, arn: LayerVersionArn, policy: Policy | None) -> None:
        self._set(layer_policies, _layer_key(arn), policy)

    def _get(self, table: Table, key: Mapping[str, Any]) -> Policy | None:
        row = self._connection.execute(select(table).where(_is(table, key))).one_or_none()
        if row is None:
            return None
        statements = tuple(Statement(json.loads(text)["Sid"], text) for text in row.statements)
        return Policy(statements, row.revision_id)

    def _set(self, table: Table, key: Mapping[str, Any], policy: Policy | None) -> None:
        self._connection.execute(delete(table).where(_is(table, key)))
        if policy is not None:
            texts = [statement.text for statement in policy.statements]
            self._connection.execute(insert(table).values(**key, statements=texts, revision_id=policy.revision_id))


def _function_key(arn: FunctionArn) -> dict[str, Any]:
    return {
        "account": arn.scope.account,
        "region": arn.scope.region,
        "name": arn.name,
        "qualifier": arn.qualifier or "",
    }


def _layer_key(arn: LayerVersionArn) -> dict[str, Any]:
    return {
        "account": arn.scope.account,
        "region": arn.scope.region,
        "name": arn.layer.name,
        "number": arn.number,
    }


def _is(table: Table, key: Mapping[str, Any]) -> Any:
    return and_(*(table.c[name] == value for name, value in key.items()))
