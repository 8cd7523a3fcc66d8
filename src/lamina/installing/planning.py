"""What an install will fetch and where each file goes: decided here, carried out by `installing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from lamina.installing.lock import Artifact, Lock, SdkPackage

SDK_COMMON: Final = "common"
SDK_NONE: Final = "none"
_SCOPE: Final = "node_modules/@aws-sdk/"
# A Java runtime's archive of its own classes, which is made here and not fetched.
_CLASS_ARCHIVE_BYTES: Final = 16_000_000


class NotInstallable(Exception):
    """*runtime* is none that can be fetched for this machine; `hint` says what else there is."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Shape(Enum):
    """What an artifact holds, and so which of its files are wanted and under which names."""

    NODE = auto()
    JAVA = auto()
    NPM_PACKAGE = auto()
    JAR = auto()


@dataclass(frozen=True, slots=True)
class Placement:
    """An artifact, and the folder (below the runtime's own) that its content goes to."""

    artifact: Artifact
    shape: Shape
    folder: str


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """A whole install. Without *lang* the runtime goes on with an interpreter of the machine."""

    runtime: str
    kind: str
    architecture: str
    release: str
    lang: bool
    sdk: str
    placements: tuple[Placement, ...]

    @property
    def download_bytes(self) -> int:
        return sum(placement.artifact.size_bytes for placement in self.placements)

    @property
    def installed_bytes(self) -> int:
        """About what will stand on the disk in the end."""
        made_here = _CLASS_ARCHIVE_BYTES if self.kind == "java" and self.lang else 0
        return sum(placement.artifact.kept_bytes for placement in self.placements) + made_here

    def manifest(self, installed_bytes: int) -> dict[str, Any]:
        """manifest.json (docs/formats/runtimes.md)."""
        return {
            "runtime": self.runtime,
            "kind": self.kind,
            "architecture": self.architecture,
            "release": self.release,
            "lang": self.lang,
            "sdk": self.sdk,
            "artifacts": [
                {
                    "name": placement.artifact.name,
                    "integrity": placement.artifact.integrity,
                    "bytes": placement.artifact.size_bytes,
                    "licence": placement.artifact.licence,
                }
                for placement in self.placements
            ],
            "installed_bytes": installed_bytes,
        }

    def made(self, manifest: Mapping[str, Any]) -> bool:
        """Whether what *manifest* describes is what this plan would install: nothing would change."""
        ours = self.manifest(0)
        return all(manifest.get(key) == value for key, value in ours.items() if key != "installed_bytes")


def plan_install(
    lock: Lock, runtime: str, architecture: str, sdk: str = SDK_COMMON, interpreter: bool = True
) -> InstallPlan:
    """What an install of *runtime* does on a machine of *architecture*; without *interpreter*, of the rest only.

    So it is too where no registry carries the interpreter for that architecture. Raises NotInstallable.
    """
    recipe = lock.recipes.get(runtime)
    if recipe is None:
        raise NotInstallable(f"{runtime} is not among the runtimes that can be fetched", "See `lamina runtimes`.")
    lang = recipe.lang.get(architecture) if interpreter else None
    names = _sdk_names(lock, sdk) if recipe.sdk else ()
    placements = [Placement(artifact, Shape.JAR, "runtime/lib") for artifact in recipe.client]
    packages = _with_needs(lock.sdk_packages, [_SCOPE + name for name in names])
    placements += [Placement(package.artifact, Shape.NPM_PACKAGE, f"runtime/{package.at}") for package in packages]
    if lang is not None:
        placements.insert(0, Placement(lang, Shape.NODE if recipe.kind == "nodejs" else Shape.JAVA, "lang"))
    if not placements:
        raise NotInstallable(f"nothing of {runtime} is left to install", "Leave out --sdk none or --no-interpreter.")
    return InstallPlan(
        runtime=runtime,
        kind=recipe.kind,
        architecture=architecture,
        release=recipe.release if lang is not None else placements[0].artifact.version,
        lang=lang is not None,
        sdk=SDK_NONE if not names else SDK_COMMON if set(names) == set(lock.sdk_common) else ",".join(names),
        placements=tuple(placements),
    )


def _sdk_names(lock: Lock, sdk: str) -> tuple[str, ...]:
    """The packages that *sdk* means, in order and once each; "s3" is short for "client-s3". Raises NotInstallable."""
    if sdk == SDK_NONE:
        return ()
    if sdk == SDK_COMMON:
        return lock.sdk_common
    names, unknown = set(), []
    for given in filter(None, (part.strip().removeprefix("@aws-sdk/") for part in sdk.split(","))):
        candidates = [name for name in (given, f"client-{given}") if _SCOPE + name in lock.sdk_packages]
        names.update(candidates[:1])
        unknown += [] if candidates else [given]
    if unknown or not names:
        raise NotInstallable(
            f"--sdk names {', '.join(unknown) or 'nothing'}: no package of the AWS SDK that can be fetched",
            f"There are {', '.join(lock.sdk_common)}. Any other belongs in a layer, as AWS advises for all of them.",
        )
    return tuple(sorted(names))


def _with_needs(packages: Mapping[str, SdkPackage], wanted: Iterable[str]) -> list[SdkPackage]:
    """The packages at *wanted* and all they need, each once, by folder, so that a folder comes before those in it."""
    found: dict[str, SdkPackage] = {}
    ahead = list(wanted)
    while ahead:
        at = ahead.pop()
        if at not in found:
            found[at] = packages[at]
            ahead += packages[at].needs
    return [found[at] for at in sorted(found)]
