"""What the C library does with memory that is needed no more.

Left to itself, it takes the first large piece that is given back (a log segment that was read, an archive) as a sign
that more will come, and keeps pieces of that size from then on: in the heap of each thread that ever had one, of which
a server has dozens. It then holds some megabytes more for each of them, for ever.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

# malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
# What it begins with itself; said by somebody, it stays.
_LARGE_BYTES: Final = 128 * 1024
# Whoever holds the interpreter's lock is alone anyway, and others seldom ask for memory.
_HEAPS_MAX: Final = 2


def keep_small() -> None:
    """Have large pieces come from the kernel and go back to it, and threads share their heaps."""
    # Only glibc has it; other libraries give large pieces back as it is.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, _HEAPS_MAX)


def tidy() -> None:
    """`give_back`, after what is held by nothing but itself: it would stay until much more of it has come together.

    Takes some milliseconds, where what the server began with is frozen, in which no Python runs.
    """
    gc.collect()
    give_back()


def give_back() -> None:
    """Give the kernel what lies unused between what is used: smaller pieces, of which there were very many.

    Takes the longer the more that is, some milliseconds for each hundred megabytes, in which no thread gets any memory.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
