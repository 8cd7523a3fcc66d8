"""Which runtime a handler is for, where nobody said."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from typing import Final

from lamina.functions.runtimes import Language

_SUFFIXES: Final = {"py": "python", "js": "nodejs", "mjs": "nodejs", "cjs": "nodejs", "rb": "ruby"}


def runtime_for(
    handler: str, files: Iterable[str], ready: Sequence[str], declared: Iterable[Sequence[str] | None] = ()
) -> str | None:
    """The newest of the runtimes that are *ready* and suit; None if none does.

    *files* are the paths in the function's code, *declared* what each layer was published for, None if nobody said.
    """
    return _newest(_families(handler, files), ready, declared)


def runtime_of_layers(
    paths: Iterable[str], ready: Sequence[str], declared: Iterable[Sequence[str] | None] = ()
) -> str | None:
    """The same where no handler is to run: by the folders that the layers have, which are *paths*; else Python."""
    tops = {path.partition("/")[0] for path in paths}
    # Python comes first where a layer has something for several.
    family = next((each for each in ("python", "nodejs", "ruby", "java") if each in tops), "python")
    return _newest({family}, ready, declared)


def _newest(families: Container[str], ready: Sequence[str], declared: Iterable[Sequence[str] | None]) -> str | None:
    allowed = [set(names) for names in declared if names]
    suitable = [
        name for name in ready if Language.of(name).family in families and all(name in names for names in allowed)
    ]
    return max(suitable, key=_release, default=None)


def _release(runtime: str) -> tuple[str, list[int]]:
    language = Language.of(runtime)
    return language.family, [int(number) for number in re.findall(r"\d+", language.version)]


def _families(handler: str, files: Iterable[str]) -> set[str]:
    """The languages of the file that *handler* names: "app/main.handler" is in app/main.py."""
    module = handler.rpartition(".")[0]
    # Python's handlers may separate folders by dots.
    stems = {module, module.replace(".", "/")}
    found = set()
    for path in files:
        stem, _, suffix = path.rpartition(".")
        if stem in stems and suffix in _SUFFIXES:
            found.add(_SUFFIXES[suffix])
        elif path in {f"{stem}/__init__.py" for stem in stems}:
            found.add("python")
        elif path == "bootstrap":
            found.add("provided")
    return found
