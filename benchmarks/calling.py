"""The near end of the client's process: typed orders, and answers that were checked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class CallFailed(RuntimeError):
    """A call that was to be measured did not do what it was to do; the message has its answer."""


@dataclass(frozen=True, slots=True)
class Called:
    """Calls that were answered with 2xx: milliseconds of each, seconds of all, and each different answer once."""

    ms: tuple[float, ...]
    seconds: float
    answers: tuple[str, ...]
    items: int

    @property
    def per_second(self) -> float:
        """How many were answered in a second."""
        return len(self.ms) / self.seconds

    def check(self, expected: Callable[[Any], bool]) -> Called:
        """Itself, once every answer is JSON that is as *expected*. Raises CallFailed."""
        for answer in self.answers:
            if not expected(json.loads(answer)):
                raise CallFailed(f"an answer that was not expected: {answer[:500]}")
        return self


class Caller:
    """Has the client's process call. Raises CallFailed for every call that is not answered with 2xx."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Caller]:
        """A client, for as long as this lasts."""
        command = [sys.executable, "-m", "benchmarks.client"]
        process = subprocess.Popen(
            command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process:
            yield cls(process)

    def call(self, port: int, method: str, path: str, body: Any = None) -> Any:
        """One call of an API, and its answer's JSON."""
        text = "" if body is None else json.dumps(body)
        answers = self._told({"do": "calls", "port": port, "method": method, "path": path, "body": text}).answers
        return json.loads(answers[0]) if answers[0] else None

    def calls(self, port: int, path: str, body: str = "{}", *, count: int = 1, pause_ms: float = 0) -> Called:
        """*count* POSTs, one after the other, *pause_ms* before each."""
        order = {"do": "calls", "port": port, "path": path, "body": body, "count": count, "pause_ms": pause_ms}
        return self._told(order)

    def get(self, port: int, path: str, *, count: int = 1) -> Called:
        """*count* GETs, one after the other."""
        return self._told({"do": "calls", "method": "GET", "port": port, "path": path, "count": count})

    def upload(self, port: int, path: str, body: Path) -> Called:
        """One POST of what *body* holds."""
        return self._told({"do": "calls", "port": port, "path": path, "body_file": str(body)})

    def flood(
        self, port: int, path: str, body: str = "{}", *, clients: int, seconds: float = 3600, each: int = -1
    ) -> Called:
        """POSTs by *clients* at once, none of which pauses: for *seconds*, or *each* times."""
        order = {"do": "flood", "port": port, "path": path, "body": body}
        return self._told(order | {"clients": clients, "seconds": seconds, "each": each})

    def each(self, port: int, requests: Sequence[tuple[str, Any]], *, clients: int) -> None:
        """POST every one of *requests*, path and body, once; *clients* at once."""
        written = [[path, json.dumps(body)] for path, body in requests]
        self._told({"do": "each", "port": port, "path": requests[0][0], "requests": written, "clients": clients})

    def pages(self, port: int, path: str) -> Called:
        """All pages of a list, timed as one."""
        return self._told({"do": "pages", "method": "GET", "port": port, "path": path})

    def _told(self, order: dict[str, Any]) -> Called:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        whole = {"method": "POST", "body": "", "body_file": None, "count": 1, "pause_ms": 0} | order
        self._process.stdin.write(json.dumps(whole) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline() or '{"failed": "the client has ended"}')
        where = f"{whole['method']} {whole['path']}"
        if "failed" in told:
            raise CallFailed(f"{where}: {told['failed']}")
        if any(not 200 <= int(status) < 300 for status in told["statuses"]):
            raise CallFailed(f"{where}: {told['statuses']} {told['answers'][-1][:1000]}")
        times = tuple(told["ms"])
        return Called(times, told.get("seconds", sum(times) / 1000), tuple(told["answers"]), told.get("items", 0))
