"""Settings that name things of other AWS services: networks, file systems, keys, queues, container images.

None of those services is here. What a setting asks for is checked as far as that goes without them, kept and shown, so
that templates deploy unchanged; docs/OPERATIONS.md says of each what it does here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina import errors
from lamina.names import Digest

SNAP_START_STORAGE_MB_MAX = 512

_DIGEST = re.compile(r"@sha256:([0-9a-f]{64})$")
_PYTHON = re.compile(r"python3\.(\d+)")
_TARGET = re.compile(r"arn:aws[a-zA-Z-]*:(sqs|sns):[a-z0-9-]+:\d{12}:.+")


@dataclass(frozen=True, slots=True)
class Vpc:
    """VpcConfig. Both lists are empty once a function was detached, which AWS goes on showing."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    ipv6: bool = False

    @property
    def attached(self) -> bool:
        return bool(self.subnets)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One of FileSystemConfigs: an access point and where it is to be mounted."""

    arn: str
    path: str


@dataclass(frozen=True, slots=True)
class Image:
    """A container image: where it is, and the parts of ImageConfig that were sent (None: not sent)."""

    uri: str
    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    working_directory: str | None = None

    @property
    def configured(self) -> bool:
        return not (self.entry_point is None and self.command is None and self.working_directory is None)


def vpc(before: Vpc | None, sent: Mapping[str, Any]) -> Vpc | None:
    """The VpcConfig after *sent*; None where there never was one. AWS's error for half of one."""
    subnets, groups = tuple(sent.get("SubnetIds") or ()), tuple(sent.get("SecurityGroupIds") or ())
    ipv6 = bool(sent.get("Ipv6AllowedForDualStack"))
    if not subnets and not groups:
        return None if before is None else Vpc()
    if not subnets or not groups:
        raise errors.invalid_parameter_value("SubnetIds and SecurityIds must coexist or be both empty list.")
    return Vpc(subnets, groups, ipv6)


def dead_letter(before: str | None, sent: Mapping[str, Any]) -> str | None:
    """The TargetArn after *sent*: an empty DeadLetterConfig changes nothing, an empty TargetArn takes it away."""
    target = sent.get("TargetArn")
    if target is None:
        return before
    if target and _TARGET.fullmatch(target) is None:
        raise errors.invalid_parameter_value(
            "The provided target ARN is invalid: it has to be the ARN of an Amazon SQS queue or an Amazon SNS topic."
        )
    return target or None


def file_systems(sent: list[Mapping[str, str]]) -> tuple[FileSystem, ...]:
    """The FileSystemConfigs that were *sent*."""
    return tuple(FileSystem(each["Arn"], each["LocalMountPath"]) for each in sent)


def check_file_systems(wanted: tuple[FileSystem, ...], network: Vpc | None) -> None:
    """Raise AWS's error for a file system without a network to reach it by."""
    if wanted and not (network and network.attached):
        raise errors.invalid_parameter_value(
            "Function must be configured to execute in a VPC to reference access points."
        )


def check_snap_start(runtime: str, storage_mb: int, mounts: tuple[FileSystem, ...]) -> None:
    """Raise the error that SnapStart deserves on a function like this."""
    if runtime.startswith(("java", "dotnet")):
        raise errors.not_supported(f"SnapStart of {runtime}", "only runtimes that can be forked have it; use None.")
    python = _PYTHON.fullmatch(runtime)
    if python is None or int(python[1]) < 12:
        raise errors.invalid_parameter_value(f"{runtime} is not supported for SnapStart enabled functions.")
    if storage_mb > SNAP_START_STORAGE_MB_MAX:
        raise errors.invalid_parameter_value(
            "SnapStart is not supported for functions with ephemeral storage of more than "
            f"{SNAP_START_STORAGE_MB_MAX} MB."
        )
    if mounts:
        raise errors.invalid_parameter_value("SnapStart is not supported for functions with Amazon EFS.")


def image(uri: str, sent: Mapping[str, Any] | None) -> Image:
    """The image at *uri* with the ImageConfig that was *sent*, which replaces what there was as a whole."""
    given = sent or {}
    return Image(
        uri,
        entry_point=_words(given.get("EntryPoint")),
        command=_words(given.get("Command")),
        working_directory=given.get("WorkingDirectory"),
    )


def image_digest(uri: str) -> Digest:
    """The digest that *uri* names. Of a tag, that of the very text: no registry is there to ask what it stands for."""
    named = _DIGEST.search(uri)
    return Digest.of(uri.encode()) if named is None else Digest(named[1])


def resolved(uri: str, digest: Digest) -> str:
    """The image's address by its digest."""
    repository = uri.partition("@")[0]
    # A colon before the last slash is a port's.
    folder, slash, name = repository.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}@sha256:{digest.hex}"


def _words(sent: list[str] | None) -> tuple[str, ...] | None:
    return tuple(sent) if sent else None
