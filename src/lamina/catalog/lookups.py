"""Functions as the invoke path looks them up: from memory, as long as no function has changed.

A look-up in SQL takes about 300 µs, which is more than the rest of a warm invocation.
"""

from __future__ import annotations

from lamina.catalog.port import Catalog
from lamina.functions.versions import FunctionVersion
from lamina.names import Scope

_Asked = tuple[Scope, str, str | None]


class FunctionLookups:
    """`find` of `port.Functions`, remembered. Usable from any thread.

    Sees every change that was acknowledged before the call. It relies on one process at a time writing the catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        # What was found, and the count of changes it was found at; always replaced as one.
        self._remembered: tuple[int, dict[_Asked, FunctionVersion]] = (-1, {})

    def find(self, scope: Scope, name: str, qualifier: str | None = None) -> FunctionVersion | None:
        """The version that *qualifier* means, `$LATEST` when it is None; None if there is none.

        Without a look into the database when nothing changed since the last time, else one that may wait for the disk.
        """
        found = self.find_nowait(scope, name, qualifier)
        if found is None:
            # Counted before it is read: a change that comes in between makes what is remembered here void.
            found_at = self._catalog.function_changes
            with self._catalog.reading() as transaction:
                found = transaction.functions.find(scope, name, qualifier)
            if found is not None:
                self._remember(found_at, (scope, name, qualifier), found)
        return found

    def find_nowait(self, scope: Scope, name: str, qualifier: str | None = None) -> FunctionVersion | None:
        """The version, if it is remembered; None says nothing about whether it exists."""
        remembered_at, versions = self._remembered
        if remembered_at != self._catalog.function_changes:
            return None
        return versions.get((scope, name, qualifier))

    def _remember(self, found_at: int, asked: _Asked, found: FunctionVersion) -> None:
        remembered_at, versions = self._remembered
        if remembered_at == found_at:
            versions[asked] = found
        elif remembered_at < found_at:
            self._remembered = (found_at, {asked: found})
