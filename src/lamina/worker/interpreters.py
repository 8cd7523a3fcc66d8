"""The CPythons of this machine, each the interpreter of one `python3.N` runtime.

A runtime id decides its interpreter and never gets another in its place, so every candidate is asked for its version
rather than believed by its name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from lamina.sandbox.contents import InterpreterLayout
from lamina.worker import searching
from lamina.worker.searching import Ask

OLDEST, NEWEST = 8, 15
_VERSIONS = [f"3.{minor}" for minor in range(OLDEST, NEWEST + 1)]
_ASKED = """
import json, os, sys, sysconfig
stdlib = sysconfig.get_path("stdlib")
shared = sysconfig.get_config_var("Py_ENABLE_SHARED") and sysconfig.get_config_var("INSTSONAME")
print(json.dumps({
    "implementation": sys.implementation.name, "version": sys.version_info[:3], "prefix": sys.base_prefix,
    "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)), "stdlib": stdlib,
    "site": os.path.isdir(os.path.join(stdlib, "site-packages")),
    "shared": shared and os.path.join(sysconfig.get_config_var("LIBDIR"), shared),
}))
"""
_ASKED_AT_ONCE = 4
# Prefixes an interpreter shares with everything else that is installed.
_COMMON_PREFIXES = ("/", "/usr", "/usr/local")


def find(environ: Mapping[str, str] = os.environ, ask: Ask = searching.ask) -> dict[str, InterpreterLayout]:
    """Runtime id ("python3.12") -> the interpreter for it; the first found of a version is taken.

    Looked for on PATH and where pyenv, uv and distributions put them. Costs a process of some 30 ms for each candidate,
    unless *ask* knows the answer already.
    """
    found: dict[str, InterpreterLayout] = {}
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as executor:
        for layout in executor.map(partial(_look, ask), _candidates(environ)):
            if layout is not None and layout.version in _VERSIONS:
                found.setdefault(f"python{layout.version}", layout)
    return dict(sorted(found.items(), key=lambda item: int(item[0].partition(".")[2])))


def house(ask: Ask = searching.ask) -> InterpreterLayout:
    """The interpreter below this process's own virtual environment, on which process 1 of a sandbox can run.

    Whatever its version: one that is newer than any runtime of Lambda will do.
    """
    layout = _look(ask, Path(getattr(sys, "_base_executable", sys.executable)))
    assert layout is not None, "the server's own interpreter does not answer"
    return layout


def _candidates(environ: Mapping[str, str]) -> Iterable[Path]:
    names = [f"python{version}" for version in _VERSIONS]
    seen: set[Path] = set()
    for folder in _folders(environ):
        for name in names:
            path = folder / name
            try:
                resolved = path.resolve()
                usable = os.access(path, os.X_OK) and resolved not in seen
            except OSError:
                continue
            # pyenv's shims are scripts that choose by the current folder.
            if usable and "shims" not in path.parts:
                seen.add(resolved)
                yield path


def _folders(environ: Mapping[str, str]) -> Iterable[Path]:
    yield from searching.on_path(environ)
    yield from (Path(folder) for folder in ("/usr/local/bin", "/usr/bin"))
    home = Path(environ.get("HOME", "/nonexistent"))
    data = Path(environ.get("XDG_DATA_HOME", home / ".local/share"))
    for root in (Path(environ.get("PYENV_ROOT", home / ".pyenv")) / "versions", data / "uv/python", Path("/opt")):
        try:
            # Newest patch release first.
            yield from (path / "bin" for path in sorted(root.iterdir(), key=searching.release_of, reverse=True))
        except OSError:
            continue


def _look(ask: Ask, candidate: Path) -> InterpreterLayout | None:
    try:
        return _layout(ask([candidate, "-I", "-S", "-c", _ASKED]))
    except (LookupError, TypeError, ValueError):
        return None  # whatever else goes by such a name


def _layout(facts: Mapping[str, Any]) -> InterpreterLayout | None:
    major, minor, _ = facts["version"]
    if facts["implementation"] != "cpython":
        return None
    return InterpreterLayout(
        version=f"{major}.{minor}",
        release=".".join(str(number) for number in facts["version"]),
        prefix=Path(facts["prefix"]),
        executable=Path(facts["executable"]),
        standard_library=Path(facts["stdlib"]),
        shared_library=Path(facts["shared"]) if facts["shared"] else None,
        standalone=facts["prefix"] not in _COMMON_PREFIXES,
        has_site_packages=facts["site"],
    )
