"""Tests run beside each other, save those that need the machine for themselves.

What eats memory, processes or both cores to see what others notice of it, or what compares times, says nothing when the
neighbour is another such test. These are marked `alone`, and wait until no other process of the same run is in a test.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, alone: bool) -> Iterator[None]:
    """A test's turn among all processes that keep theirs in *folder*, for as long as the context lasts."""
    with (folder / "tests.lock").open("w") as tests:
        # Who wants to be alone holds this one while it waits; else tests that follow each other would never let it in.
        with (folder / "door.lock").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(tests, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
