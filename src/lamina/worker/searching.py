"""Where programs may lie on a machine: PATH, the usual folders, and those of the managers of versions."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_ANSWER_SECONDS_MAX = 10
# What `ask` does.
Ask = Callable[[Sequence[str | Path]], Any]


def programs(names: Sequence[str], environ: Mapping[str, str], homes: Iterable[str]) -> Iterator[Path]:
    """Files called one of *names* that may be executed, each once, in the order in which they are to be believed.

    *homes* are patterns, "~" for the user's home folder, of folders that hold programs; of several the newest first.
    """
    seen: set[Path] = set()
    for folder in [*on_path(environ), Path("/usr/local/bin"), Path("/usr/bin"), *folders(environ, homes)]:
        for name in names:
            path = folder / name
            try:
                resolved = path.resolve()
                usable = os.access(path, os.X_OK) and path.is_file() and resolved not in seen
            except OSError:
                continue
            # Shims are scripts that choose by the current folder.
            if usable and "shims" not in path.parts:
                seen.add(resolved)
                yield path


def on_path(environ: Mapping[str, str]) -> Iterator[Path]:
    """The folders of PATH."""
    return (Path(entry) for entry in environ.get("PATH", os.defpath).split(os.pathsep) if entry)


def folders(environ: Mapping[str, str], patterns: Iterable[str]) -> Iterator[Path]:
    """The folders that *patterns* match; where a pattern matches several, the newest release first."""
    home = Path(environ.get("HOME", "/nonexistent"))
    for pattern in patterns:
        root, inside = (home, pattern[2:]) if pattern.startswith("~/") else (Path("/"), pattern[1:])
        try:
            yield from sorted((path for path in root.glob(inside) if path.is_dir()), key=release_of, reverse=True)
        except OSError:
            continue


def release_of(folder: Path) -> list[int]:
    """The numbers in a path: 3.12.10 is newer than 3.12.9."""
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def ask(command: Sequence[str | Path]) -> Any:
    """The JSON that *command* prints, None where it does not: whatever else goes by such a name."""
    try:
        answer = subprocess.run(
            command, capture_output=True, check=True, timeout=_ANSWER_SECONDS_MAX, env={"PATH": os.defpath}
        )
        return json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


class Answers:
    """What programs said when they were asked, kept in *file* and believed while their own files stay as they were."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept = _read(file)
        self._told: dict[str, list[Any]] = {}

    def ask(self, command: Sequence[str | Path]) -> Any:
        """The JSON that *command* prints, or printed; None where it does not, which is not kept."""
        name = "\0".join(map(str, command))
        program = _identity(command[0])
        match self._kept.get(name):
            case [known, answer] if known == program:
                pass
            case _:
                answer = ask(command)
        if program and answer is not None:
            self._told[name] = [program, answer]
        return answer

    def keep(self) -> None:
        """Write down what was asked for, if that is news; a folder that cannot be written to costs time and no more."""
        self._sweep()
        if self._told == self._kept:
            return
        beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(exist_ok=True)
            beside.write_text(json.dumps(self._told), "utf-8")
            beside.replace(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()

    def _sweep(self) -> None:
        """Remove what those left who were killed while they wrote; a process that still runs may be about to rename."""
        for beside in self._file.parent.glob(f".{self._file.name}.*"):
            if not Path("/proc", beside.suffix[1:]).exists():
                with contextlib.suppress(OSError):
                    beside.unlink()


def _read(file: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _identity(program: str | Path) -> list[int]:
    """What changes with a file, wherever a link leads; nothing if it is not there."""
    try:
        status = os.stat(program)
    except OSError:
        return []
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
