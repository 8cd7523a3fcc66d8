"""More callers than a server lets run: what those get who are served, what the others, and what it costs in memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import pss_mb
from reliability.callers import THROTTLED, Call, crowd, percentile
from tests.support.functions import create, wait_until
from tests.support.server import Server

CALLERS: Final = 500
LIMIT: Final = 20
_LOOK_S: Final = 0.25
_MUCH_MB: Final = 50
_PEACE_S: Final = 7
_WORKING_MS: Final = 20
_WORKING = f"import time\ndef handler(event, context):\n    time.sleep({_WORKING_MS} / 1000)\n    return len(event)\n"
_PAYLOAD_BYTES: Final = 5_000_000
_SETTINGS: Final = {"LAMINA_MAX_ENVIRONMENTS": str(LIMIT), "LAMINA_LOG_LEVEL": "error"}


def measure(folder: Path, callers: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Each kind of crowd in turn, on one server with its state in *folder*, *seconds* of each."""
    told: dict[str, Any] = {"callers": callers, "limit": LIMIT, "seconds": seconds, "kinds": {}}
    with Server.started(folder / "state", _SETTINGS) as server:
        function = create(server, _WORKING, MemorySize=128, Timeout=60)
        wait_until(lambda: function.settled, 30, "the function has settled")
        path = f"/2015-03-31/functions/{function.name}/invocations"
        small, large = b'"x"', b'"' + b"x" * _PAYLOAD_BYTES + b'"'

        def kind(name: str, body: bytes, by: int, *, event: bool = False, for_s: float = seconds) -> None:
            say(name)
            with _memory(server) as held:
                calls = crowd(server.endpoint, path, body, callers=by, seconds=for_s, event=event)
            told["kinds"][name] = {"calls": _summary(calls, for_s), "server_mb": _extent(held)}

        kind("as many as may run", small, LIMIT)
        kind("all at once", small, callers)
        kind("all at once, 5 MB each", large, callers)
        kind("all at once, events", small, callers, event=True)
        kind("as many as may run, with those events", small, LIMIT)
    return told


@contextmanager
def _memory(server: Server) -> Iterator[list[float]]:
    """What the server's process holds, in MB, looked at all the while."""
    held = [pss_mb([server.process.pid])]
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            held.append(pss_mb([server.process.pid]))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield held
    finally:
        over.set()
        looking.join()
        if max(held) > held[0] + _MUCH_MB:
            # What took so much is given back once there is peace.
            time.sleep(_PEACE_S)
        held.append(pss_mb([server.process.pid]))


def _extent(held: Sequence[float]) -> dict[str, float]:
    return {"before": round(held[0], 1), "most": round(max(held), 1), "after": round(held[-1], 1)}


def _summary(calls: Sequence[Call], seconds: float) -> dict[str, Any]:
    served = [call.ms for call in calls if call.status < 400]
    refused = [call.ms for call in calls if call.status == THROTTLED]
    return {
        "statuses": dict(Counter(str(call.status) for call in calls)),
        "reasons": dict(Counter(call.reason for call in calls if call.reason)),
        "served_per_second": round(len(served) / seconds, 1),
        "refused_per_second": round(len(refused) / seconds, 1),
        "served_ms": [round(percentile(served, percent), 1) for percent in (50, 99, 100)],
        "refused_ms": [round(percentile(refused, percent), 1) for percent in (50, 99, 100)],
    }


def text(told: dict[str, Any]) -> str:
    """What *told*, of `measure`, says to a person."""
    lines = [f"{told['callers']} callers, {told['limit']} environments, a function that takes {_WORKING_MS} ms"]
    for name, kind in told["kinds"].items():
        calls, held = kind["calls"], kind["server_mb"]
        lines += [
            f"{name}: {calls['statuses']} {calls['reasons']}",
            f"    served  {calls['served_per_second']:8} /s, p50, p99, most: {calls['served_ms']} ms",
            f"    refused {calls['refused_per_second']:8} /s, p50, p99, most: {calls['refused_ms']} ms",
            f"    the server's memory: {held['before']} MB before, {held['most']} at most, {held['after']} after",
        ]
    return "\n".join(lines)
