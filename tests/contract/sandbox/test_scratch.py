"""/tmp for environments: one suite, a file system of its own and a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lamina.sandbox import file_systems, scratch
from lamina.sandbox.scratch import FolderScratch, LoopScratch, Scratch, Tmp


@pytest.fixture(params=["loop", "folder"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Scratch:
    if request.param == "folder":
        return FolderScratch(tmp_path / "scratch")
    return loop(tmp_path)


def loop(tmp_path: Path) -> LoopScratch:
    found = scratch.find(tmp_path / "scratch")
    if not isinstance(found, LoopScratch):
        pytest.skip("loop devices and mke2fs, as root, are not to be had here")
    return found


def inside(made: Scratch, tmp: Tmp) -> Path:
    """The folder that an environment would see as /tmp, as this process can reach it."""
    if tmp.mount_fd is not None:
        assert made.root is None
        return Path(f"/proc/self/fd/{tmp.mount_fd}")
    assert tmp.folder is not None
    assert tmp.folder.parent == made.root
    assert tmp.folder_name == tmp.folder.name
    return tmp.folder


def test_it_is_empty_and_everybodys(made: Scratch) -> None:
    tmp = made.create("1", 16)
    try:
        folder = inside(made, tmp)
        assert os.listdir(folder) == []
        assert os.stat(f"{folder}/.").st_mode & 0o7777 == 0o1777
    finally:
        tmp.remove()


def test_environments_do_not_see_each_others(made: Scratch) -> None:
    one, two = made.create("1", 16), made.create("2", 16)
    try:
        (inside(made, one) / "file").write_text("mine")
        assert os.listdir(inside(made, two)) == []
        assert (inside(made, one) / "file").read_text() == "mine"
    finally:
        one.remove()
        two.remove()


def test_a_name_used_again_brings_nothing_back(made: Scratch) -> None:
    tmp = made.create("1", 16)
    (inside(made, tmp) / "file").write_text("secret")
    tmp.remove()
    again = made.create("1", 16)
    assert os.listdir(inside(made, again)) == []
    again.remove()


def test_removing_leaves_nothing_and_twice_does_no_harm(made: Scratch, tmp_path: Path) -> None:
    tmp = made.create("1", 16)
    (inside(made, tmp) / "folder" / "deep").mkdir(parents=True)
    tmp.remove()
    tmp.remove()
    left = [path.name for path in (tmp_path / "scratch").iterdir() if not path.name.startswith("template")]
    assert left == []
    assert _loop_devices_of(tmp_path) == []


def test_many_can_be_made_at_once(made: Scratch) -> None:
    with ThreadPoolExecutor(8) as executor:
        many = list(executor.map(lambda number: made.create(f"{number}", 16), range(16)))
    try:
        for number, tmp in enumerate(many):
            (inside(made, tmp) / "number").write_text(str(number))
        assert [(inside(made, tmp) / "number").read_text() for tmp in many] == [str(number) for number in range(16)]
    finally:
        for tmp in many:
            tmp.remove()


def test_what_a_killed_server_left_is_gone_at_the_next_start(made: Scratch, tmp_path: Path) -> None:
    tmp = made.create("1", 16)
    (inside(made, tmp) / "file").write_text("left")
    if made.root is None:
        # The kernel closes what a killed process held.
        tmp.remove()
    again: Scratch = FolderScratch(tmp_path / "scratch") if made.root else LoopScratch(tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []
    fresh = again.create("1", 16)
    assert os.listdir(inside(again, fresh)) == []
    fresh.remove()


def test_a_file_system_has_the_functions_size_and_not_more(tmp_path: Path) -> None:
    made = loop(tmp_path)
    tmp = made.create("1", 16)
    try:
        file = inside(made, tmp) / "file"
        with file.open("wb", buffering=0) as writing:
            for _ in range(16):
                assert writing.write(bytes(1 << 20)) == 1 << 20
            # What room is left beyond is for the file system's own tables, and is used up.
            with pytest.raises(OSError, match=r"No space left"):
                os.posix_fallocate(writing.fileno(), 16 << 20, 4 << 20)
    finally:
        tmp.remove()


def test_a_file_system_honours_neither_set_uid_nor_devices(tmp_path: Path) -> None:
    made = loop(tmp_path)
    tmp = made.create("1", 16)
    try:
        assert tmp.mount_fd is not None
        flags = os.fstatvfs(tmp.mount_fd).f_flag
        assert flags & os.ST_NOSUID
        assert flags & os.ST_NODEV
    finally:
        tmp.remove()


def test_what_nobody_touched_serves_the_next_environment(tmp_path: Path) -> None:
    made = loop(tmp_path)
    assert made.ready(16) is None
    tmp = made.create("1", 16)
    assert tmp.mount_fd is not None
    device = os.fstat(tmp.mount_fd).st_dev
    assert tmp.put_back()
    assert made.ready(17) is None
    again = made.ready(16)
    assert again is not None
    assert again.mount_fd is not None
    assert os.fstat(again.mount_fd).st_dev == device
    assert os.fstatvfs(again.mount_fd).f_flag & os.ST_NOSUID
    assert made.ready(16) is None, "it is somebody's"
    assert again.put_back()
    made.close()
    assert _loop_devices_of(tmp_path) == []


def _made_and_gone(folder: Path) -> None:
    (folder / "file").write_text("x")
    (folder / "file").unlink()


def _without_a_name(folder: Path) -> int:
    return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)


TOUCHES: list[Callable[[Path], object]] = [
    _made_and_gone,
    os.listdir,
    lambda folder: os.utime(f"{folder}/.", (0, 0)),
    _without_a_name,
]


@pytest.mark.parametrize("touch", TOUCHES, ids=["made and gone", "listed", "times set", "a file without a name"])
def test_what_anybody_touched_serves_nobody_else(tmp_path: Path, touch: Callable[[Path], object]) -> None:
    made = loop(tmp_path)
    tmp = made.create("1", 16)
    held = touch(inside(made, tmp))
    assert not tmp.put_back()
    if isinstance(held, int):
        os.close(held)
    tmp.remove()
    assert made.ready(16) is None
    assert _loop_devices_of(tmp_path) == []


def test_only_so_many_wait_for_others(tmp_path: Path) -> None:
    made = loop(tmp_path)
    many = [made.create(f"{number}", 16) for number in range(9)]
    assert [tmp.put_back() for tmp in many] == [True] * 8 + [False]
    many[-1].remove()
    made.close()
    assert _loop_devices_of(tmp_path) == []


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be nobody in particular for a while: root is stopped by no mode."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def take_all_rights_away(folder: Path) -> None:
    """What a function may leave behind, links that lead out included."""
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("x")
    (folder / "out").symlink_to("../../theirs")
    (folder / "a" / "up").symlink_to("../../../theirs")
    for path in (folder / "a" / "b", folder / "a", folder):
        path.chmod(0)


def test_a_function_that_took_all_rights_away_leaves_nothing_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Names relative to here, for what lies above is closed to others.
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    with ordinary_user():
        theirs = Path("theirs")
        theirs.mkdir()
        theirs.chmod(0o751)
        made = FolderScratch(Path("scratch"))
        tmp = made.create("1", 16)
        take_all_rights_away(inside(made, tmp))
        tmp.remove()
        assert os.listdir("scratch") == [], "removed whatever its modes"

        take_all_rights_away(inside(made, made.create("2", 16)))
        FolderScratch(Path("scratch"))
        assert os.listdir("scratch") == [], "left by a killed server"
    assert theirs.stat().st_mode & 0o777 == 0o751, "a link was followed"


def nest(folder: Path, depth: int) -> None:
    """Folders in folders, deeper than a path can say."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    (Path(f"/proc/self/fd/{here}") / "file").write_text("x")
    os.close(here)


def test_folders_nested_however_deep_are_removed(tmp_path: Path) -> None:
    made = FolderScratch(tmp_path / "scratch")
    tmp = made.create("1", 16)
    nest(inside(made, tmp), 3000)
    tmp.remove()
    assert os.listdir(tmp_path / "scratch") == []

    nest(inside(made, made.create("2", 16)), 3000)
    FolderScratch(tmp_path / "scratch")
    assert os.listdir(tmp_path / "scratch") == [], "left by a killed server"


def test_more_files_than_are_looked_at_in_one_go_are_removed(tmp_path: Path) -> None:
    made = FolderScratch(tmp_path / "scratch")
    folder = inside(made, made.create("1", 16))
    (folder / "below").mkdir()
    for number in range(1500):
        (folder / f"{number}").touch()
        (folder / "below" / f"{number}").touch()
        (folder / "below" / f"folder-{number}").mkdir()
    FolderScratch(tmp_path / "scratch")
    assert os.listdir(tmp_path / "scratch") == []


def test_what_cannot_be_removed_is_moved_aside_until_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = FolderScratch(tmp_path / "scratch")
    (inside(made, made.create("1", 16)) / "file").touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        FolderScratch(tmp_path / "scratch").create("1", 16)
        (aside,) = tmp_path.glob("scratch.left-*")
        assert (aside / "1" / "file").exists()
    FolderScratch(tmp_path / "scratch")
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]


def test_a_loop_device_without_a_file_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = loop(tmp_path)
    devices = tmp_path / "dev"
    devices.mkdir()
    if os.statvfs(devices).f_flag & os.ST_NODEV:
        pytest.skip("devices do not work below the folder for temporary files")
    monkeypatch.setattr(file_systems, "_DEVICES", devices)
    tmp = made.create("1", 16)
    try:
        (inside(made, tmp) / "file").write_text("x")
        assert all(path.is_block_device() for path in devices.iterdir())
        assert any(devices.iterdir())
    finally:
        tmp.remove()


def _loop_devices_of(folder: Path) -> list[str]:
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if str(folder) in backing.read_text():
                found.append(str(backing))
        except OSError:
            continue
    return found
