"""The Nodes, Javas and Rubies of this machine: asked for their version, not believed by their name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from lamina.sandbox import contents
from lamina.sandbox.contents import LANG_ROOT, Operation
from lamina.worker import searching
from lamina.worker.searching import Ask

_NODE_HOMES: Final = (
    "~/.nvm/versions/node/*/bin", "~/.local/share/fnm/node-versions/*/installation/bin",
    "~/.volta/tools/image/node/*/bin", "~/.asdf/installs/nodejs/*/bin", "~/.local/share/mise/installs/node/*/bin",
    "/opt/*/bin",
)  # fmt: skip
_JAVA_HOMES: Final = ("/usr/lib/jvm/*", "~/.sdkman/candidates/java/*", "~/.jdks/*", "/opt/*")
_RUBY_HOMES: Final = ("~/.rbenv/versions/*/bin", "~/.rubies/*/bin", "/opt/rubies/*/bin", "~/.asdf/installs/ruby/*/bin")
_ASK_NODE: Final = "console.log(JSON.stringify([process.versions.node, process.execPath]))"
_ASK_RUBY: Final = (
    'require "rbconfig"; require "json"; '
    'puts JSON.generate([RUBY_ENGINE, RUBY_VERSION, RbConfig.ruby, RbConfig::CONFIG["prefix"]])'
)
_ASKED_AT_ONCE: Final = 4
# The first 20 that knows the option by which AWS's runtimes switch off what a later one does by default.
_OLDEST_NODE_20: Final = 17
# Prefixes that hold the whole system, which a sandbox shows anyway.
_SYSTEM: Final = ("/", "/usr")


@dataclass(frozen=True, slots=True)
class Found:
    """A language of this machine: its *release*, its *program*, and what puts it at /var/lang."""

    release: str
    program: Path
    lang: tuple[Operation, ...]


def find(environ: Mapping[str, str] = os.environ, ask: Ask = searching.ask) -> dict[tuple[str, str], Found]:
    """(family, version), such as ("nodejs", "22") or ("ruby", "3.3"), -> the first found that is that version.

    Costs a process for each candidate, unless *ask* knows the answer already.
    """
    found: dict[tuple[str, str], Found] = {}
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as executor:
        nodes = executor.map(partial(_node, ask), searching.programs(("node", "nodejs"), environ, _NODE_HOMES))
        rubies = executor.map(partial(_ruby, ask), searching.programs(("ruby",), environ, _RUBY_HOMES))
        javas = map(_java, _java_homes(environ))
        for language in chain(nodes, rubies, javas):
            if language is not None:
                found.setdefault(*language)
    return found


_Language = tuple[tuple[str, str], Found] | None


def _node(ask: Ask, program: Path) -> _Language:
    match ask([program, "-e", _ASK_NODE]):
        case [str(release), str(executable)]:
            if release.startswith("20.") and int(release.split(".")[1]) < _OLDEST_NODE_20:
                return None
            # One file: what it needs beside it is the system's.
            lang = tuple(contents.program(f"{LANG_ROOT}/bin/node", Path(executable)))
            return ("nodejs", release.partition(".")[0]), Found(release, Path(executable), lang)
    return None


def _ruby(ask: Ask, program: Path) -> _Language:
    match ask([program, "-e", _ASK_RUBY]):
        case ["ruby", str(release), str(executable), str(prefix)]:
            lang = contents.program(f"{LANG_ROOT}/bin/ruby", Path(executable))
            if prefix not in _SYSTEM:
                # Where its library lies is compiled into it.
                lang += contents.folder(prefix, Path(prefix))
            version = ".".join(release.split(".")[:2])
            return ("ruby", version), Found(release, Path(executable), tuple(lang))
    return None


def _java_homes(environ: Mapping[str, str]) -> Iterable[Path]:
    """Folders that may be a Java's, each once."""
    named = [Path(environ["JAVA_HOME"])] if environ.get("JAVA_HOME") else []
    programs = [path for path in (folder / "java" for folder in searching.on_path(environ)) if os.access(path, os.X_OK)]
    homes = [*named, *(path.resolve().parent.parent for path in programs), *searching.folders(environ, _JAVA_HOMES)]
    return dict.fromkeys(home.resolve() for home in homes)


def _java(home: Path) -> _Language:
    """A Java says what it is in a file; to ask it would take a second for every one there is."""
    try:
        match = re.search(r'^JAVA_VERSION="(\d+)([^"]*)"', (home / "release").read_text("utf-8"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    program = home / "bin/java"
    if match is None or not os.access(program, os.X_OK):
        return None
    lang = [*contents.folder(LANG_ROOT, home), *_settings_elsewhere(home)]
    return ("java", match[1]), Found(match[1] + match[2], program, tuple(lang))


def _settings_elsewhere(home: Path) -> list[Operation]:
    """The folder of /etc into which a distribution's Java is linked, at its own place."""
    entries = [path for folder in (home, home / "conf", home / "lib") for path in _entries(folder)]
    linked = [path.readlink() for path in entries if path.is_symlink()]
    places = {Path(*target.parts[:3]) for target in linked if target.parts[:2] == ("/", "etc")}
    return [
        operation
        for place in sorted(places)
        if place.name.startswith("java") and place.is_dir()
        for operation in contents.folder(str(place), place)
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
