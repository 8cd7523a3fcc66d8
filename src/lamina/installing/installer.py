"""Carrying out an install: fetch, check, unpack aside, try, land."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from lamina.installing.errors import InstallFailed
from lamina.installing.fetching import Fetcher
from lamina.installing.home import Home
from lamina.installing.planning import InstallPlan, Placement, Shape
from lamina.installing.registries import jar_name
from lamina.installing.unpacking import place_jar, unpack

_TRIAL_SECONDS: Final = 120
# Beside what is to stand there in the end: an archive may be unpacked while the next is not fetched yet, and a little.
_SPARE_BYTES: Final = 20_000_000


class Step(StrEnum):
    """What an install is at, as it is told to people."""

    FETCHING = "fetching"
    UNPACKING = "unpacking"
    TRYING = "trying"
    SYNCING = "writing to disk"


class Progress(Protocol):
    """Whom an install tells how far it is."""

    def begin(self, step: Step, total: int) -> None:
        """*step* begins; *total* in bytes, or 0 where its length is not known."""

    def advance(self, done: int, about: str) -> None:
        """*done* of the step's total is done, and it is at *about*."""


class Installer:
    """Installs into one home, fetching with one fetcher."""

    def __init__(self, home: Home, fetcher: Fetcher, progress: Progress) -> None:
        self._home = home
        self._fetcher = fetcher
        self._progress = progress

    def install(self, plan: InstallPlan) -> int:
        """Carry out *plan*; the bytes that it takes on the disk. The home must be held for writing.

        Raises InstallFailed and leaves nothing, save what was fetched before a connection was lost.
        """
        try:
            self._check_space(plan)
            files = self._fetch(plan)
            with self._home.aside() as aside:
                self._unpack(plan, files, aside)
                self._try(plan, aside)
                installed_bytes = sum(path.stat().st_size for path in aside.rglob("*") if path.is_file())
                self._progress.begin(Step.SYNCING, 0)
                self._home.land(aside, plan.manifest(installed_bytes))
        except OSError as error:
            self._home.forget_downloads()
            raise _explained(error, self._home.root, plan) from error
        except BaseException as error:
            # What an interrupted or failed install fetched stays only where going on from there is what one wants.
            if not isinstance(error, InstallFailed):
                self._home.forget_downloads()
            raise
        self._home.forget_downloads()
        return installed_bytes

    def _check_space(self, plan: InstallPlan) -> None:
        needed = plan.download_bytes + plan.installed_bytes + _SPARE_BYTES
        free = shutil.disk_usage(self._home.root).free
        if free + self._home.expect_downloads() < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _fetch(self, plan: InstallPlan) -> dict[Placement, Path]:
        self._progress.begin(Step.FETCHING, plan.download_bytes)
        files, before = {}, 0
        for placement in plan.placements:
            artifact = placement.artifact
            files[placement] = self._fetcher.fetch(artifact, self._counting(before, artifact.name))
            before += artifact.size_bytes
        return files

    def _counting(self, before: int, about: str) -> Callable[[int], None]:
        return lambda done: self._progress.advance(before + done, about)

    def _unpack(self, plan: InstallPlan, files: dict[Placement, Path], aside: Path) -> None:
        total, done = sum(placement.artifact.kept_bytes for placement in plan.placements), 0
        self._progress.begin(Step.UNPACKING, total)
        for placement, file in files.items():
            folder = aside / placement.folder
            if placement.shape is Shape.JAR:
                done += place_jar(file, folder / jar_name(placement.artifact))
            else:
                done += unpack(file, placement.shape, folder)
            self._progress.advance(done, placement.artifact.name)

    def _try(self, plan: InstallPlan, aside: Path) -> None:
        """See that the interpreter runs on this machine, before it is anybody's runtime."""
        if not plan.lang:
            return
        self._progress.begin(Step.TRYING, 0)
        if plan.kind == "nodejs":
            _run(plan, aside / "lang/bin/node", "--version")
        else:
            java = aside / "lang/bin/java"
            # An archive of the classes every program loads, made where it will be used: it takes a start of the
            # runtime from 63 to 22 ms.
            _run(plan, java, "-Xshare:dump", "-Xlog:disable", "-Xlog:all=warning:stderr")
            _run(plan, java, "-version")
            for archive in aside.glob("lang/lib/server/*.jsa"):
                archive.chmod(0o644)


def _run(plan: InstallPlan, executable: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(
            [executable, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(f"{plan.runtime} does not run on this machine: {error}", _NO_FIT) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[:1] or [f"exit status {done.returncode}"]
        raise InstallFailed(f"{plan.runtime} does not run on this machine: {said[0]}", _NO_FIT)


_NO_FIT: Final = "It is built for glibc 2.28 or later, as on Debian 10, Ubuntu 20.04 and Amazon Linux 2023."


def _explained(error: OSError, root: Path, plan: InstallPlan) -> InstallFailed:
    """What the disk's *error* means to whoever typed the command."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = (plan.download_bytes + plan.installed_bytes + _SPARE_BYTES) / 1e6
        return InstallFailed(
            f"the disk of {root} is too full for {plan.runtime}: {error.strerror}",
            f"It takes {needed:.0f} MB while it is installed and {plan.installed_bytes / 1e6:.0f} MB then. "
            "Make room, or keep the state elsewhere: --state DIR",
        )
    return InstallFailed(f"{plan.runtime} could not be written below {root}: {error}")
