"""Plans and their journals on the disk (docs/formats/rollouts.md): what a roll-out goes on from, whatever ended it.

A journal is appended to by one process, which holds a lock on it. Each append is on the disk before it returns, by one
sync for all threads that wait at that moment: with sixteen functions under way, a sync for each record would be most of
what a roll-out takes.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina import user_folders
from lamina.rollouts.documents import DocumentError
from lamina.rollouts.journal import Ended, Record, read_record, write_record
from lamina.rollouts.plans import Plan, read_plan, write_plan
from lamina.workshop.errors import WorkshopError

_PLAN: Final = "plan.json"
_JOURNAL: Final = "journal.jsonl"
_GONE: Final = ".gone-"
_LOCK_ATTEMPTS: Final = 5
_LOCK_PAUSE_S: Final = 0.02


class NotStored(WorkshopError):
    """There is no such roll-out, or what is kept of it cannot be read."""


class UnderWay(WorkshopError):
    """Another process is carrying it out."""


class Journal:
    """The journal of one roll-out, open to be appended to from any thread."""

    def __init__(self, file: int, records: list[Record]) -> None:
        self._file = file
        self._records = records
        self._waiting: list[bytes] = []
        self._appended = self._durable = 0
        self._broken: OSError | None = None
        self._list_lock, self._file_lock = threading.Lock(), threading.Lock()

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything that was appended so far, in order."""
        with self._list_lock:
            return tuple(self._records)

    def append(self, *records: Record) -> None:
        """Add *records*; on the disk once this returns. Raises WorkshopError, and from then on always."""
        with self._list_lock:
            self._waiting += [json.dumps(write_record(record)).encode() + b"\n" for record in records]
            self._records += records
            self._appended = mine = self._appended + 1
        with self._file_lock:
            if self._broken is None and self._durable < mine:
                self._write()
            if self._broken is not None:
                raise WorkshopError(
                    f"the roll-out's journal cannot be written: {self._broken.strerror}",
                    "Nothing more was begun. Once there is room, `lamina rollout resume` goes on.",
                ) from self._broken

    def _write(self) -> None:
        with self._list_lock:
            lines, self._waiting, upto = b"".join(self._waiting), [], self._appended
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
            os.fdatasync(self._file)
        except OSError as error:
            # After a failed sync nobody knows what is on the disk: the next one would claim to have succeeded.
            self._broken = error
            return
        self._durable = upto


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The folder of a user's roll-outs."""

    folder: Path

    @classmethod
    def of_the_user(cls, environ: Mapping[str, str]) -> Rollouts:
        """In the user's state folder, as XDG names it."""
        return cls(user_folders.state(environ) / "rollouts" / "v1")

    def add(self, plan: Plan) -> None:
        """Keep *plan*, with a journal that is empty. Raises WorkshopError."""
        aside = self.folder / f".new-{secrets.token_hex(8)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside.mkdir(mode=0o700)
            for name, text in ((_PLAN, json.dumps(write_plan(plan), indent=1)), (_JOURNAL, "")):
                with (aside / name).open("x") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
            _sync(aside)
            aside.rename(self.folder / plan.id)
            _sync(self.folder)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise WorkshopError(f"the plan cannot be kept in {self.folder}: {error.strerror}") from error

    def ids(self) -> list[str]:
        """Of every roll-out, sorted."""
        try:
            return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []

    def identify(self, text: str) -> str:
        """The id that *text* is, or is the beginning of. Raises NotStored unless there is exactly one."""
        ids = self.ids()
        found = [text] if text in ids else [name for name in ids if text and name.startswith(text)]
        if len(found) == 1:
            return found[0]
        hint = "`lamina rollout history` lists them."
        if found:
            raise NotStored(f"{text} may be each of {', '.join(found)}", hint, NotStored.USAGE)
        raise NotStored(f"there is no roll-out {text}", hint)

    def plan(self, id_: str) -> Plan:
        """The plan of the roll-out *id_*. Raises NotStored."""
        try:
            return read_plan(json.loads((self.folder / id_ / _PLAN).read_bytes()))
        except OSError as error:
            raise NotStored(f"the plan of {id_} cannot be read: {error.strerror}") from error
        except (DocumentError, ValueError) as error:
            raise NotStored(f"the plan of {id_} is damaged, or of another version of Lamina: {error}") from error

    def all(self) -> tuple[list[tuple[Plan, tuple[Record, ...]]], list[NotStored]]:
        """Every plan that can be read with its journal, the newest first, and what is wrong with the others."""
        found, damaged = [], []
        for id_ in self.ids():
            try:
                found.append((self.plan(id_), self.records(id_)))
            except NotStored as error:
                damaged.append(error)
        return sorted(found, key=lambda each: -each[0].created_ms), damaged

    def records(self, id_: str) -> tuple[Record, ...]:
        """The journal so far, also while another process adds to it. Raises NotStored."""
        try:
            return tuple(_records((self.folder / id_ / _JOURNAL).read_bytes(), id_)[0])
        except OSError as error:
            raise NotStored(f"the journal of {id_} cannot be read: {error.strerror}") from error

    def is_interrupted(self, id_: str) -> bool:
        """Whether it was begun and has not come to an end. Raises NotStored."""
        records = self.records(id_)
        return bool(records) and not isinstance(records[-1], Ended)

    def forget(self, id_: str) -> None:
        """Delete its plan and journal. Raises UnderWay, or WorkshopError where they cannot be deleted."""
        folder, aside = self.folder / id_, self.folder / f"{_GONE}{secrets.token_hex(8)}"
        try:
            with (folder / _JOURNAL).open("rb") as file:
                _check_locked(file.fileno(), id_)
                # At once: what is half deleted would be damaged, and could no longer be named.
                folder.rename(aside)
            for left in self.folder.glob(f"{_GONE}*"):
                shutil.rmtree(left)
        except OSError as error:
            raise WorkshopError(f"{id_} cannot be forgotten: {error.strerror}") from error

    def is_under_way(self, id_: str) -> bool:
        """Whether a process is carrying it out right now."""
        try:
            file = os.open(self.folder / id_ / _JOURNAL, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    @contextmanager
    def journal(self, id_: str) -> Iterator[Journal]:
        """The journal to append to, nobody else's meanwhile. Raises UnderWay or NotStored."""
        path = self.folder / id_ / _JOURNAL
        try:
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise NotStored(f"the journal of {id_} cannot be opened: {error.strerror}") from error
        try:
            _check_locked(file, id_)
            records, whole_bytes = _records(path.read_bytes(), id_)
            # What a crash left of a line was never acted upon: its append had not returned.
            os.truncate(file, whole_bytes)
            yield Journal(file, records)
        finally:
            os.close(file)


def _records(data: bytes, id_: str) -> tuple[list[Record], int]:
    """The whole lines in *data*, and how many bytes these are."""
    whole_bytes = data.rfind(b"\n") + 1
    records = []
    for number, line in enumerate(data[:whole_bytes].splitlines(), 1):
        try:
            records.append(read_record(json.loads(line)))
        except ValueError as error:
            raise NotStored(f"line {number} of the journal of {id_} is damaged: {error}") from error
    return records, whole_bytes


def _check_locked(file: int, id_: str) -> None:
    """Lock the journal *file* of *id_*. Raises UnderWay."""
    if not _locked(file):
        hint = f"`lamina rollout status {id_}` shows how far it is."
        raise UnderWay(f"{id_} is being carried out by another process", hint)


def _locked(file: int) -> bool:
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            # Somebody who only wants to know whether it is locked has it for an instant.
            time.sleep(_LOCK_PAUSE_S)
    return False


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
