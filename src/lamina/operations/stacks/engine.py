"""Operations on stacks under way: each in a thread of its own, taken up again when the server starts."""

from __future__ import annotations

import logging
import threading
import time

from lamina.catalog.port import Catalog
from lamina.operations.stacks.answers import Answers
from lamina.operations.stacks.clients import Clients
from lamina.operations.stacks.hands import Interrupted, Means
from lamina.operations.stacks.kinds.table import kind_of
from lamina.operations.stacks.run import Run
from lamina.operations.stamps import Stamps
from lamina.stacks.stack import Stack

# How long whoever asked for an operation waits for its end, at most. Tools ask for a stack's status at once, and where
# it is not done they sleep for as long as such things take on AWS: the aws command for half a minute.
_PATIENCE_SECONDS = 2.0
_ENDING_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Engine:
    """Carries stacks' operations out."""

    def __init__(self, catalog: Catalog, clients: Clients, answers: Answers, stamps: Stamps) -> None:
        self._catalog = catalog
        self._stopping = threading.Event()
        self._cancelled: set[str] = set()
        self._threads: set[threading.Thread] = set()
        self._answers = answers
        self._means = Means(
            catalog, clients, answers, kind_of, stamps, self._stopping.is_set, self._cancelled.__contains__
        )

    def open(self) -> None:
        """Go on with what another server left behind."""
        with self._catalog.reading() as transaction:
            left = transaction.stacks.busy()
        for stack in left:
            self._begin(stack)

    def close(self) -> None:
        """Have operations pause at the next step, and wait for that; what takes too long counts as cut off."""
        self._stopping.set()
        self._answers.close()
        deadline = time.monotonic() + _ENDING_SECONDS
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def begin(self, stack: Stack) -> None:
        """Carry out the operation that *stack* is recorded with; it is over on return if it was soon over."""
        self._cancelled.discard(stack.id)
        self._begin(stack).join(_PATIENCE_SECONDS)

    def cancel(self, stack: Stack) -> None:
        """Have the update of *stack* given up at its next step."""
        self._cancelled.add(stack.id)

    def _begin(self, stack: Stack) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(stack,), name=f"stack {stack.name}", daemon=True)
        self._threads.add(thread)
        thread.start()
        return thread

    def _run(self, stack: Stack) -> None:
        try:
            Run(self._means, stack).carry_out()
        except Interrupted:
            _log.info("the operation on stack %s goes on when the server starts again", stack.name)
        except Exception:  # noqa: BLE001 - it stays recorded as it is, and is taken up at the next start
            _log.exception("the operation on stack %s came to an end that is none", stack.name)
        finally:
            self._threads.discard(threading.current_thread())
