"""Builds that were made, kept by a digest of everything that they were made from (docs/formats/builds.md)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from lamina import user_folders
from lamina.names import Digest
from lamina.workshop.building.pieces import Package
from lamina.workshop.building.sizes import PackageSize
from lamina.workshop.caches import trim
from lamina.workshop.errors import WorkshopError

_REPORT: Final = "report.json"
_ABANDONED_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """One archive. `file` lies in the cache. `sizes` are those of its packages, the largest first."""

    name: str
    file: Path
    digest: Digest
    zipped_bytes: int
    unzipped_bytes: int
    sizes: tuple[PackageSize, ...]


@dataclass(frozen=True, slots=True)
class Build:
    """What a recipe came to. `notes` are sentences that its maker should read. `made_at` is in seconds since 1970."""

    layers: tuple[BuiltLayer, ...]
    notes: tuple[str, ...]
    made_at: int
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Builds:
    """The folder that they are kept in."""

    folder: Path

    @classmethod
    def of_the_user(cls, environ: Mapping[str, str]) -> Builds:
        """In the user's cache folder, as XDG names it."""
        return cls(user_folders.cache(environ) / "builds" / "v1")

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """An empty folder to build in, gone afterwards. It lies beside uv's cache, which can be linked to."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise WorkshopError(f"{self.folder} cannot be made: {error.strerror}") from error
        self._clear()
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".building-") as folder:
            yield Path(folder)

    def _clear(self) -> None:
        """Remove what commands left that were killed, a day ago or more."""
        for path in self.folder.glob(".building-*"):
            try:
                old = path.stat().st_mtime < time.time() - _ABANDONED_S
            except FileNotFoundError:
                continue
            if old:
                shutil.rmtree(path, ignore_errors=True)

    def get(self, key: str) -> Build | None:
        """The build of *key*, if it is there and whole."""
        folder = self.folder / key
        try:
            report = json.loads((folder / _REPORT).read_bytes())
            layers = tuple(_layer(folder, told) for told in report["layers"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if any(_digest(layer.file) != layer.digest for layer in layers):
            return None
        # The cache keeps what was used lately.
        with suppress(OSError):
            os.utime(folder)
        return Build(layers, tuple(report["notes"]), report["made_at"], cached=True)

    def put(self, key: str, build: Build, aside: Path) -> Build:
        """Keep *build*, whose archives lie in *aside*, a folder that `aside` gave; it is then the cache's."""
        told = [
            {
                "name": layer.name,
                "sha256": layer.digest.hex,
                "unzipped_bytes": layer.unzipped_bytes,
                "packages": [asdict(size) for size in layer.sizes],
            }
            for layer in build.layers
        ]
        report = {"made_at": build.made_at, "notes": build.notes, "layers": told}
        (aside / _REPORT).write_text(json.dumps(report, indent=1))
        folder = self.folder / key
        gone = aside.with_name(f"{aside.name}-before")
        if folder.exists():
            folder.rename(gone)
        try:
            aside.rename(folder)
        except OSError:
            # Another build of the same was quicker, and holds the same.
            if not folder.is_dir():
                raise
        shutil.rmtree(gone, ignore_errors=True)
        aside.mkdir(exist_ok=True)
        trim([path for path in self.folder.iterdir() if not path.name.startswith(".")], time.time())
        return Build(tuple(_layer(folder, layer) for layer in told), build.notes, build.made_at)


def key_of(parts: Mapping[str, Any], files: Sequence[tuple[str, Path]]) -> str:
    """The digest of *parts*, which JSON can hold, and of the contents of *files*, each under its name."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for name, path in files:
        status = path.lstat()
        looks = f"\0{name}\0{status.st_mode:o}\0"
        digest.update(looks.encode("utf-8", "surrogateescape"))
        digest.update(os.readlink(path).encode() if path.is_symlink() else _digest(path).hex.encode())
    return digest.hexdigest()


def place_all(name: str, layers: Sequence[BuiltLayer], folder: Path) -> list[Path]:
    """Put the archives of the recipe *name*, one or several, into *folder*; their paths there.

    Where it is divided, what an undivided build put there goes: nobody shall publish the whole beside its parts.
    """
    paths = [place(layer, folder) for layer in layers]
    whole = folder / f"{name}.zip"
    if whole not in paths:
        whole.unlink(missing_ok=True)
    return paths


def place(layer: BuiltLayer, folder: Path) -> Path:
    """Put the archive of *layer* into *folder*, whole or not at all; the path that it has there."""
    path = folder / f"{layer.name}.zip"
    try:
        if path.is_file() and path.stat().st_size == layer.zipped_bytes and _digest(path) == layer.digest:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f".{layer.name}-{os.getpid()}.zip"
        try:
            shutil.copyfile(layer.file, aside)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise WorkshopError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _layer(folder: Path, told: Mapping[str, Any]) -> BuiltLayer:
    file = folder / f"{told['name']}.zip"
    sizes = tuple(PackageSize(**{**size, "package": Package(**size["package"])}) for size in told["packages"])
    digest = Digest.from_hex(told["sha256"])
    return BuiltLayer(told["name"], file, digest, file.stat().st_size, told["unzipped_bytes"], sizes)


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest.from_hex(hashlib.file_digest(file, "sha256").hexdigest())
