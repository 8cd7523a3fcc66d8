"""What is measured against and with, fetched once: programs of others in environments of their own, and layers.

All of it is pinned with hashes in benchmarks/packages/<name>/requirements.lock, which ./scripts/lock writes, and kept
in the cache of `tests.support.fetching`. One interpreter makes and runs all of it: the one that Lamina takes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamina.worker import interpreters
from tests.support import fetching

_PACKAGES = Path(__file__).with_name("packages")
_PATIENCE_S = 600
# In every archive, so that the same files make the same bytes.
_NOON = (2024, 5, 17, 12, 0, 0)


class NotToBeHad(RuntimeError):
    """Something to measure with could not be fetched or built here; the message has what was said."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that runs functions, everywhere: *runtime* is its id, such as "python3.13"."""

    runtime: str
    executable: Path

    @classmethod
    def newest(cls) -> Interpreter:
        """The newest on this machine that Lamina runs functions with, and the others can be installed for."""
        found = {tuple(map(int, layout.version.split("."))): layout for layout in interpreters.find().values()}
        known = [version for version in found if version <= (3, 13)]
        if not known:
            raise NotToBeHad("no Python from 3.8 to 3.13 that can be a runtime; lamina doctor says more")
        layout = found[max(known)]
        return cls(f"python{layout.version}", layout.executable)

    @classmethod
    def own(cls) -> Interpreter:
        """The one below this process's own virtual environment: Lamina's server runs on it."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cls(f"python{version}", Path(sys.base_prefix, "bin", f"python{version}"))

    @property
    def cache_tag(self) -> str:
        """How its byte-code is called, such as "cpython-313"."""
        return "cpython-" + self.runtime.removeprefix("python").replace(".", "")

    def environment(self, name: str) -> Path:
        """The interpreter of a virtual environment that holds the packages of *name*, and nothing else."""
        lock = _PACKAGES / name / "requirements.lock"

        def make(folder: Path) -> None:
            # Debian's interpreters have no ensurepip; our own pip does it for all.
            _run(str(self.executable), "-m", "venv", "--without-pip", str(folder))
            _install(folder / "bin/python", lock)

        return self._kept(f"environment-{name}", lock, make) / "bin/python"

    def packages(self, name: str, *, byte_code: bool) -> Layer:
        """The layer of *name*'s wheels, without their tests; with *byte_code*, that of every source beside it."""
        lock = _PACKAGES / name / "requirements.lock"

        def make(folder: Path) -> None:
            python = folder / "files" / "python"
            _install(
                self.environment("awslambdaric"), lock, "--only-binary=:all:", "--no-compile", "--target", str(python)
            )
            for tests in [path for path in python.rglob("tests") if path.is_dir()]:
                shutil.rmtree(tests)
            if byte_code:
                # As whoever wants a quick layer makes it: a time stamp would not survive an archive.
                compiling = ("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
                _run(str(self.executable), *compiling, str(python))
            pack(folder / "files", folder / "layer.zip")

        kind = "byte-code" if byte_code else "sources"
        made = self._kept(f"layer-{name}-{kind}", lock, make)
        return Layer(made / "files", made / "layer.zip")

    def _kept(self, name: str, lock: Path, make: Callable[[Path], None]) -> Path:
        # An environment is of one interpreter on one machine, wherever its folder may be copied to.
        made_of = [lock.read_bytes(), os.fsencode(self.executable)]
        return fetching.kept(f"benchmark-{name}-{self.runtime}", made_of, make)


@dataclass(frozen=True, slots=True)
class Layer:
    """The same layer twice: unpacked, and as an archive."""

    files: Path
    archive: Path


def pack(folder: Path, archive: Path) -> None:
    """Write what lies in *folder* to *archive*: the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), _NOON)
                entry.external_attr = path.stat().st_mode << 16
                packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def emulator() -> Path:
    """AWS's Runtime Interface Emulator."""
    try:
        return fetching.emulator()
    except AssertionError as error:
        raise NotToBeHad(f"the emulator: {error}") from error


def _install(python: Path, lock: Path, *options: str) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install")
    pinned = ("--require-hashes", "--no-deps", "-r", str(lock))
    _run(*pip, "--quiet", "--no-cache-dir", *pinned, *options)


def _run(*command: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environ,
        timeout=_PATIENCE_S,
    )
    # compileall fails on sources that are not meant for this Python; they are imported by nobody.
    if done.returncode != 0 and "compileall" not in command:
        raise NotToBeHad(f"{' '.join(command)}\n{done.stdout[-2000:]}")
