"""The folder that a server keeps everything in, and that one server at a time uses."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StateInUse(Exception):
    """Another server has the state folder; *pid* is its process, where that is known."""

    def __init__(self, state: Path, pid: int | None) -> None:
        super().__init__(f"{state} is in use" + (f" by process {pid}" if pid else ""))
        self.pid = pid


@contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Make the state folder, and keep other servers out of it for as long as this process lives."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).strip()
        raise StateInUse(state, int(text) if text.isdigit() else None) from None
    else:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
