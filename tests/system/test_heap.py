"""Large pieces of memory go back to the kernel, whichever thread had them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.anybody

# Each thread has a large piece twice: after the first, glibc would have the second come from the thread's heap, and
# something small that is kept lie behind it.
PROGRAM = """
import sys, threading
from lamina import heap
if sys.argv[1] == "small":
    heap.keep_small()
kept, all_there = [], threading.Barrier(9)

def work():
    for _ in range(3):
        large = bytearray(3 << 20)
        kept.append(bytearray(5000))
        large[::4096] = b"x" * len(large[::4096])
        del large
    all_there.wait()
    all_there.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
all_there.wait()
print(next(line for line in open("/proc/self/status") if line.startswith("VmRSS:")).split()[1])
all_there.wait()
for thread in threads:
    thread.join()
"""


def resident_kb(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def test_what_eight_threads_have_given_back_is_held_no_more() -> None:
    held, left_alone = resident_kb("small"), resident_kb("")
    assert held < left_alone - 8 * 1024, (held, left_alone)
