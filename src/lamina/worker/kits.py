"""What a runtime is on this machine: where its language was found, and what its root is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lamina.functions.runtimes import Language
from lamina.sandbox import contents
from lamina.sandbox.contents import LANG_ROOT, RUNTIME_ROOT, Entry, InterpreterLayout, Operation
from lamina.worker.installed import Installed
from lamina.worker.languages import Found

_IDS = {"nodejs": "nodejs{}.x", "java": "java{}", "ruby": "ruby{}"}
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


def suitable(found: Mapping[tuple[str, str], Found]) -> list[str]:
    """The ids of runtimes that *found* languages might be the language of; whether AWS has all of them is not asked."""
    return [_IDS[family].format(version) for family, version in found if family in _IDS]


def executable(runtime: str, found: Mapping[tuple[str, str], Found], installed: Installed | None) -> Kit | None:
    """The kit of *runtime*, out of what is *installed* for it and of the languages *found*; None: something is missing.

    What was installed comes before what the machine has: somebody asked for it.
    """
    language = Language.of(runtime)
    if language.family not in _IDS or (language.family == "java" and installed is None):
        # Amazon's client for Java has to be installed, whoever's Java it runs on.
        return None
    beside = None if installed is None else installed.runtime
    if installed is not None and installed.lang is not None:
        lang = tuple(contents.folder(LANG_ROOT, installed.lang))
        return Kit(runtime, installed.release, str(installed.lang), lang=lang, beside=beside)
    own = found.get((language.family, language.version))
    return None if own is None else Kit(runtime, own.release, str(own.program), lang=own.lang, beside=beside)
