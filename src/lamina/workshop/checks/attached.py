"""Everything that is attached together, read once, and the target that it is checked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lamina.functions.runtimes import Language
from lamina.workshop.artifacts import Artifact, Entry, Role
from lamina.workshop.bases import Base, base_of, version_numbers
from lamina.workshop.elf import Elf, foreign_system, read_elf
from lamina.workshop.packages import Package, owners, packages, python_roots

_COMPILED: Final = re.compile(r".*\.(?:so(?:\.[\d.]+)?|node|pyd|dylib|dll|exe)")
_CPYTHON: Final = re.compile(r"\.cpython-3(\d+)[a-z]*-")
_SITE: Final = re.compile(r"python/lib/(python3\.\d+)/site-packages(?:/|$)")
_NODE: Final = re.compile(r"nodejs/node(\d+)/node_modules(?:/|$)")
# Words by which a file's place says which system it is for: npm's and CPython's.
_PLATFORM: Final = re.compile(
    r"linuxmusl|linux|darwin|macosx?|win32|windows|win_amd64|x86_64|aarch64|amd64|arm64|x64|ia32|armv?\d*\w?(?=[-_./]|$)"
    r"|musl|glibc|gnu|cpython-3\d+t?|cp3\d+"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What it will run on. None where nobody said and nothing tells; `told_by` says who did."""

    runtime: str | None
    architecture: str | None
    told_by: str = ""

    @property
    def language(self) -> Language | None:
        return None if self.runtime is None else Language.of(self.runtime)

    @property
    def python(self) -> tuple[int, ...] | None:
        """The version of Python, (3, 12); None for other languages and unknown runtimes."""
        language = self.language
        return version_numbers(language.version) if language is not None and language.family == "python" else None

    @property
    def wheel_platform(self) -> str:
        """What pip's --platform has to be."""
        return f"manylinux2014_{'aarch64' if self.architecture == 'arm64' else 'x86_64'}"

    @property
    def base(self) -> Base:
        return base_of(self.runtime)

    def __str__(self) -> str:
        return f"{self.runtime or 'any runtime'} on {self.architecture or 'any architecture'}"


@dataclass(frozen=True, slots=True)
class Examined:
    """An artifact and what its files are: packages, whose file is whose, ELF files, files for other systems.

    `roots` are the folders that some Python looks for modules in.
    """

    artifact: Artifact
    roots: tuple[str, ...]
    packages: tuple[Package, ...]
    owner: Mapping[str, Package]
    elves: Mapping[str, Elf]
    foreign: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.artifact.name

    @property
    def mount(self) -> str:
        """Where it is seen by the function, with a slash at the end."""
        return "/var/task/" if self.artifact.role is Role.FUNCTION else "/opt/"

    def suited_elsewhere(self, path: str, suits: Iterable[str]) -> bool:
        """Whether *path* is one of several variants for different systems, of which one in *suits* is the right one."""
        shape = _PLATFORM.sub("*", path)
        return any(_PLATFORM.sub("*", other) == shape for other in suits)


@dataclass(frozen=True, slots=True)
class Attached:
    """Layers in the order in which a function lists them, its code when there is one, and what it is to run on."""

    layers: tuple[Examined, ...]
    function: Examined | None = None
    target: Target = Target(None, None)

    def on(self, target: Target) -> Attached:
        return replace(self, target=target)

    @property
    def all(self) -> tuple[Examined, ...]:
        return self.layers if self.function is None else (*self.layers, self.function)

    def seen(self) -> dict[str, tuple[Examined, Entry]]:
        """Absolute paths as the function sees them, to who wins there and the entry."""
        return {
            examined.mount + entry.path: (examined, entry)
            for examined in self.all
            for entry in examined.artifact.entries
        }


def examine(layers: Sequence[Artifact], function: Artifact | None = None) -> Attached:
    """Read what the rules need to know of *layers* and *function*: takes as long as reading their compiled files."""
    return Attached(tuple(_examine(layer) for layer in layers), None if function is None else _examine(function))


def _examine(artifact: Artifact) -> Examined:
    elves: dict[str, Elf] = {}
    foreign: dict[str, str] = {}
    for entry in artifact.files:
        if not _may_be_compiled(entry):
            continue
        data = artifact.read(entry.path)
        if (elf := read_elf(data)) is not None:
            elves[entry.path] = elf
        elif (system := foreign_system(data)) is not None:
            foreign[entry.path] = system
    found = packages(artifact)
    return Examined(artifact, python_roots(artifact), found, owners(found), elves, foreign)


def _may_be_compiled(entry: Entry) -> bool:
    return _COMPILED.fullmatch(entry.name) is not None or ("." not in entry.name and entry.size > 64)


def targets(attached: Attached, runtime: str | None = None, architecture: str | None = None) -> tuple[Target, ...]:
    """What to check for: what was asked for, else what the function has, else what all layers were published for, else
    what their files are made for; each runtime with each architecture.
    """
    function = None if attached.function is None else attached.function.artifact
    layers = [layer.artifact for layer in attached.layers]
    runtimes, runtimes_by = _chosen(
        runtime,
        None if function is None else function.runtimes,
        [layer.runtimes for layer in layers if layer.runtimes],
        _runtimes_by_files(attached),
    )
    machines, machines_by = _chosen(
        architecture,
        None if function is None else function.architectures,
        [layer.architectures for layer in layers if layer.architectures],
        _architectures_by_files(attached),
    )
    told_by = ", ".join(dict.fromkeys(filter(None, (runtimes_by, machines_by))))
    return tuple(Target(name, machine, told_by) for name in runtimes or (None,) for machine in machines or (None,))


def _chosen(
    asked: str | None, functions: tuple[str, ...] | None, declared: list[tuple[str, ...]], by_files: tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    if asked is not None:
        return (asked,), "as asked"
    if functions:
        return functions, "as the function says"
    if common := tuple(name for name in (declared or [()])[0] if all(name in said for said in declared)):
        return common, "as declared"
    return by_files, "as the files are" if by_files else ""


def _runtimes_by_files(attached: Attached) -> tuple[str, ...]:
    pythons, nodes = set(), set()
    for examined in attached.all:
        for entry in examined.artifact.entries:
            if (site := _SITE.match(entry.path)) is not None:
                pythons.add(site[1])
            elif (compiled := _CPYTHON.search(entry.name)) is not None:
                pythons.add(f"python3.{compiled[1]}")
            elif (node := _NODE.match(entry.path)) is not None:
                nodes.add(f"nodejs{node[1]}.x")
    found = pythons or nodes
    return tuple(found) if len(found) == 1 else ()


def _architectures_by_files(attached: Attached) -> tuple[str, ...]:
    found = {elf.machine for examined in attached.all for elf in examined.elves.values()} & {"x86_64", "arm64"}
    # Of files for both, those for the architecture that functions have by default must be whole.
    return tuple(found) if len(found) < 2 else ("x86_64",)
