"""What the platform itself puts into an environment: `/var/runtime`, and for Python the runtime's packages.

AWS's images carry awslambdaric and boto3 in the interpreter's site-packages. Ours are the ones Lamina is installed
with, as files without compiled parts, in a folder of their own, so that nothing else of the server's packages is to be
seen. simplejson and the others fall back to Python where their extension is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lamina.sandbox.contents import InterpreterLayout

_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
_CLIENTS = Path(__file__).parent.parent / "guest" / "runtimes"
# What a forked interpreter runs.
BOOTSTRAP = "/var/runtime/bootstrap.py"
# What it does first, as a module.
REHEARSAL = "lamina_rehearsal"
# Top-level modules of these that a layer may bring in another version.
REPLACEABLE = ("simplejson",)
_putting_together = threading.Lock()


@dataclass(frozen=True, slots=True)
class RuntimeFiles:
    """Folders to mount: at /var/runtime, and at the interpreter's site-packages."""

    var_runtime: Path
    packages: Path


def provide(root: Path, version: str) -> RuntimeFiles:
    """The files for interpreter *version* ("3.11") below *root*, put together once and reused by name."""
    folder = _provide(root, [*_distributions(_CLIENT), *_suiting(_distributions(_SDK), version)], "python")
    return RuntimeFiles(folder / "var_runtime", folder / "packages")


def provide_client(root: Path, family: str) -> Path | None:
    """What Lamina puts into /var/runtime for a *family* of runtimes ("nodejs"), below *root*; None: nothing."""
    return _provide(root, [], family) / "var_runtime" if (_CLIENTS / family).is_dir() else None


def _provide(root: Path, distributions: list[metadata.Distribution], family: str) -> Path:
    client = {path.relative_to(_CLIENTS / family): path for path in sorted((_CLIENTS / family).rglob("*"))}
    client = {name: path for name, path in client.items() if path.is_file() and "__pycache__" not in name.parts}
    key = hashlib.sha256()
    for distribution in distributions:
        key.update(f"{distribution.name} {distribution.version}\n".encode())
    for name, path in client.items():
        key.update(str(name).encode() + path.read_bytes())
    folder = root / "v1" / key.hexdigest()[:32]
    # Two runtimes that are wanted at the same moment mostly want the same files.
    with _putting_together:
        if not folder.is_dir():
            _put_together(folder, distributions, client)
    return folder


async def compile_ahead(files: RuntimeFiles, interpreter: InterpreterLayout) -> None:
    """Give *interpreter* byte-code of the runtime's packages, at the lowest priority; once, however often it is asked.

    Without it every environment compiles what it imports for itself: boto3 takes 400 ms instead of 100. A function sees
    each file only whole, and may see it any time, since nothing else changes.
    """
    done = files.packages.parent / f"compiled-{interpreter.release}"
    if done.exists():
        return
    inside = f"/var/lang/lib/python{interpreter.version}/site-packages"
    command = (interpreter.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", *command, "-d", inside, files.packages),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        umask=0o022,
        env={"PATH": os.defpath},
    )
    try:
        if await process.wait() == 0:
            done.touch()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _distributions(names: tuple[str, ...]) -> list[metadata.Distribution]:
    return [metadata.distribution(name) for name in names]


def _suiting(distributions: list[metadata.Distribution], version: str) -> list[metadata.Distribution]:
    """All of *distributions*, or none when one of them does not run on *version*: they need each other."""
    for distribution in distributions:
        required = re.search(r">=\s*(\d+)\.(\d+)", distribution.metadata["Requires-Python"] or "")
        if required and tuple(map(int, version.split("."))) < tuple(map(int, required.groups())):
            return []
    return distributions


def _put_together(folder: Path, distributions: list[metadata.Distribution], client: Mapping[Path, Path]) -> None:
    aside = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    packages = aside / "packages"
    for distribution in distributions:
        for file in distribution.files or ():
            if _belongs(file):
                _place(Path(str(file.locate())), packages / file)
    for inside, source in client.items():
        _place(source, aside / "var_runtime" / inside)
    for path, names, _ in os.walk(aside):
        for name in names:
            os.chmod(os.path.join(path, name), 0o755)
    aside.chmod(0o755)
    try:
        aside.rename(folder)
    except OSError:
        # Another server on the same state was faster; its files are the same.
        shutil.rmtree(aside)


def _belongs(file: metadata.PackagePath) -> bool:
    parts = file.parts
    return (
        ".." not in parts
        and "__pycache__" not in parts
        and "tests" not in parts
        and file.suffix not in (".so", ".pyd", ".pyc")
        and file.name not in ("RECORD", "direct_url.json", "INSTALLER", "REQUESTED")
    )


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link costs nothing, but carries the mode: what is not for everyone to read has to be copied.
    if source.stat().st_mode & 0o044 == 0o044:
        try:
            os.link(source, target)
        except OSError:
            pass
        else:
            return
    shutil.copyfile(source, target)
    target.chmod(0o644)
