"""Which runtimes this machine can run, and what to say of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lamina.functions.runtimes import Language
from lamina.sandbox.contents import InterpreterLayout
from lamina.worker import interpreters, kits
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
        kit = self.kits.get(runtime) or self.look_again(runtime)
        if kit is None:
            raise RuntimeNotInstalled(self._advice(runtime))
        return kit

    def _advice(self, runtime: str) -> str:
        why = obstacle(runtime)
        if why is not None:
            return f"Runtime {runtime} cannot be run here: {why}"
        family = Language.of(runtime).family
        have = ", ".join(name for name in self.kits if Language.of(name).family == family) or "none"
        return (
            f"Runtime {runtime} is not installed on this machine, and no other version is used in its place. "
            f"Installed here: {have}. To get it: {remedy(runtime)}"
        )


def obstacle(runtime: str) -> str | None:
    """Why *runtime* cannot be run here whatever is installed; None for one that can."""
    language = Language.of(runtime)
    how = _HOW.get(language.family)
    if how is None:
        why = _WHY.get(language.family, "Lamina has no client for it.")
        return f"{why} A function of it can be kept and described."
    oldest, _ = how
    if _number(language.version) >= oldest:
        return None
    return f"Lamina runs {language.family}{'.'.join(map(str, oldest))} and later."


def remedy(runtime: str) -> str:
    """How to get *runtime*, which is one without an obstacle."""
    language = Language.of(runtime)
    return _HOW[language.family][1].format(runtime=runtime, version=language.version)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


_RESTART: Final = "then restart Lamina; `lamina doctor` shows what was found."
# The oldest version of a language that is run, and where to get one.
_HOW: Final[Mapping[str, tuple[tuple[int, ...], str]]] = {
    "python": (
        (3, interpreters.OLDEST),
        "`uv python install {version}`, or `apt-get install python{version}`, or `pyenv install`, " + _RESTART,
    ),
    "nodejs": ((20,), "`lamina runtimes install {runtime}`, and no restart."),
    "java": ((17,), "`lamina runtimes install {runtime}`, and no restart."),
    "ruby": ((3, 2), "a Ruby {version} of your distribution or of rbenv on PATH, " + _RESTART),
}
_WHY: Final[Mapping[str, str]] = {
    "dotnet": (
        "Amazon's client for .NET is not to be had by itself. A self-contained build with a `bootstrap` runs on "
        "provided.al2023."
    ),
}


def find(environ: Mapping[str, str] = os.environ) -> Runtimes:
    """What this machine has now. Costs some 30 ms for each interpreter that is asked, a third of a second in all."""
    found = [kits.python(runtime, layout) for runtime, layout in interpreters.find(environ).items()]
    return Runtimes({kit.runtime: kit for kit in [*found, *kits.provided()]}, interpreters.house())
