"""Groups forget what is past their retention, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lamina.log_store import batches, layout
from lamina.log_store.groups import LogGroup, LogGroups
from lamina.log_store.reading import LogReader
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.names import Scope
from lamina.operations.log_expiry import LogExpiry
from lamina.operations.stamps import Stamps

DAY_MS = 86_400_000
NOW_MS = 1_767_225_600_000


def test_only_groups_with_a_retention_lose_what_is_past_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SEGMENT_BYTES_MAX", 1)
    groups, reader = LogGroups(tmp_path), LogReader()
    writer = LogWriter(groups)
    numbers = {}
    for name, days in (("none", None), ("one", 1), ("three", 3)):
        group = LogGroupArn(Scope("123456789012", "eu-west-1"), name)
        groups.create(group, LogGroup(name, 1, days))
        for age in (5, 2, 0):
            ms = NOW_MS - age * DAY_MS
            writer.append(group, batches.batch("s", ms, [(ms, batches.message(b"x"))]))
        numbers[name] = groups.folder(group)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()

        class Told(LogExpiry):
            def expire(self) -> int:
                removed = super().expire()
                loop.call_soon_threadsafe(done.set_result, removed)
                return removed

        expiry = Told(groups, reader, Stamps(lambda: NOW_MS / 1000))
        expiry.open()
        async with asyncio.timeout(20):
            removed = await done
        await expiry.close()
        return removed

    assert asyncio.run(main()) == 3
    kept = {name: layout.segment_numbers(folder) for name, folder in numbers.items()}
    assert kept == {"none": [1, 2, 3], "one": [3], "three": [2, 3]}
