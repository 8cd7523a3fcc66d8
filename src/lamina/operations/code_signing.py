"""Code signing configurations, and which functions have one."""

from __future__ import annotations

import secrets
import string
from typing import Any

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import CodeSigning, Kind, Setting
from lamina.functions import code_signing
from lamina.functions.configuring import check_tags
from lamina.names import FunctionArn
from lamina.operations.addresses import find_function, function_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps

PAGE_MAX = 50
_ID_CHARACTERS = string.ascii_lowercase + string.digits


class CodeSigningOperations:
    """Create, read, change and delete configurations; give them to functions and take them away."""

    def __init__(self, catalog: Catalog, markers: Markers, stamps: Stamps) -> None:
        self._catalog = catalog
        self._markers = markers
        self._stamps = stamps

    def create_code_signing_config(self, call: Call, request: Parameters) -> Output:
        tags = request.get("Tags") or {}
        check_tags(tags)
        config_id = "csc-" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(17))
        config = CodeSigning(call.scope, config_id, code_signing.changed({}, request, self._stamps.text()))
        with self._catalog.writing() as transaction:
            transaction.code_signings.put(config)
            transaction.tags.set(config.scope, code_signing.resource(config.id), tags)
        return _described(config)

    def get_code_signing_config(self, call: Call, request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            return _described(_find(transaction, call, request))

    def update_code_signing_config(self, call: Call, request: Parameters) -> Output:
        with self._catalog.writing() as transaction:
            before = _find(transaction, call, request)
            document = code_signing.changed(before.document, request, self._stamps.text())
            after = CodeSigning(before.scope, before.id, document)
            transaction.code_signings.put(after)
        return _described(after)

    def delete_code_signing_config(self, call: Call, request: Parameters) -> Output:
        with self._catalog.writing() as transaction:
            config = _find(transaction, call, request)
            if transaction.settings.naming(Kind.CODE_SIGNING, config.id):
                raise errors.resource_conflict(
                    f"The code signing configuration {request['CodeSigningConfigArn']} cannot be deleted "
                    "while functions use it."
                )
            transaction.code_signings.delete(config.scope, config.id)
            transaction.tags.set(config.scope, code_signing.resource(config.id), {})
        return {}

    def list_code_signing_configs(self, call: Call, request: Parameters) -> Output:
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListCodeSigningConfigs {call.scope}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        with self._catalog.reading() as transaction:
            found = transaction.code_signings.all(call.scope, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"CodeSigningConfigs": [_described(each)["CodeSigningConfig"] for each in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].id])
        return output

    def put_function_code_signing_config(self, call: Call, request: Parameters) -> Output:
        arn = _function(call, "PutFunctionCodeSigningConfig", request)
        with self._catalog.writing() as transaction:
            find_function(transaction.functions, arn)
            attach(transaction, arn, request["CodeSigningConfigArn"])
        return {"CodeSigningConfigArn": request["CodeSigningConfigArn"], "FunctionName": arn.name}

    def get_function_code_signing_config(self, call: Call, request: Parameters) -> Output:
        arn = _function(call, "GetFunctionCodeSigningConfig", request)
        with self._catalog.reading() as transaction:
            find_function(transaction.functions, arn)
            setting = transaction.settings.get(Kind.CODE_SIGNING, arn)
        if setting is None or setting.target is None:
            # So AWS answers where there is none, whatever the model calls required.
            return {}
        return {"CodeSigningConfigArn": code_signing.arn(arn.scope, setting.target), "FunctionName": arn.name}

    def delete_function_code_signing_config(self, call: Call, request: Parameters) -> Output:
        arn = _function(call, "DeleteFunctionCodeSigningConfig", request)
        with self._catalog.writing() as transaction:
            find_function(transaction.functions, arn)
            transaction.settings.delete(Kind.CODE_SIGNING, arn)
        return {}

    def list_functions_by_code_signing_config(self, call: Call, request: Parameters) -> Output:
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListFunctionsByCodeSigningConfig {request['CodeSigningConfigArn']}"
        position = self._markers.read(of_list, request.get("Marker"))
        with self._catalog.reading() as transaction:
            config = _find(transaction, call, request)
            users = transaction.settings.naming(Kind.CODE_SIGNING, config.id)
        behind = [user for user in users if position is None or user.function.name > str(position[0])]
        shown, more = page(behind, size)
        output: dict[str, Any] = {"FunctionArns": [str(user.function) for user in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].function.name])
        return output


def attach(transaction: Transaction, function: FunctionArn, config_arn: str) -> None:
    """Give *function* the configuration; AWS's error if there is none of that ARN."""
    config_id = code_signing.config_id(config_arn)
    if code_signing.arn(function.scope, config_id) != config_arn:
        raise code_signing.not_attachable(config_arn)
    if transaction.code_signings.get(function.scope, config_id) is None:
        raise code_signing.not_attachable(config_arn)
    transaction.settings.put(Setting(Kind.CODE_SIGNING, function.unqualified, {}, config_id))


def check_unsigned(transaction: Transaction, function: FunctionArn) -> None:
    """Raise AWS's error if *function* takes signed archives only."""
    setting = transaction.settings.get(Kind.CODE_SIGNING, function.unqualified)
    if setting is not None and setting.target is not None:
        config = transaction.code_signings.get(function.scope, setting.target)
        code_signing.check_unsigned(None if config is None else config.document, function.name)


def _find(transaction: Transaction, call: Call, request: Parameters) -> CodeSigning:
    text = request["CodeSigningConfigArn"]
    config_id = code_signing.config_id(text)
    found = transaction.code_signings.get(call.scope, config_id)
    if found is None or code_signing.arn(call.scope, config_id) != text:
        raise code_signing.not_found(text)
    return found


def _described(config: CodeSigning) -> dict[str, Any]:
    return {"CodeSigningConfig": code_signing.describe(config.scope, config.id, config.document)}


def _function(call: Call, operation: str, request: Parameters) -> FunctionArn:
    return function_arn(call, operation, request["FunctionName"]).unqualified
