"""What it takes for a project to see layers, decided from what is in them.

In a function all layers lie in one /opt, the last on top. In a project each stays where it is and is looked through,
the last first. Python's virtual environment gets a .pth file. What does not say that it is typed, mypy refuses to look
at where packages are installed; so its sources are linked once more, as its stubs, which PEP 561 puts into a folder
whose name ends in -stubs. A project of Node.js gets links in its node_modules, where nothing of that name is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.workshop.artifacts import Entry, Kind

PTH: Final = "lamina-layers.pth"
_NODE: Final = "nodejs/node_modules"
_JAVA: Final = "java/lib"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer whose content lies in the folder `root`."""

    root: Path
    entries: tuple[Entry, ...]

    def below(self, folder: str) -> list[str]:
        """The names directly in *folder*, sorted."""
        inside = f"{folder}/"
        found = (entry.path.removeprefix(inside) for entry in self.entries if entry.path.startswith(inside))
        return sorted({path.partition("/")[0] for path in found})

    def has(self, path: str) -> bool:
        """Whether there is a file, folder or link *path*."""
        return any(entry.path == path for entry in self.entries)

    def is_folder(self, path: str) -> bool:
        return any(entry.path == path and entry.kind is Kind.FOLDER for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: where its packages are, and its Python ("3.12")."""

    packages: Path
    version: str


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link at `path` to `target`."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make: `links`, and the .pth file `file` of `lines`, None where there is nothing of Python's."""

    file: Path | None
    lines: tuple[str, ...]
    links: tuple[Link, ...]


def folders(layers: Sequence[Layer], version: str) -> list[tuple[Layer, str]]:
    """Where Python *version* looks in *layers*, in the order in which it would find things in a function."""
    found = []
    for folder in (f"python/lib/python{version}/site-packages", "python"):
        found += [(layer, folder) for layer in reversed(layers) if layer.is_folder(folder)]
    return found


def plan_python(layers: Sequence[Layer], environment: Environment, taken: Collection[str]) -> Plan:
    """What makes *layers* visible in *environment*, among whose packages the names *taken* are there already."""
    looked_at = folders(layers, environment.version)
    if not looked_at:
        return Plan(None, (), ())
    links: list[Link] = []
    seen = set(taken)
    for layer, folder in looked_at:
        for name in layer.below(folder):
            stubs = f"{name.removesuffix('.py')}-stubs"
            if stubs not in seen and (found := list(_stubs(layer, f"{folder}/{name}", environment.packages / stubs))):
                seen.add(stubs)
                links += found
    lines = tuple(str(layer.root / folder) for layer, folder in looked_at)
    return Plan(environment.packages / PTH, lines, tuple(links))


def _stubs(layer: Layer, path: str, stubs: Path) -> Iterator[Link]:
    """The links below *stubs* that have mypy read the module or package at *path*; none where it would anyway."""
    if path.endswith(".py") and not layer.has(f"{path}i"):
        yield Link(stubs / "__init__.pyi", layer.root / path)
    if not layer.has(f"{path}/__init__.py") or layer.has(f"{path}/py.typed") or layer.has(f"{path}-stubs"):
        return
    for entry in layer.entries:
        if entry.path.startswith(f"{path}/") and entry.path.endswith((".py", ".pyi")):
            inside = Path(entry.path.removeprefix(f"{path}/"))
            if inside.suffix == ".pyi" or not layer.has(f"{entry.path}i"):
                yield Link(stubs / inside.with_suffix(".pyi"), layer.root / entry.path)


def plan_node(layers: Sequence[Layer], modules: Path, taken: Collection[str]) -> Plan:
    """What makes *layers* visible in the folder *modules*, where the packages *taken* are there already."""
    links: dict[str, Link] = {}
    for layer in reversed(layers):
        for name in _packages(layer):
            if name not in taken:
                links.setdefault(name, Link(modules / name, layer.root / _NODE / name))
    return Plan(None, (), tuple(links.values()))


def _packages(layer: Layer) -> Iterable[str]:
    for name in layer.below(_NODE):
        if name.startswith("@"):
            yield from (f"{name}/{inner}" for inner in layer.below(f"{_NODE}/{name}"))
        elif not name.startswith("."):
            yield name


def jars(layers: Sequence[Layer]) -> list[Path]:
    """The Java archives of *layers*, as a function's class path has them: by name, of one name the last layer's."""
    found: dict[str, Path] = {}
    for layer in layers:
        found |= {name: layer.root / _JAVA / name for name in layer.below(_JAVA) if name.endswith(".jar")}
    return [found[name] for name in sorted(found)]


def describe_jars(paths: Sequence[Path], form: str) -> str:
    """*paths* as a "classpath" line for a shell, or as lines for "gradle" or "maven"."""
    if form == "gradle":
        return "\n".join(["dependencies {", *(f'    compileOnly(files("{path}"))' for path in paths), "}"])
    if form == "maven":
        return "\n".join(
            f"<dependency>\n  <groupId>lamina.layers</groupId>\n  <artifactId>{path.stem}</artifactId>\n"
            f"  <version>0</version>\n  <scope>system</scope>\n  <systemPath>{path}</systemPath>\n</dependency>"
            for path in paths
        )
    return "export CLASSPATH=" + ":".join(map(str, paths))
