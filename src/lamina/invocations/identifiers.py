"""Identifiers of requests and of traces, as AWS makes them up: random, and of no use to whoever guesses one."""

from __future__ import annotations

import os
import time
from typing import Final

_POOL_BYTES: Final = 4096


class _Pool:
    """Random digits, which the kernel gives as quickly in thousands as by the dozen. For one thread."""

    def __init__(self) -> None:
        self._digits, self._at = "", 0

    def take(self, count: int) -> str:
        """*count* hexadecimal digits."""
        begin = self._at
        self._at = end = begin + count
        if end > len(self._digits):
            self._digits, begin, self._at = os.urandom(_POOL_BYTES).hex(), 0, count
        return self._digits[begin : self._at]

    def forget(self) -> None:
        self._digits = ""


_pool: Final = _Pool()
# A copy of this process shall not make up the same ones.
os.register_at_fork(after_in_child=_pool.forget)
# A digit with the variant's two bits in place of its first.
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def new_request_id() -> str:
    """A random UUID (version 4). Call on the loop."""
    digits = _pool.take(32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


def new_trace() -> str:
    """A trace header for an invocation that came without one: not sampled. Call on the loop."""
    digits = _pool.take(40)
    return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
