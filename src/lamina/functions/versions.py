"""One version of a function, `$LATEST` included: the record that everything else reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lamina.functions.elsewhere import FileSystem, Image, Vpc
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import LATEST, FunctionArn


class State(StrEnum):
    """Whether a version can run."""

    PENDING = "Pending"
    ACTIVE = "Active"
    FAILED = "Failed"


class UpdateStatus(StrEnum):
    """How the last change of a version that can run went."""

    SUCCESSFUL = "Successful"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a version stands. `update` is None until it was active once; the reason goes with the last step."""

    state: State
    update: UpdateStatus | None = None
    reason: str | None = None
    reason_code: str | None = None

    @property
    def settled(self) -> bool:
        """False while an activation still has to finish."""
        return self.state is not State.PENDING and self.update is not UpdateStatus.IN_PROGRESS


# AWS gives this very reason for an update too.
_CREATING = ("The function is being created.", "Creating")
CREATING = Status(State.PENDING, None, *_CREATING)
UPDATING = Status(State.ACTIVE, UpdateStatus.IN_PROGRESS, *_CREATING)
SETTLED = Status(State.ACTIVE, UpdateStatus.SUCCESSFUL)


@dataclass(frozen=True, slots=True)
class Logging:
    """LoggingConfig. `group` None means /aws/lambda/<name>; the levels exist with the JSON format only."""

    format: str = "Text"
    group: str | None = None
    application_level: str | None = None
    system_level: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the user sets, besides the code. `environment` is None when none was ever given, () when it is empty.

    `layers` stand in the order the function lists them, the bottom one first. A function of package type Image has an
    `image`, and an empty `runtime` and `handler`.
    """

    runtime: str
    handler: str
    role: str
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    storage_mb: int = 512
    environment: tuple[tuple[str, str], ...] | None = None
    architecture: str = "x86_64"
    logging: Logging = Logging()
    layers: tuple[AttachedLayer, ...] = ()
    snap_start: str = "None"
    # From here on: kept and shown, without effect on an environment.
    vpc: Vpc | None = None
    dead_letter: str | None = None
    kms_key: str | None = None
    tracing: str = "PassThrough"
    file_systems: tuple[FileSystem, ...] = ()
    image: Image | None = None


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """A version of a function as the catalog keeps it.

    `arn` is unqualified. `version` is "$LATEST" or a decimal number. `last_modified` is ISO 8601 with milliseconds
    and zone, as the API shows it. `published_from` is the description `$LATEST` had when this version was published of
    it; None for `$LATEST`.
    """

    arn: FunctionArn
    version: str
    configuration: Configuration
    code: StoredArchive
    status: Status
    revision_id: str
    last_modified: str
    published_from: str | None = None

    @property
    def qualified_arn(self) -> FunctionArn:
        return self.arn.qualified(self.version)

    @property
    def is_latest(self) -> bool:
        return self.version == LATEST

    @property
    def snap_starts(self) -> bool:
        """Whether its environments begin from a snapshot."""
        return not self.is_latest and self.configuration.snap_start == "PublishedVersions"

    @property
    def optimized(self) -> bool:
        """Whether it has the snapshot its environments are to begin from."""
        return self.snap_starts and self.status == SETTLED

    @property
    def code_sha256(self) -> str:
        """CodeSha256: of an archive in base64, of an image as registries spell digests."""
        return self.code.digest.base64 if self.configuration.image is None else self.code.digest.hex

    @property
    def log_group(self) -> str:
        """The CloudWatch Logs group its output belongs to."""
        return self.configuration.logging.group or f"/aws/lambda/{self.arn.name}"
