"""LAM40x: compiled files and scripts that the function's machine cannot run."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
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
_RUNS: Final = re.compile(r"(?:extensions|bin)/[^/]+")


def _grouped(examined: Examined, paths: Iterable[str]) -> dict[str, list[str]]:
    """*paths* by the package they belong to, or each by itself."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        owner = examined.owner.get(path)
        groups[path if owner is None else f"{owner.name} {owner.version}"].append(path)
    return groups


def _architecture(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        right = [path for path, elf in examined.elves.items() if elf.machine == attached.target.architecture]
        if attached.target.architecture is None:
            continue
        wrong = {
            path: elf.machine
            for path, elf in examined.elves.items()
            if elf.machine != attached.target.architecture and not examined.suited_elsewhere(path, right)
        }
        for name, paths in _grouped(examined, wrong).items():
            yield Fault(
                examined.name,
                tuple(paths),
                f"{name} is compiled for {wrong[paths[0]].removeprefix('EM_')}, and the function runs on "
                f"{attached.target.architecture}",
                f"Install it for {attached.target.architecture}: lamina build, pip's --platform, npm's --cpu; or "
                "give the function the other architecture.",
            )


def _system(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        foreign = {
            path: system
            for path, system in examined.foreign.items()
            if not examined.suited_elsewhere(path, examined.elves) and not path.endswith(".exe")
        }
        groups = _grouped(examined, foreign)
        systems = {name: foreign[paths[0]] for name, paths in groups.items()}
        for package in examined.packages:
            name = f"{package.name} {package.version}"
            found = {tag["platform"] for text in package.tags if (tag := _WHEEL_PLATFORMS.fullmatch(text))}
            if (
                found
                and len(found) == len({text.rpartition("-")[2][:3] for text in package.tags})
                and name not in groups
            ):
                groups[name] = [package.record]
                systems[name] = _SYSTEMS[min(found)]
        for name, paths in groups.items():
            yield Fault(
                examined.name,
                tuple(paths),
                f"{name} is for {systems[name]}, and Lambda is Linux",
                "Install it for Linux: pip install --platform manylinux2014_x86_64 --only-binary=:all: -t python …, "
                "npm install --os=linux --libc=glibc, or lamina build.",
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
    """Whether both lie below the same folder of modules: in one package, or in packages installed together."""
    marks = ("/site-packages/", "/python/", "/node_modules/")
    return any(mark in path and other.startswith(path.partition(mark)[0] + mark) for mark in marks)


def _newer_glibc(attached: Attached) -> Iterator[Fault]:
    base = attached.target.base
    newest = {"GLIBC": base.glibc, "GLIBCXX": base.glibcxx, "CXXABI": base.cxxabi}
    for examined in attached.all:
        wanting: dict[str, tuple[str, tuple[int, ...]]] = {}
        brings_own = any(path.endswith("/libstdc++.so.6") for path in examined.elves)
        for path, elf in examined.elves.items():
            for family, numbers in sorted(elf.versions):
                if numbers > newest.get(family, numbers) and not (brings_own and family != "GLIBC"):
                    wanting[path] = (family, numbers)
        for name, paths in _grouped(examined, wanting).items():
            family, numbers = max((wanting[path] for path in paths), key=lambda found: found[1])
            needs = f"{family}_{'.'.join(map(str, numbers))}"
            has = f"{family}_{'.'.join(map(str, newest[family]))}"
            yield Fault(
                examined.name,
                tuple(paths),
                f"{name} needs {needs}, and {base.name} ends at {has}",
                f"Compile it on {base.name}, or take a wheel for manylinux_2_{base.glibc[1]} or older.",
            )


def _musl(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        right = [path for path, elf in examined.elves.items() if not elf.wants_musl]
        wrong = [path for path, elf in examined.elves.items() if elf.wants_musl]
        wrong = [path for path in wrong if not examined.suited_elsewhere(path, right)]
        for name, paths in _grouped(examined, wrong).items():
            yield Fault(
                examined.name,
                tuple(paths),
                f"{name} is compiled for Alpine's C library (musl), and {attached.target.base.name} has glibc",
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
