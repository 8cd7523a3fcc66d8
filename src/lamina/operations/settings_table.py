"""The operations on what is set on functions beside their configuration: built, and which method answers which."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamina.catalog.port import Catalog
from lamina.functions.concurrency import Quota
from lamina.operations.account_settings import AccountOperations
from lamina.operations.call import Handler
from lamina.operations.code_signing import CodeSigningOperations
from lamina.operations.concurrency import ConcurrencyOperations
from lamina.operations.deliveries import Destinations
from lamina.operations.event_invoke import EventInvokeOperations
from lamina.operations.event_sources import EventSourceOperations
from lamina.operations.markers import Markers
from lamina.operations.provisioned import ProvisionedOperations
from lamina.operations.recursion import RecursionOperations
from lamina.operations.runtime_management import RuntimeManagementOperations
from lamina.operations.stamps import Stamps
from lamina.operations.urls import UrlOperations


def setting_handlers(
    catalog: Catalog,
    provisioned: ProvisionedOperations,
    destinations: Destinations,
    markers: Markers,
    stamps: Stamps,
    quota: Quota,
    remapped: Callable[[str | None], None],
) -> Mapping[str, Handler]:
    """Operation name -> handler. *remapped* is told whenever the mappings of an event source are others."""
    concurrency = ConcurrencyOperations(catalog, quota)
    event_invoke = EventInvokeOperations(catalog, destinations, markers, stamps)
    urls = UrlOperations(catalog, markers, stamps)
    signing = CodeSigningOperations(catalog, markers, stamps)
    runtimes = RuntimeManagementOperations(catalog)
    recursion = RecursionOperations(catalog)
    sources = EventSourceOperations(catalog, markers, stamps, remapped)
    return {
        "PutFunctionConcurrency": concurrency.put_function_concurrency,
        "GetFunctionConcurrency": concurrency.get_function_concurrency,
        "DeleteFunctionConcurrency": concurrency.delete_function_concurrency,
        "PutProvisionedConcurrencyConfig": provisioned.put_provisioned_concurrency_config,
        "GetProvisionedConcurrencyConfig": provisioned.get_provisioned_concurrency_config,
        "ListProvisionedConcurrencyConfigs": provisioned.list_provisioned_concurrency_configs,
        "DeleteProvisionedConcurrencyConfig": provisioned.delete_provisioned_concurrency_config,
        "PutFunctionEventInvokeConfig": event_invoke.put_function_event_invoke_config,
        "UpdateFunctionEventInvokeConfig": event_invoke.update_function_event_invoke_config,
        "GetFunctionEventInvokeConfig": event_invoke.get_function_event_invoke_config,
        "ListFunctionEventInvokeConfigs": event_invoke.list_function_event_invoke_configs,
        "DeleteFunctionEventInvokeConfig": event_invoke.delete_function_event_invoke_config,
        "CreateFunctionUrlConfig": urls.create_function_url_config,
        "GetFunctionUrlConfig": urls.get_function_url_config,
        "UpdateFunctionUrlConfig": urls.update_function_url_config,
        "ListFunctionUrlConfigs": urls.list_function_url_configs,
        "DeleteFunctionUrlConfig": urls.delete_function_url_config,
        "CreateCodeSigningConfig": signing.create_code_signing_config,
        "GetCodeSigningConfig": signing.get_code_signing_config,
        "UpdateCodeSigningConfig": signing.update_code_signing_config,
        "DeleteCodeSigningConfig": signing.delete_code_signing_config,
        "ListCodeSigningConfigs": signing.list_code_signing_configs,
        "PutFunctionCodeSigningConfig": signing.put_function_code_signing_config,
        "GetFunctionCodeSigningConfig": signing.get_function_code_signing_config,
        "DeleteFunctionCodeSigningConfig": signing.delete_function_code_signing_config,
        "ListFunctionsByCodeSigningConfig": signing.list_functions_by_code_signing_config,
        "PutRuntimeManagementConfig": runtimes.put_runtime_management_config,
        "GetRuntimeManagementConfig": runtimes.get_runtime_management_config,
        "PutFunctionRecursionConfig": recursion.put_function_recursion_config,
        "GetFunctionRecursionConfig": recursion.get_function_recursion_config,
        "CreateEventSourceMapping": sources.create_event_source_mapping,
        "GetEventSourceMapping": sources.get_event_source_mapping,
        "ListEventSourceMappings": sources.list_event_source_mappings,
        "UpdateEventSourceMapping": sources.update_event_source_mapping,
        "DeleteEventSourceMapping": sources.delete_event_source_mapping,
        "GetAccountSettings": AccountOperations(catalog, quota).get_account_settings,
    }
