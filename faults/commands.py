"""Commands that write, with a fault at every point where they do: what was there before is there, or what they make."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from faults.campaign import BROKEN_MAX, Broken, Choose, Result, findings
from faults.disk import Disk
from faults.points import Fault
from faults.supervisor import Supervisor
from tests.support import zips
from tests.support.server import Server

_OLD, _NEW = "111111111111", "222222222222"
_COMMAND_S: Final = 60


class Command(ABC):
    """One command; what it writes to lies in *folder*, which is this command's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = folder / "written"

    @abstractmethod
    def prepare(self) -> None:
        """Make `written` what it is before every round."""

    @abstractmethod
    def arguments(self) -> list[str]:
        """Of `lamina`."""

    @abstractmethod
    def look(self, done: bool) -> None:
        """Raise AssertionError where `written` is neither what it was nor, as it must be if *done*, what is wanted."""


class AccountAdd(Command):
    """A second account in a file that has one."""

    def prepare(self) -> None:
        self.written.mkdir(mode=0o700)
        _run("account", "add", _OLD, "--accounts", str(self.written / "accounts.json"))

    def arguments(self) -> list[str]:
        return ["account", "add", _NEW, "--accounts", str(self.written / "accounts.json")]

    def look(self, done: bool) -> None:
        file = self.written / "accounts.json"
        listed = json.loads(_run("account", "list", "--accounts", str(file), "--json"))
        text = json.dumps(listed)
        assert _OLD in text, text
        assert _NEW in text or not done, text
        assert file.stat().st_mode & 0o777 == 0o600
        # Whoever comes next is not in its way, and no secret is left lying about.
        _run("account", "rotate", _OLD, "--accounts", str(file))
        assert os.listdir(self.written) == ["accounts.json"], os.listdir(self.written)


class Backup(Command):
    """A second backup in the place of the first, of a layer of which there is a new version since."""

    def prepare(self) -> None:
        kept = self.folder / "kept"
        if not kept.exists():
            with Server.started(self.folder / "state") as server:
                self._publish(server, 1)
                _run("backup", str(kept), "--state", str(self.folder / "state"))
                self._publish(server, 2)
        shutil.copytree(kept, self.written)

    def arguments(self) -> list[str]:
        return ["backup", str(self.written), "--state", str(self.folder / "state")]

    def look(self, done: bool) -> None:
        assert findings(self.written) == []
        assert self._versions() in (([1, 2],) if done else ([1, 2], [1]))
        _run(*self.arguments())
        assert findings(self.written) == []
        assert self._versions() == [1, 2]
        assert not (self.written / ".incoming").exists()

    def _publish(self, server: Server, number: int) -> None:
        content = zips.of({"number": str(number).encode() * 1000})
        server.client().publish_layer_version(LayerName="layer", Content={"ZipFile": content})

    def _versions(self) -> list[int]:
        with closing(sqlite3.connect(self.written / "catalog.db")) as catalog:
            return [row[0] for row in catalog.execute("SELECT number FROM layer_versions ORDER BY number")]


COMMANDS: Final[dict[str, Callable[[Path], Command]]] = {each.__name__: each for each in (AccountAdd, Backup)}


def commands(
    name: str,
    fault: Fault,
    folder: Path,
    *,
    choose: Choose = lambda _: True,
    told: Callable[[Result], object] = lambda _: None,
) -> Result:
    """All points of one of COMMANDS that *choose* takes, in *folder*. *told* after every round."""
    result = Result(name, fault)
    command = COMMANDS[name](folder)
    points = _struck(command, None, 0)[0].points
    result.counted = sum(map(fault.is_of, points))
    for at in [at for at, point in enumerate(points, 1) if fault.is_of(point) and choose(point)]:
        supervisor, code = _struck(command, fault, at)
        if supervisor.struck is None:
            continue
        result.struck.append(str(supervisor.struck))
        result.acknowledged += code == 0
        result.refused += code != 0
        try:
            command.look(done=code == 0)
        except AssertionError as error:
            result.broken.append(f"{fault} at {at}, {supervisor.struck}: {error}")
        told(result)
        if len(result.broken) > BROKEN_MAX:
            break
    return result


def _struck(command: Command, fault: Fault | None, at: int) -> tuple[Supervisor, int]:
    """Who has watched the command, and its exit code."""
    shutil.rmtree(command.written, ignore_errors=True)
    command.prepare()
    supervisor = Supervisor(command.written)
    supervisor.arm(fault, at)
    with ExitStack() as stack:
        if fault is not None and fault.cuts_power:
            disk = Disk(command.written, command.folder / "room", names=fault is Fault.NAMES)
            supervisor.tell(stack.enter_context(closing(disk)))
        done = subprocess.run(
            supervisor.command(sys.executable, "-m", "lamina", *command.arguments()),
            capture_output=True,
            check=False,
            timeout=_COMMAND_S,
            pass_fds=[supervisor.theirs.fileno()],
        )
        supervisor.close()
        if supervisor.disk is not None:
            supervisor.disk.write_to(command.folder / "left")
            shutil.rmtree(command.written)
            (command.folder / "left").rename(command.written)
    return supervisor, done.returncode


def _run(*arguments: str) -> str:
    """What a command prints that must succeed."""
    command = [sys.executable, "-m", "lamina", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_COMMAND_S)
    if done.returncode != 0:
        raise Broken(f"lamina {' '.join(arguments)}: {done.stderr}")
    return done.stdout
