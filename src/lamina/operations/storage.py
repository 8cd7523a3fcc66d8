"""Room for archives: what an account has stored, and whether one more fits."""

from __future__ import annotations

from lamina.catalog.storage import AccountTotals
from lamina.layers import sizes
from lamina.names import Scope


def check_room(totals: AccountTotals, scope: Scope, added_bytes: int) -> None:
    """Raise AWS's error if *scope* may not store *added_bytes* more, in the transaction that would record them."""
    sizes.check_stored(totals.of(scope).code_bytes, added_bytes)
