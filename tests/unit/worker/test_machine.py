"""Which user ids sandboxes get, and what a function is held by where the kernel counts for nobody."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from lamina.sandbox import cgroups, scratch
from lamina.sandbox.cgroups import Unavailable
from lamina.worker import machine as machines
from lamina.worker.machine import _uid_range

from .sandboxes import FakeCgroups, FakeScratch, machine


def test_the_hosts_user_ids_are_taken_high_up() -> None:
    everything = "         0          0 4294967295\n"
    assert _uid_range(1256, everything, 0) == (2_147_000_000 - 1256, 1256)
    assert _uid_range(100_256, everything, 0) == (2_147_000_000 - 100_256, 100_256)


def test_another_server_takes_another_range() -> None:
    everything = "0 0 4294967295\n"
    ranges = sorted(_uid_range(1256, everything, which) for which in range(2000))
    assert all(first + count <= after for (first, count), (after, _) in itertools.pairwise(ranges))
    for which in (10**9, 10**60):
        first, count = _uid_range(1256, everything, which)
        assert first >= 2_000_000_000
        assert first + count <= 2_147_000_000
    assert {_uid_range(1256, "0 100000 65536\n", which)[0] for which in range(1000)} == {
        65_534 - 1256 * number for number in range(1, 26)
    }


def test_a_namespaces_last_user_ids_are_taken_but_never_nobodys() -> None:
    assert _uid_range(1256, "0 100000 1000000\n", 0) == (998_744, 1256)
    assert _uid_range(1256, "0 100000 65536\n", 0) == (65_534 - 1256, 1256)
    assert _uid_range(1256, "0 1000 1\n1 100000 65536\n", 0) == (65_534 - 1256, 1256)


def test_a_small_namespace_has_fewer_than_are_wanted() -> None:
    for which in (0, 7):
        assert _uid_range(100_256, "0 100000 65536\n", which) == (1051, 65_534 - 1051)
        assert _uid_range(1256, "0 100000 2000\n", which) == (1051, 949)
        assert _uid_range(1256, "0 1000 1\n", which) == (1051, 0)


def test_where_user_ids_are_few_there_are_fewer_environments_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(cgroups, "find", lambda _: Unavailable("none"))
    monkeypatch.setattr(scratch, "find", lambda _: FakeScratch())
    monkeypatch.setattr(machines, "_uid_range", lambda wanted, *_: (2000, min(wanted, 500)))
    assert machines.examine(tmp_path, 100).environments_max == 100
    assert caplog.messages == []
    found = machines.examine(tmp_path, 1000)
    assert (found.environments_max, found.uids.count) == (500 - 256, 500)
    assert "user ids for 244 environments, not for 1000" in caplog.messages[0]


def test_a_files_size_is_limited_where_tmp_is_a_folder() -> None:
    sized, folder = FakeScratch(), FakeScratch(root=Path("/state/scratch"))
    assert "RLIMIT_FSIZE" not in machine(sized, FakeCgroups()).seal(1, 128, 512).limits
    assert machine(folder, FakeCgroups()).seal(1, 128, 512).limits["RLIMIT_FSIZE"] == (512 << 20, 512 << 20)
