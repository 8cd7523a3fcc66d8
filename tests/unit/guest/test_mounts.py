"""Those steps of a plan that need no rights, and how a step that fails is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lamina.guest import mounts
from lamina.guest.mounts import StepFailed, carry_out
from lamina.sandbox import contents
from lamina.sandbox.contents import InterpreterLayout
from lamina.sandbox.plan import HostFolders, HostSystem, plan_environment, plan_processes, plan_root, plan_switches


def test_folders_files_and_links_are_made_below_the_root(tmp_path: Path) -> None:
    carry_out(
        [["folder", "/a/b"], ["folder", "/tmp", "1777"], ["file", "/a/b/c", "text\n"], ["symlink", "/l", "a/b"]],
        str(tmp_path),
    )
    assert (tmp_path / "l" / "c").read_text() == "text\n"
    assert (tmp_path / "a/b").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "a/b/c").stat().st_mode & 0o7777 == 0o644
    assert os.readlink(tmp_path / "l") == "a/b"


def test_a_folder_that_is_there_is_no_failure(tmp_path: Path) -> None:
    carry_out([["folder", "/a"], ["folder", "/a"]], str(tmp_path))


def test_a_failure_names_the_step_and_the_kernels_reason(tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as raised:
        carry_out([["folder", "/a"], ["file", "/missing/file", "x"], ["folder", "/never"]], str(tmp_path))
    assert (raised.value.step, raised.value.errno) == ("file /missing/file x", errno.ENOENT)
    assert "No such file" in str(raised.value)
    assert not (tmp_path / "never").exists()


def test_masking_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    carry_out([["mask", "/proc/kcore"]], str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_guest_knows_every_step_a_plan_may_have() -> None:
    host = HostFolders(Path("/g"), Path("/t"), Path("/s"))
    system = HostSystem({"/bin": "usr/bin"}, ("/usr/bin",), ("/etc/services",), ("/usr/lib/python3",))
    here = Path("/p")
    operations = {name for name, *_ in (*plan_processes(), *plan_switches(user_namespace=True))}
    for standalone in (True, False):
        for site in (True, False):
            layout = InterpreterLayout("3.12", "3.12.1", here, here, here, here / "lib.so", standalone, site)
            operations |= {name for name, *_ in plan_root(system, contents.python(layout, here), host, 70000, 3)}
            operations |= {name for name, *_ in contents.house(layout)}
    for layers in ([], ["a"]):
        for tmp in (None, "1"):
            operations |= {name for name, *_ in plan_environment("code", layers, tmp).operations}
    assert operations <= {"attach", *mounts._OPERATIONS}
    assert set(mounts._OPERATIONS) <= operations, "a step that no plan has"
