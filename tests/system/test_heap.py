"""Large pieces of memory go back to the kernel, whichever thread had them, and small ones are kept by none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.functions import create
from tests.support.server import Server

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

# A server that comes no further than its state folder, which another has.
SERVER = """
import sys
from pathlib import Path
from lamina import heap, serving
from lamina.settings import Settings
from lamina.state_folder import StateInUse, exclusive
heap.keep_small = lambda: print("kept small")
settings = Settings.read({}, {"state_dir": sys.argv[1]}, root=False)
with exclusive(Path(sys.argv[1])):
    try:
        serving.serve(settings, lambda port: None)
    except StateInUse:
        print("in use")
"""


def resident_kb(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def test_what_eight_threads_have_given_back_is_held_no_more() -> None:
    held, left_alone = resident_kb("small"), resident_kb("")
    assert held < left_alone - 8 * 1024, (held, left_alone)


def test_a_server_begins_without_caches_of_its_threads_and_no_function_is_told_so(tmp_path: Path) -> None:
    given = "glibc.malloc.mxfast=64"
    with Server.started(tmp_path / "state", {"GLIBC_TUNABLES": given}) as server:
        # Some releases of glibc put ends of strings between what they read.
        environ = Path(f"/proc/{server.process.pid}/environ").read_bytes()
        assert given.encode() in environ
        assert b"glibc.malloc.tcache_count=0" in environ
        code = "import os\ndef handler(event, context): return os.environ.get('GLIBC_TUNABLES')"
        assert create(server, code).value() is None


def test_a_server_sees_to_its_heap_before_anything_else(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER, str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["kept small", "in use"]
