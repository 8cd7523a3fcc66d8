"""Groups of servers that were killed are removed by the next one, those of servers that live are not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from lamina.sandbox.held_groups import hold, is_held, remove_abandoned

_HOLDS = """
import sys
from pathlib import Path
from lamina.sandbox.held_groups import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def _group(root: Path, number: int, *inside: str) -> Path:
    group = root / f"lamina-{number:012x}"
    for name in ("", *inside):
        (group / name).mkdir(parents=True, exist_ok=True)
    return group


def test_what_nobody_holds_goes_and_nothing_else(tmp_path: Path) -> None:
    own = _group(tmp_path, 1)
    abandoned, held, foreign = _group(tmp_path, 2, "a", "b"), _group(tmp_path, 3), tmp_path / "lamina-server"
    probe, foreign_too = tmp_path / "lamina-probe-17", tmp_path / "laminated-000000000002"
    for folder in (foreign, probe, foreign_too):
        folder.mkdir()
    (tmp_path / "cgroup.procs").write_text("")
    full = _group(tmp_path, 4, "busy/member")
    descriptor = hold(held)
    remove_abandoned(own)
    assert not abandoned.exists()
    assert not probe.exists()
    assert all(folder.exists() for folder in (own, held, full, foreign, foreign_too))
    os.close(descriptor)
    remove_abandoned(own)
    assert not held.exists()


def test_the_group_of_a_process_that_was_killed_is_held_no_more(tmp_path: Path) -> None:
    group = tmp_path / "lamina-000000000002"
    command = [sys.executable, "-c", _HOLDS, str(group)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert is_held(group)
        process.kill()
    assert group.is_dir()
    assert not is_held(group)
    assert not is_held(tmp_path / "gone")


def test_who_begins_while_another_clears_away_has_a_group_all_the_same(tmp_path: Path) -> None:
    own = _group(tmp_path, 1)
    contested = tmp_path / "lamina-000000000002"
    over = threading.Event()

    def clear() -> None:
        while not over.is_set():
            remove_abandoned(own)

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        for _ in range(300):
            descriptor = hold(contested)
            assert contested.is_dir()
            os.close(descriptor)
    finally:
        over.set()
        clearing.join()
