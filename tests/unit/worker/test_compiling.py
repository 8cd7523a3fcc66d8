"""What waits for byte-code, with a compiler that makes none and no wait for it to be quiet."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from lamina.names import Digest
from lamina.store import BlobMissing
from lamina.worker import compiling
from lamina.worker.compiling import Compilations

ONE, TWO, LAST = (Digest.from_hex(f"{number:064x}") for number in (1, 2, 3))
PYTHON = "python3.12"


class Compiler:
    """Says what it was asked for; *errors* are raised in turn. What it has made, is there."""

    def __init__(self, *errors: Exception) -> None:
        self.asked: list[tuple[Digest, str, Digest | None]] = []
        self.done: dict[Digest, asyncio.Event] = defaultdict(asyncio.Event)
        self.at_once = 0
        self._errors = list(errors)
        self._under_way = 0

    def find(self, digest: Digest, tag: str) -> str | None:
        assert tag == "cpython-312"
        return digest.hex if digest in self.done and self.done[digest].is_set() else None

    async def compile(self, digest: Digest, runtime: str, like: Digest | None) -> None:
        self.asked.append((digest, runtime, like))
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        await asyncio.sleep(0)
        self._under_way -= 1
        if self._errors:
            raise self._errors.pop(0)
        self.done[digest].set()

    @property
    def digests(self) -> list[Digest]:
        return [digest for digest, _, _ in self.asked]


def compilations(compiler: Compiler) -> Compilations:
    return Compilations(compiler, compiler, begins=lambda _since, _asked: 0.0)


async def settled(wanted: Compilations, compiler: Compiler) -> None:
    """Returns when what was wanted before is dealt with."""
    wanted.want(LAST, PYTHON)
    await compiler.done[LAST].wait()


def test_what_is_wanted_is_compiled_one_at_a_time_in_turn() -> None:
    async def scenario() -> None:
        compiler = Compiler()
        wanted = compilations(compiler)
        wanted.want(ONE, PYTHON)
        wanted.want(TWO, PYTHON, ONE)
        wanted.want(ONE, PYTHON)
        await settled(wanted, compiler)
        assert compiler.asked == [(ONE, PYTHON, None), (TWO, PYTHON, ONE), (LAST, PYTHON, None)]
        assert compiler.at_once == 1
        await wanted.close()

    asyncio.run(scenario())


def test_what_there_is_or_cannot_be_is_not_compiled() -> None:
    async def scenario() -> None:
        compiler = Compiler()
        compiler.done[ONE].set()
        wanted = compilations(compiler)
        wanted.want(ONE, PYTHON)
        wanted.want(TWO, "nodejs22.x")
        await settled(wanted, compiler)
        assert compiler.digests == [LAST]
        await wanted.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("error", "tried"), [(OSError("the disk is full"), 1), (BlobMissing(ONE), 2)])
def test_what_failed_would_fail_again_but_what_was_deleted_may_come_back(error: Exception, tried: int) -> None:
    async def scenario() -> None:
        compiler = Compiler(error)
        wanted = compilations(compiler)
        wanted.want(ONE, PYTHON)
        wanted.want(TWO, PYTHON)
        await compiler.done[TWO].wait()
        wanted.want(ONE, PYTHON)
        await settled(wanted, compiler)
        assert compiler.digests.count(ONE) == tried
        await wanted.close()

    asyncio.run(scenario())


def test_only_so_many_that_failed_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        compiler = Compiler(OSError("the disk is full"), OSError("the disk is full"))
        wanted = compilations(compiler)
        for digest in (ONE, TWO):
            wanted.want(digest, PYTHON)
        await settled(wanted, compiler)
        last = Digest.from_hex(f"{4:064x}")
        for digest in (TWO, ONE, last):
            wanted.want(digest, PYTHON)
        await compiler.done[last].wait()
        assert compiler.digests == [ONE, TWO, LAST, ONE, last]
        await wanted.close()

    monkeypatch.setattr(compiling, "_FAILED_MAX", 1)
    asyncio.run(scenario())


def test_of_a_flood_the_latest_are_compiled() -> None:
    async def scenario() -> None:
        compiler = Compiler()
        wanted = compilations(compiler)
        flood = [Digest.from_hex(f"{number:064x}") for number in range(10, 1010)]
        for digest in flood:
            wanted.want(digest, PYTHON)
        await compiler.done[flood[-1]].wait()
        assert compiler.digests == flood[-256:]
        await wanted.close()

    asyncio.run(scenario())


def test_nothing_begins_once_it_is_closed() -> None:
    async def scenario() -> None:
        compiler = Compiler()
        wanted = compilations(compiler)
        wanted.want(ONE, PYTHON)
        await wanted.close()
        wanted.want(TWO, PYTHON)
        await asyncio.sleep(0)
        assert compiler.asked == []

    asyncio.run(scenario())
