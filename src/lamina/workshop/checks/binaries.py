"""LAM40x: compiled files and scripts that the function's machine cannot run."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from lamina.workshop.artifacts import Entry, Role
from lamina.workshop.checks.attached import Attached, Examined, Target
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed
from lamina.workshop.elf import ELF_MAGIC

_WHEEL_PLATFORMS: Final = re.compile(r".*-(?P<platform>macosx|win)[^-]*")
_SYSTEMS: Final = {"macosx": "macOS", "win": "Windows"}
# LD_LIBRARY_PATH of every runtime, as far as it leads into what a user brings.
_LIBRARY_FOLDERS: Final = ("/var/task/", "/var/task/lib/", "/opt/lib/")
_PYTHON_LIBRARY: Final = re.compile(r"libpython3(?:\.\d+)?\.so(?:\.1\.0)?")
# Folders in which a program and its libraries are not at home: what is there is found by search paths, or not.
_SHARED: Final = frozenset(("python", "nodejs", "ruby", "java", "bin", "lib", "lib64", "usr", "extensions"))
_RUNS: Final = re.compile(r"(?:extensions|bin)/[^/]+")


def _named(examined: Examined, paths: Collection[str]) -> str:
    """Whose *paths* are, for a sentence: the packages that they belong to, and those of none by themselves."""
    owned = (examined.owner.get(path) for path in paths)
    names = [
        path if owner is None else f"{owner.name} {owner.version}" for path, owner in zip(paths, owned, strict=True)
    ]
    return listed(dict.fromkeys(names), 6)


def _by(values: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The keys of *values* by value: which paths are for this machine, which for that."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for path, value in values.items():
        groups[value].append(path)
    return {value: tuple(paths) for value, paths in groups.items()}


def _architecture(attached: Attached) -> Iterator[Fault]:
    wanted = attached.target.architecture
    if wanted is None:
        return
    for examined in attached.all:
        right = [path for path, elf in examined.elves.items() if elf.machine == wanted]
        wrong = {
            path: elf.machine.removeprefix("EM_")
            for path, elf in examined.elves.items()
            if elf.machine != wanted and not examined.suited_elsewhere(path, right)
        }
        for machine, paths in _by(wrong).items():
            yield Fault(
                examined.name,
                paths,
                f"compiled for {machine}, and the function runs on {wanted}: {_named(examined, paths)}",
                f"Install it for {wanted}: lamina build, pip's --platform, npm's --cpu; or give the function the other "
                "architecture.",
            )


def _system(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        foreign = {
            path: system
            for path, system in examined.foreign.items()
            if not examined.suited_elsewhere(path, examined.elves) and not path.endswith(".exe")
        }
        told = {owner.record for path in foreign if (owner := examined.owner.get(path)) is not None}
        for package in examined.packages:
            platforms = [_WHEEL_PLATFORMS.fullmatch(tag) for tag in package.tags]
            if platforms and platforms[0] and all(platforms) and package.record not in told:
                foreign[package.record] = _SYSTEMS[platforms[0]["platform"]]
        for system, paths in _by(foreign).items():
            yield Fault(
                examined.name,
                paths,
                f"made for {system}, and Lambda is Linux: {_named(examined, paths)}",
                f"Install it for Linux: pip install --platform {attached.target.wheel_platform} --only-binary=:all: "
                "-t python …, npm install --os=linux --libc=glibc, or lamina build.",
            )


def _missing_libraries(attached: Attached) -> Iterator[Fault]:
    seen = attached.seen()
    names = {path.rpartition("/")[2]: path for path in seen}
    for examined in attached.all:
        wanting: defaultdict[str, list[str]] = defaultdict(list)
        for path, elf in examined.elves.items():
            if elf.wants_musl or elf.machine != (attached.target.architecture or elf.machine):
                continue
            folders = [*_LIBRARY_FOLDERS, *_run_paths(examined.mount + path, elf.run_paths)]
            for library in elf.needed:
                if not (_is_provided(library, attached.target) or any(folder + library in seen for folder in folders)):
                    # Packages load libraries of their own by full path before those that need them.
                    beside = names.get(library)
                    if beside is None or not _same_package(examined.mount + path, beside):
                        wanting[library].append(path)
        for library, paths in wanting.items():
            elsewhere = names.get(library)
            yield Fault(
                examined.name,
                tuple(paths),
                f"{listed(paths, 1)} needs {library}, which {attached.target.base.name} has not and no layer brings",
                f"It is in {elsewhere}, where nothing looks: move it to lib/ of a layer."
                if elsewhere is not None
                else f"Put {library} into lib/ of a layer, from {attached.target.base.name}; wheels bring their own.",
            )


def _run_paths(path: str, written: Iterable[str]) -> Iterator[str]:
    for folder in written:
        here = folder.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", posixpath.dirname(path))
        yield posixpath.normpath(here) + "/"


def _is_provided(library: str, target: Target) -> bool:
    if _PYTHON_LIBRARY.fullmatch(library):
        return target.runtime is None or target.python is not None
    return library.rpartition("/")[2] in target.base.libraries


def _same_package(path: str, other: str) -> bool:
    """Whether both lie below the same folder of modules, or in the same program's own folder."""
    marks = ("/site-packages/", "/python/", "/node_modules/")
    mount = "/opt/" if path.startswith("/opt/") else "/var/task/"
    top = path.removeprefix(mount).partition("/")[0]
    if top not in _SHARED and other.startswith(f"{mount}{top}/"):
        return True
    return any(mark in path and other.startswith(path.partition(mark)[0] + mark) for mark in marks)


def _newer_glibc(attached: Attached) -> Iterator[Fault]:
    base = attached.target.base
    newest = {"GLIBC": base.glibc, "GLIBCXX": base.glibcxx, "CXXABI": base.cxxabi}
    if any(path.endswith("/libstdc++.so.6") for examined in attached.all for path in examined.elves):
        newest = {"GLIBC": base.glibc}
    for examined in attached.all:
        for family, has in newest.items():
            wanting = {
                path: max(numbers)
                for path, elf in examined.elves.items()
                if (numbers := [number for name, number in elf.versions if name == family and number > has])
            }
            if wanting:
                yield Fault(
                    examined.name,
                    tuple(wanting),
                    f"needs {family}_{_dotted(max(wanting.values()))}, and {base.name} ends at "
                    f"{family}_{_dotted(has)}: {_named(examined, tuple(wanting))}",
                    f"Compile it on {base.name}, or take a wheel for manylinux_2_{base.glibc[1]} or older.",
                )


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _musl(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        right = [path for path, elf in examined.elves.items() if not elf.wants_musl]
        wrong = tuple(
            path
            for path, elf in examined.elves.items()
            if elf.wants_musl and not examined.suited_elsewhere(path, right)
        )
        if wrong:
            yield Fault(
                examined.name,
                wrong,
                f"compiled for Alpine's C library (musl), and {attached.target.base.name} has glibc: "
                f"{_named(examined, wrong)}",
                "Install it on a system with glibc, or for one: manylinux wheels, npm's --libc=glibc.",
            )


def _programs(examined: Examined, target: Target) -> Iterator[Entry]:
    """The files that something will try to execute."""
    is_function = examined.artifact.role is Role.FUNCTION
    custom = target.runtime is None or target.runtime.startswith("provided")
    for entry in examined.artifact.files:
        if (entry.path == "bootstrap" and custom) or (not is_function and _RUNS.fullmatch(entry.path)):
            yield entry


def _not_executable(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = tuple(
            entry.path
            for entry in _programs(examined, attached.target)
            if not entry.mode & 0o111
            and (
                not entry.path.startswith("bin/")
                or examined.artifact.read(entry.path)[:4].startswith((b"#!", ELF_MAGIC))
            )
        )
        if paths:
            yield Fault(
                examined.name,
                paths,
                f"{listed(paths)} cannot be executed: the archive says nothing of x",
                f"chmod +x before zipping, on Linux or macOS: chmod 755 {paths[0]}",
            )


def _windows_lines(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = tuple(
            entry.path
            for entry in _programs(examined, attached.target)
            if (first := examined.artifact.read(entry.path)[:256].partition(b"\n")[0]).startswith(b"#!")
            and first.endswith(b"\r")
        )
        if paths:
            yield Fault(
                examined.name,
                paths,
                f"the first line of {listed(paths)} ends as Windows ends lines, so its interpreter is not found",
                f"Convert it: sed -i 's/\\r$//' {paths[0]}",
            )


RULES = (
    Rule("LAM401", Severity.ERROR, "compiled for another processor", _architecture),
    Rule("LAM402", Severity.ERROR, "compiled for another system", _system),
    Rule("LAM403", Severity.ERROR, "shared library missing", _missing_libraries),
    Rule("LAM404", Severity.ERROR, "needs a newer C library", _newer_glibc),
    Rule("LAM405", Severity.ERROR, "compiled for musl", _musl),
    Rule("LAM406", Severity.ERROR, "program without the x bit", _not_executable),
    Rule("LAM407", Severity.ERROR, "script with Windows line ends", _windows_lines),
)
