"""CloudFormation's operations, read and built when somebody first asks for one: most servers are never asked."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING

from lamina.catalog.port import Catalog
from lamina.operations.call import Handler
from lamina.operations.markers import Markers
from lamina.operations.stacks.answers import Answers
from lamina.operations.stacks.clients import Clients
from lamina.operations.stamps import Stamps

if TYPE_CHECKING:
    from lamina.operations.stacks.engine import Engine


class StackHouse:
    """The engine of stacks and what its operations need. `open` and `close` once each, `handlers` in between."""

    def __init__(self, catalog: Catalog, clients: Clients, answers: Answers, markers: Markers, stamps: Stamps) -> None:
        self._catalog, self._clients, self._answers = catalog, clients, answers
        self._markers, self._stamps = markers, stamps
        self._lock = Lock()
        self._engine: Engine | None = None

    def open(self) -> None:
        """Go on with the operations that another server left under way, if it did."""
        with self._catalog.reading() as transaction:
            left = bool(transaction.stacks.busy())
        if left:
            self._built().open()

    def handlers(self) -> Mapping[str, Handler]:
        """Operation name -> handler, for every operation that is built."""
        from lamina.operations.stacks.table import stack_handlers  # noqa: PLC0415 - not needed to start

        return stack_handlers(self._catalog, self._clients, self._built(), self._markers, self._stamps)

    def close(self) -> None:
        """Have operations pause at the next step, and wait for that."""
        if self._engine is not None:
            self._engine.close()

    def _built(self) -> Engine:
        from lamina.operations.stacks.engine import Engine  # noqa: PLC0415 - not needed to start

        with self._lock:
            if self._engine is None:
                self._engine = Engine(self._catalog, self._clients, self._answers, self._stamps)
            return self._engine
