"""The alias operations."""

from __future__ import annotations

from typing import Any

from lamina import errors
from lamina.catalog.functions import Functions
from lamina.catalog.port import Catalog
from lamina.functions import aliases
from lamina.functions.aliases import Alias, describe
from lamina.operations.addresses import alias_not_found, find_function, unqualified_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps

PAGE_MAX = 50


class AliasOperations:
    """Create, read, list, update and delete aliases."""

    def __init__(self, catalog: Catalog, markers: Markers, stamps: Stamps) -> None:
        self._catalog = catalog
        self._markers = markers
        self._stamps = stamps

    def create_alias(self, call: Call, request: Parameters) -> Output:
        function = unqualified_arn(call, "CreateAlias", request["FunctionName"])
        arn = function.qualified(request["Name"])
        with self._catalog.writing() as transaction:
            find_function(transaction.functions, function.qualified(request["FunctionVersion"]))
            if transaction.aliases.find(arn) is not None:
                raise errors.resource_conflict(f"Alias already exists: {arn}")
            alias = aliases.create(arn, request, self._stamps.revision_id())
            _check_leads_somewhere(transaction.functions, alias)
            transaction.aliases.add(alias)
        return describe(alias)

    def get_alias(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "GetAlias", request["FunctionName"]).qualified(request["Name"])
        with self._catalog.reading() as transaction:
            alias = transaction.aliases.find(arn)
        if alias is None:
            raise alias_not_found(arn)
        return describe(alias)

    def list_aliases(self, call: Call, request: Parameters) -> Output:
        function = unqualified_arn(call, "ListAliases", request["FunctionName"])
        version, size = request.get("FunctionVersion"), min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListAliases {function} {version}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        with self._catalog.reading() as transaction:
            find_function(transaction.functions, function)
            found = transaction.aliases.of_function(function, version=version, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"Aliases": [describe(alias) for alias in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [str(shown[-1].arn.qualifier)])
        return output

    def update_alias(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "UpdateAlias", request["FunctionName"]).qualified(request["Name"])
        with self._catalog.writing() as transaction:
            before = transaction.aliases.find(arn)
            if before is None:
                # Another sentence than GetAlias has.
                raise errors.resource_not_found(f"Alias not found: {arn}")
            alias = aliases.update(before, request, self._stamps.revision_id())
            _check_leads_somewhere(transaction.functions, alias)
            transaction.aliases.replace(alias)
        return describe(alias)

    def delete_alias(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "DeleteAlias", request["FunctionName"]).qualified(request["Name"])
        with self._catalog.writing() as transaction:
            # One that is not there is as good as deleted.
            if transaction.aliases.delete(arn) is not None:
                transaction.policies.set_function(arn, None)
                transaction.settings.forget(arn)
        return {}


def _check_leads_somewhere(functions: Functions, alias: Alias) -> None:
    for version in alias.versions:
        find_function(functions, alias.arn.qualified(version))
