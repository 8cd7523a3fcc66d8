"""What an environment weighs where processor time is short: as on AWS, in proportion to its memory.

AWS gives a function one processor's time for 1,769 MB and no more, even where others are idle. Here it is a weight
against other environments, and an idle machine is a function's alone.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html

The smallest function weighs what the kernel gives a group that nobody weighed: sandboxes are made ready ahead of
demand in such groups, and would take the processors from calls if they weighed more.
"""

from __future__ import annotations

from typing import Final

V1_LEAST: Final = 2
V2_LEAST: Final = 1
# Of a group that nobody weighed, and of one thread beside it.
_V1_ONE, _V2_ONE = 1024, 100
_V1_MOST, _V2_MOST = 262_144, 10_000
_SMALLEST_BYTES: Final = 128 << 20


def v1_shares(memory_bytes: int) -> int:
    """What to write to cpu.shares."""
    return _within(V1_LEAST, memory_bytes * _V1_ONE // _SMALLEST_BYTES, _V1_MOST)


def v2_weight(memory_bytes: int) -> int:
    """What to write to cpu.weight."""
    return _within(V2_LEAST, memory_bytes * _V2_ONE // _SMALLEST_BYTES, _V2_MOST)


def v1_shares_of_all(processors: int) -> int:
    """cpu.shares of all environments together, beside the server: one thread's on each of the *processors*."""
    return _within(V1_LEAST, processors * _V1_ONE, _V1_MOST)


def v2_weight_of_all(processors: int) -> int:
    """cpu.weight of all environments together."""
    return _within(V2_LEAST, processors * _V2_ONE, _V2_MOST)


def _within(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))
