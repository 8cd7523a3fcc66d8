"""Which runtimes this machine can run, and what to say of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lamina.sandbox.plan import InterpreterLayout


class RuntimeNotInstalled(Exception):
    """The function's runtime has no interpreter here; the text says which have and how to get it."""


@dataclass(frozen=True, slots=True)
class Runtimes:
    """The interpreters found, by runtime id."""

    interpreters: Mapping[str, InterpreterLayout]

    def interpreter(self, runtime: str) -> InterpreterLayout:
        """The interpreter *runtime* stands for, and no other. Raises RuntimeNotInstalled."""
        try:
            return self.interpreters[runtime]
        except KeyError:
            raise RuntimeNotInstalled(self._advice(runtime)) from None

    def _advice(self, runtime: str) -> str:
        have = ", ".join(self.interpreters) or "none"
        if not runtime.startswith("python3."):
            return f"Runtime {runtime} cannot be run yet: Lamina runs python3.8 and later. Installed here: {have}."
        version = runtime.removeprefix("python")
        return (
            f"Runtime {runtime} is not installed on this machine, and no other version is used in its place. "
            f"Installed here: {have}. To get it: `uv python install {version}`, or `apt-get install python{version}`, "
            "or `pyenv install`, then restart Lamina; `lamina doctor` shows what was found."
        )
