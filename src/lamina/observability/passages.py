"""How an environment came to be, and how an invocation went through one: the moments of it."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.names import FunctionArn


@dataclass(frozen=True, slots=True)
class Start:
    """The start of an environment, of *initialization* as AWS names it; moments are of `time.perf_counter`.

    From `asked` it waited for its turn; from `turn` its archives were mounted ready and a sandbox taken; from
    `assembled` it was sealed, and the function initialised or restored, until it was `ready`.
    """

    initialization: str
    asked: float
    turn: float
    assembled: float
    ready: float


@dataclass(slots=True)
class Passage:
    """An invocation that has run. It was `asked` for, had an environment (`obtained`), and was `answered`.

    `start` is that of its environment, where it is the first that ran there. `trace` is the trace header that the
    function was given, `failed` whether its outcome is an error.
    """

    function: FunctionArn
    version: str
    request_id: str
    trace: str | None
    asked: float
    obtained: float
    answered: float
    failed: bool
    start: Start | None
