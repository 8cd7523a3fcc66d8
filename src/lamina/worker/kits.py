"""What a runtime is on this machine: where its language was found, and what its root is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lamina.functions.runtimes import Language
from lamina.sandbox import contents
from lamina.sandbox.contents import LANG_ROOT, RUNTIME_ROOT, Entry, InterpreterLayout, Operation

# Those whose runtime brings its own language along, and so run on any machine.
PROVIDED = ("provided.al2", "provided.al2023")


@dataclass(frozen=True, slots=True)
class Kit:
    """One runtime: *release* of its language, *found* where (for people), and what puts it at /var/lang.

    A kit with an *interpreter* is started once and forked; any other is executed for every environment.
    """

    runtime: str
    release: str
    found: str
    interpreter: InterpreterLayout | None = None
    lang: tuple[Operation, ...] = ()
    beside: Path | None = None  # an installed folder: what stands in /var/runtime beside Lamina's own

    @property
    def language(self) -> Language:
        return Language.of(self.runtime)


def python(runtime: str, layout: InterpreterLayout) -> Kit:
    """The kit of a CPython that was found."""
    return Kit(runtime, layout.release, str(layout.executable), interpreter=layout)


def provided() -> list[Kit]:
    """The kits that take nothing of the machine but its system."""
    return [Kit(runtime, "1", "the function's own bootstrap") for runtime in PROVIDED]


def executed(kit: Kit, client: Path | None, house: InterpreterLayout) -> list[Operation]:
    """The contents of the root of a runtime that is executed; *client* holds what Lamina puts into /var/runtime.

    Reads two folders.
    """
    folders = [folder for folder in (client, kit.beside) if folder is not None and folder.is_dir()]
    entries = [Entry(path, path.is_dir()) for folder in folders for path in sorted(folder.iterdir())]
    return [*contents.house(house), *kit.lang, *contents.gathered(RUNTIME_ROOT, entries)]


def lang_folder(source: Path) -> tuple[Operation, ...]:
    """A whole folder, with `bin` and all, at /var/lang."""
    return tuple(contents.folder(LANG_ROOT, source))


def lang_program(source: Path) -> tuple[Operation, ...]:
    """A single program that needs nothing beside it but the system, in /var/lang/bin."""
    return tuple(contents.program(f"{LANG_ROOT}/bin/{source.name}", source))
