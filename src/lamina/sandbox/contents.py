"""What a runtime brings into its root: an interpreter at /var/lang, its client at /var/runtime; and the house's own.

Each function returns operations of `sandbox.plan`, in order. Paths are those inside; sources are the host's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Operation = tuple[str, ...]

LANG_ROOT: Final = "/var/lang"
RUNTIME_ROOT: Final = "/var/runtime"
ENTRY_POINT: Final = "/lambda-entrypoint.sh"
# What the zygote needs of the host, and every environment detaches before a customer's code runs.
STAGE: Final = "/.lamina"
# The interpreter that process 1 runs on where the runtime has none to lend it.
HOUSE: Final = f"{STAGE}/house"

# Nothing here runs it; a function may look at it, or name it as its AWS_LAMBDA_EXEC_WRAPPER.
_ENTRY: Final = f"#!/bin/sh\nexec {LANG_ROOT}/bin/python3 {RUNTIME_ROOT}/bootstrap.py\n"


@dataclass(frozen=True, slots=True)
class InterpreterLayout:
    """Where a CPython's files lie on the host. *standalone*: its prefix holds nothing but itself."""

    version: str  # "3.11"
    release: str  # "3.11.7"
    prefix: Path
    executable: Path
    standard_library: Path
    shared_library: Path | None
    standalone: bool
    has_site_packages: bool

    @property
    def name(self) -> str:
        """Of the program, and of the folder of its library: "python3.11"."""
        return f"python{self.version}"


def python(interpreter: InterpreterLayout, packages: Path) -> list[Operation]:
    """The interpreter at /var/lang, its own site-packages hidden behind *packages*; and what starts it."""
    library = f"{LANG_ROOT}/lib/{interpreter.name}"
    operations: list[Operation] = [("file", ENTRY_POINT, _ENTRY, "755"), *_interpreter(interpreter, LANG_ROOT)]
    if not interpreter.has_site_packages:
        # A distribution's interpreter has no site-packages folder to mount on; lay one over it.
        operations += [
            ("folder", f"{STAGE}/site/site-packages"),
            ("overlay", library, f"lowerdir={{root}}{STAGE}/site:{interpreter.standard_library}"),
        ]
    return [*operations, ("bind_read_only", f"{library}/site-packages", str(packages))]


def house(interpreter: InterpreterLayout) -> list[Operation]:
    """An interpreter for process 1 in the stage, and so gone before a customer's code runs."""
    library = f"{HOUSE}/lib/{interpreter.name}"
    operations = _interpreter(interpreter, HOUSE)
    if not interpreter.standalone and not interpreter.has_site_packages:
        operations.append(("bind_read_only", library, str(interpreter.standard_library)))
    return operations


def _interpreter(interpreter: InterpreterLayout, root: str) -> list[Operation]:
    """The interpreter's files below *root*; the library of a distribution's without site-packages is still to come."""
    if interpreter.standalone:
        return [("folder", root), ("bind_read_only", root, str(interpreter.prefix))]
    executable, library = f"{root}/bin/{interpreter.name}", f"{root}/lib/{interpreter.name}"
    operations: list[Operation] = [
        ("folder", f"{root}/bin"),
        ("file", executable, ""),
        ("bind_read_only", executable, str(interpreter.executable)),
        ("symlink", f"{root}/bin/python3", interpreter.name),
        ("folder", library),
    ]
    if interpreter.shared_library is not None:
        shared = f"{root}/lib/{interpreter.shared_library.name}"
        operations += [("file", shared, ""), ("bind_read_only", shared, str(interpreter.shared_library))]
    if interpreter.has_site_packages:
        operations += [("bind_read_only", library, str(interpreter.standard_library))]
    return operations


def folder(path: str, source: Path) -> list[Operation]:
    """The folder *source* at *path*."""
    return [("folder", path), ("bind_read_only", path, str(source))]


def program(path: str, source: Path) -> list[Operation]:
    """The one file *source* at *path*."""
    return [("folder", str(Path(path).parent)), ("file", path, ""), ("bind_read_only", path, str(source))]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of the host that stands, under its name, beside others of other places."""

    source: Path
    is_folder: bool


def gathered(path: str, entries: Iterable[Entry]) -> list[Operation]:
    """A folder at *path* with each of *entries* in it; of two of one name the first."""
    operations: list[Operation] = [("folder", path)]
    by_name: dict[str, Entry] = {}
    for entry in entries:
        by_name.setdefault(entry.source.name, entry)
    for name, entry in sorted(by_name.items()):
        target = f"{path}/{name}"
        operations += folder(target, entry.source) if entry.is_folder else program(target, entry.source)
    return operations
