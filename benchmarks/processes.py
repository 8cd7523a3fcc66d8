"""What a process and everything below it takes of the machine, from /proc."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """*pid* and every process below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                # The name, in parentheses, may have anything in it.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for each in found:
        found += children[each]
    return found


def pss_mb(pids: list[int]) -> float:
    """Memory in MB (10^6 bytes), each shared page counted by the share of those who map it. Raises PermissionError."""
    return sum(_kib(pid, "Pss") for pid in pids) * 1024 / 1e6


def own_mb(pids: list[int]) -> float:
    """What of `pss_mb` are no pages of files, of which strangers who run the same programs may have a share."""
    return sum(_kib(pid, kind) for pid in pids for kind in ("Pss_Anon", "Pss_Shmem")) * 1024 / 1e6


def _kib(pid: int, kind: str) -> int:
    try:
        told = (_PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(rf"^{kind}: +(\d+) kB$", told, re.MULTILINE)
    return int(found[1]) if found else 0


def processor_ms(pids: list[int]) -> float:
    """Milliseconds that all threads of *pids* have run on processors so far."""
    return sum(nanoseconds for pid in pids for nanoseconds in _run_ns(pid)) / 1e6


def _run_ns(pid: int) -> Iterator[int]:
    for thread in (_PROC / str(pid) / "task").glob("*/schedstat"):
        try:
            yield int(thread.read_text().split()[0])
        except OSError:
            continue


def disk_bytes(folder: Path) -> int:
    """What *folder* takes on the disk, each file counted once however many names it has; 0 if it is not there."""
    blocks = {}
    for path in [folder, *folder.rglob("*")]:
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        blocks[found.st_dev, found.st_ino] = found.st_blocks
    return sum(blocks.values()) * 512
