"""What an account may have, and what it has."""

from __future__ import annotations

from lamina.catalog.port import Catalog
from lamina.functions.concurrency import Quota
from lamina.layers import sizes
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.concurrency import claims


class AccountOperations:
    """GetAccountSettings."""

    def __init__(self, catalog: Catalog, quota: Quota) -> None:
        self._catalog = catalog
        self._quota = quota

    def get_account_settings(self, call: Call, _request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            totals = transaction.totals.of(call.scope)
            reserved = claims(transaction, call.scope).reserved_sum
        return {
            "AccountLimit": {
                "TotalCodeSize": sizes.STORED_BYTES_MAX,
                "CodeSizeUnzipped": sizes.UNZIPPED_BYTES_MAX,
                "CodeSizeZipped": sizes.UPLOADED_BYTES_MAX,
                "ConcurrentExecutions": self._quota.concurrent,
                "UnreservedConcurrentExecutions": self._quota.concurrent - reserved,
            },
            "AccountUsage": {"TotalCodeSize": totals.code_bytes, "FunctionCount": totals.functions},
        }
