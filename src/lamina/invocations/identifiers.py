"""Identifiers of requests and of traces, as AWS makes them up: random, and of no use to whoever guesses one."""

from __future__ import annotations

import os
import time
from typing import Final

_POOL_BYTES: Final = 4096


class _Pool:
    """Random bytes, which the kernel gives as quickly in thousands as by the dozen. For one thread."""

    def __init__(self) -> None:
        self._bytes, self._at = b"", 0

    def take(self, count: int) -> str:
        """*count* bytes in hexadecimal digits."""
        if self._at + count > len(self._bytes):
            self._bytes, self._at = os.urandom(_POOL_BYTES), 0
        self._at += count
        return self._bytes[self._at - count : self._at].hex()

    def forget(self) -> None:
        self._bytes = b""


_pool: Final = _Pool()
# A copy of this process shall not make up the same ones.
os.register_at_fork(after_in_child=_pool.forget)
_VARIANTS: Final = "89ab"


def new_request_id() -> str:
    """A random UUID (version 4). Call on the loop."""
    digits = _pool.take(16)
    variant = _VARIANTS[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def new_trace() -> str:
    """A trace header for an invocation that came without one: not sampled. Call on the loop."""
    return f"Root=1-{int(time.time()):08x}-{_pool.take(12)};Parent={_pool.take(8)};Sampled=0"
