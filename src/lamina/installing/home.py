"""The folder of installed runtimes: one writer at a time, each runtime whole or absent (docs/formats/runtimes.md)."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = "manifest.json"
_INCOMING: Final = ".incoming"
_DOWNLOADS: Final = ".downloads"


class ServerRuns(Exception):
    """A server uses the state folder, and may be running what was to be removed."""


class Home:
    """`<state>/runtimes/installed/v1`."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.root = state / "runtimes" / "installed" / "v1"
        self.downloads = self.root / _DOWNLOADS

    def manifests(self) -> dict[str, Mapping[str, Any]]:
        """What each installed runtime's manifest says, by runtime id. What is damaged counts as not installed."""
        found: dict[str, Mapping[str, Any]] = {}
        for path in sorted(self.root.glob(f"[!.]*/{MANIFEST}")):
            try:
                manifest = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(manifest, dict) and manifest.get("runtime") == path.parent.name:
                found[path.parent.name] = manifest
        return found

    @contextmanager
    def writing(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Keep other writers out, and clear away what one that was killed left unfinished.

        *waiting* is called when another writer is at it, before waiting for it to end.
        """
        # As the server makes it, should this be the first that anybody keeps there.
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            shutil.rmtree(self.root / _INCOMING, ignore_errors=True)
            yield
        finally:
            with suppress(OSError):
                # Where there is nothing to go on from.
                self.downloads.rmdir()
            os.close(descriptor)

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """A new folder to put a runtime together in; gone afterwards unless `land` has moved it."""
        path = self.root / _INCOMING / uuid.uuid4().hex
        path.mkdir(parents=True, mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(self.root / _INCOMING, ignore_errors=True)

    def land(self, aside: Path, manifest: Mapping[str, Any]) -> None:
        """Make the runtime in *aside* the installed one, in place of any other of its id; durable on return."""
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
        for folder, _, _ in os.walk(aside):
            # What the umask took away, a function's user needs.
            os.chmod(folder, 0o755)
        os.chmod(aside / MANIFEST, 0o644)
        # Every file system there is, where the server's own store syncs one: rare enough to be waited for.
        os.sync()
        final = self.root / str(manifest["runtime"])
        self._move_away(final)
        aside.rename(final)
        _sync_folder(self.root)

    def remove(self, runtime: str) -> bool:
        """Remove *runtime*; False where it was not installed. Raises ServerRuns."""
        if not (self.root / runtime / MANIFEST).exists():
            return False
        self.check_unused()
        self._move_away(self.root / runtime)
        shutil.rmtree(self.root / _INCOMING, ignore_errors=True)
        _sync_folder(self.root)
        return True

    def check_unused(self) -> None:
        """Raise ServerRuns while a server has the state folder: its environments see the files that would go."""
        try:
            descriptor = os.open(self._state / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerRuns(f"a server uses {self._state}") from None
        finally:
            os.close(descriptor)

    def expect_downloads(self) -> int:
        """Make the folder that files are fetched into; the bytes of what an earlier install left there."""
        self.downloads.mkdir(exist_ok=True, mode=0o700)
        return sum(path.stat().st_size for path in self.downloads.iterdir())

    def forget_downloads(self) -> None:
        """Give back what fetched files take."""
        shutil.rmtree(self.downloads, ignore_errors=True)

    def _move_away(self, path: Path) -> None:
        if path.exists():
            # Renamed first, so that nobody finds half of it.
            (self.root / _INCOMING).mkdir(exist_ok=True)
            path.rename(self.root / _INCOMING / uuid.uuid4().hex)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
