"""Jars below java/lib: what a pom.xml depends on, fetched by Maven, and what it compiles, if it has sources."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lamina.workshop.building.archives import pack, write
from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.building.tools import ToolFailed, Tools
from lamina.workshop.errors import WorkshopError

PREFIX: Final = "java/lib/"
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_LEFT_OUT: Final = frozenset(("target", ".git", "build", ".idea", "node_modules"))
_NAME: Final = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*)\.jar")
_SAYS_WHO: Final = re.compile(
    rb"(?im)^(?:Built-By|Created-By|Build-Jdk|Build-Jdk-Spec|Build-Time|Bnd-LastModified):.*\r?\n"
)


def sources(manifest: Path) -> Iterator[Path]:
    """Every file that says what *manifest* comes to."""
    yield manifest
    for folder in (manifest.parent / "src" / "main", manifest.parent / ".mvn"):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def install(manifest: Path, aside: Path, tools: Tools) -> list[Piece]:
    """The jars as pieces. *aside* is an empty folder, where all of it happens: nothing is written beside *manifest*."""
    maven = tools.find("mvn", "Debian and Ubuntu have it in the package maven; it needs a JDK.")
    compiled = (manifest.parent / "src" / "main").is_dir()
    tools.progress.step(f"fetching the jars that {manifest.name} asks for{', and compiling' if compiled else ''}")
    shutil.copytree(manifest.parent, aside / "project", ignore=lambda _, names: _LEFT_OUT & set(names), symlinks=True)
    jars = aside / "jars"
    jars.mkdir()
    wanted = [_COPY, "-DincludeScope=runtime", f"-DoutputDirectory={jars}", "-Dmdep.useBaseVersion=true"]
    goals = ["package", "-DskipTests", *wanted] if compiled else wanted
    try:
        tools.run([maven, "--batch-mode", "--no-transfer-progress", "--file", manifest.name, *goals], aside / "project")
    except ToolFailed as error:
        # What follows its last arrow is about Maven's own options.
        lines = error.output.partition("[ERROR] -> [Help")[0].splitlines()
        told = "\n".join(line.removeprefix("[ERROR] ") for line in lines if line.startswith("[ERROR] "))
        told = (told or error.output.strip()).replace(str(aside / "project"), str(manifest.parent))
        raise WorkshopError(f"Maven could not build {manifest}\n{told}") from error
    pieces = [_piece(path, None) for path in sorted(jars.glob("*.jar"))]
    if compiled:
        pieces += [_piece(path, without_traces(path.read_bytes())) for path in _own(aside / "project" / "target")]
    return pieces


def without_traces(jar: bytes) -> bytes:
    """*jar* with the same content, written as every archive here, and saying nothing of who made it, when or where."""
    with zipfile.ZipFile(io.BytesIO(jar)) as archive:
        contents = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    package = Package("")
    pieces = [Piece(name, package, data=_plain(name, content)) for name, content in contents.items()]
    out = io.BytesIO()
    # Readers of jars want the manifest first.
    packed = pack(pieces)
    write(sorted(packed, key=lambda item: item.piece.path != "META-INF/MANIFEST.MF"), out)
    return out.getvalue()


def _plain(name: str, content: bytes) -> bytes:
    if name == "META-INF/MANIFEST.MF":
        return _SAYS_WHO.sub(b"", content)
    if name.startswith("META-INF/maven/") and name.endswith("/pom.properties"):
        # Java writes the date of the day into a comment.
        return b"".join(line for line in content.splitlines(keepends=True) if not line.startswith(b"#"))
    return content


def _own(target: Path) -> Iterator[Path]:
    for path in sorted(target.glob("*.jar")):
        if not path.stem.endswith(("-sources", "-javadoc", "-tests")) and not path.name.startswith("original-"):
            yield path


def _piece(path: Path, data: bytes | None) -> Piece:
    found = _NAME.fullmatch(path.name)
    package = Package(found["name"], found["version"]) if found else Package(path.stem)
    return Piece(PREFIX + path.name, package, source=path, data=data)
