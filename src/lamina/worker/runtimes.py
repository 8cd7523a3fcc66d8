"""Which runtimes this machine can run, and what to say of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.functions.runtimes import Language
from lamina.sandbox.contents import InterpreterLayout
from lamina.worker import installed, interpreters, kits, languages, searching
from lamina.worker.kits import Kit


class RuntimeNotInstalled(Exception):
    """The function's runtime is not to be had here now; the text says which are, and how to get it."""


def _nowhere(_runtime: str) -> Kit | None:
    return None


@dataclass(frozen=True, slots=True)
class Runtimes:
    """The kits found, by runtime id; *house*, the interpreter that process 1 of what is executed runs on.

    *look_again* is asked for what was not there at the start: an install needs no restart.
    """

    kits: Mapping[str, Kit]
    house: InterpreterLayout
    look_again: Callable[[str], Kit | None] = _nowhere

    def kit(self, runtime: str) -> Kit:
        """What *runtime* stands for here, and nothing in its place. Raises RuntimeNotInstalled."""
        kit = self.kits.get(runtime) or (self.look_again(runtime) if _may_run(runtime) else None)
        if kit is None:
            raise RuntimeNotInstalled(self._advice(runtime))
        return kit

    def _advice(self, runtime: str) -> str:
        reason = obstacle(runtime)
        if reason is not None:
            return f"Runtime {runtime} cannot be run here: {reason}"
        family = Language.of(runtime).family
        have = ", ".join(name for name in self.kits if Language.of(name).family == family) or "none"
        return (
            f"Runtime {runtime} is not installed on this machine, and no other version is used in its place. "
            f"Installed here: {have}. To get it: {remedy(runtime)}."
        )


_RESTART: Final = "then restart Lamina; `lamina doctor` shows what was found"
_INSTALL: Final = "`lamina runtimes install {runtime}`, which needs no restart"
# The oldest runtime of a language that is run, and where to get one.
_LANGUAGES: Final[Mapping[str, tuple[str, str]]] = {
    "python": (
        f"python3.{interpreters.OLDEST}",
        "`uv python install {version}`, or `apt-get install python{version}`, or `pyenv install`, " + _RESTART,
    ),
    "nodejs": ("nodejs20.x", _INSTALL),
    "java": ("java17", _INSTALL),
    "ruby": ("ruby3.2", "put a Ruby {version} of your distribution, or of rbenv, on PATH, " + _RESTART),
    "provided": ("provided.al2", "nothing is needed"),
}


def obstacle(runtime: str) -> str | None:
    """Why no machine can run *runtime* here, in a sentence; None for one that is run where its language is."""
    language = Language.of(runtime)
    if language.family == "dotnet":
        return (
            "Amazon's client for .NET is not to be had by itself. A self-contained build with a `bootstrap` runs on "
            "provided.al2023."
        )
    if language.family not in _LANGUAGES:
        return "there is no client for it."
    oldest, _ = _LANGUAGES[language.family]
    if searching.release_of(Path(language.version)) < searching.release_of(Path(Language.of(oldest).version)):
        return f"Lamina runs {oldest} and later."
    return None


def remedy(runtime: str) -> str:
    """How to get *runtime*, for which there is no obstacle."""
    language = Language.of(runtime)
    return _LANGUAGES[language.family][1].format(runtime=runtime, version=language.version)


def find(state: Path, environ: Mapping[str, str] = os.environ) -> Runtimes:
    """What this machine has now, and what is installed in the state folder *state*.

    Costs a process of some 30 ms for each interpreter that is asked; a third of a second in all. The next time those
    that are the same files are not asked again.
    """
    answers = searching.Answers(state / "runtimes" / "answers-v1.json")
    root, found = installed.folder(state), languages.find(environ, answers.ask)

    ready: dict[str, Kit] = {}

    def look(runtime: str) -> Kit | None:
        kit = kits.executable(runtime, found, installed.read(root, runtime))
        if kit is not None:
            # What is there is not looked for again: every invocation asks.
            ready[runtime] = kit
        return kit

    ready.update(
        (runtime, kits.python(runtime, layout)) for runtime, layout in interpreters.find(environ, answers.ask).items()
    )
    for runtime in sorted(filter(_may_run, {*kits.suitable(found), *installed.names(root)}), key=_order):
        look(runtime)
    ready.update((kit.runtime, kit) for kit in kits.provided())
    here = Runtimes(ready, interpreters.house(answers.ask), look)
    if state.is_dir():
        answers.keep()
    return here


def _may_run(runtime: str) -> bool:
    return obstacle(runtime) is None


def _order(runtime: str) -> tuple[str, list[int]]:
    return Language.of(runtime).family, searching.release_of(Path(runtime))
