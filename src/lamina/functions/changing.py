"""The life of a function version: created, updated, activated; each step gives the record to store next.

    create -> Pending -> activated -> Active/Successful -> update -> Active/InProgress -> activated -> …

Every step that users can see gets a new RevisionId. Identifiers and times come in with a Stamp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lamina import errors
from lamina.functions import elsewhere
from lamina.functions.configuring import check_kind, configured
from lamina.functions.versions import (
    CREATING,
    SETTLED,
    UPDATING,
    Configuration,
    FunctionVersion,
    State,
    Status,
    UpdateStatus,
)
from lamina.layers import sizes
from lamina.layers.attaching import AttachedLayer
from lamina.layers.revisions import check_revision
from lamina.layers.versions import StoredArchive
from lamina.names import LATEST, FunctionArn


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a step needs from outside: a fresh RevisionId (a UUID) and the time, as the API shows times."""

    revision_id: str
    now: str


def create(
    arn: FunctionArn,
    request: Mapping[str, Any],
    code: StoredArchive,
    layers: tuple[AttachedLayer, ...],
    stamp: Stamp,
) -> FunctionVersion:
    """`$LATEST` of the new function that a checked CreateFunction *request* describes; errors if sizes do not fit."""
    sizes.check_together(0, layers)
    sizes.check_unzipped(code.unzipped_bytes, sizes.room_for_code(layers))
    bare = Configuration(request.get("Runtime") or "", request.get("Handler") or "", request["Role"])
    uri = request.get("Code", {}).get("ImageUri")
    if uri is not None:
        bare = replace(bare, image=elsewhere.image(uri, None))
    return FunctionVersion(
        arn=arn,
        version=LATEST,
        configuration=configured(bare, request, layers),
        code=code,
        status=CREATING,
        revision_id=stamp.revision_id,
        last_modified=stamp.now,
    )


def published(function: FunctionVersion, number: int, stamp: Stamp, description: str | None = None) -> FunctionVersion:
    """Version *number*, made of `$LATEST` as it is now: to be activated with it, or active as it is.

    One that is to start from a snapshot is active once that is taken. A *description* is the version's own; without one
    it has that of `$LATEST`.
    """
    configuration = function.configuration
    if description is not None:
        configuration = replace(configuration, description=description)
    version = replace(
        function,
        version=str(number),
        configuration=configuration,
        revision_id=stamp.revision_id,
        last_modified=stamp.now,
        published_from=function.configuration.description,
    )
    ready = function.status == SETTLED and not version.snap_starts
    return replace(version, status=SETTLED if ready else CREATING)


def check_publishable(latest: FunctionVersion, request: Mapping[str, Any]) -> None:
    """Raise AWS's error if a PublishVersion *request* is not for `$LATEST` as it is, or comes before it is ready."""
    expected = request.get("CodeSha256")
    current = latest.code_sha256
    # An empty one is as good as none.
    if expected and expected != current:
        raise errors.invalid_parameter_value(
            f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    check_changeable(latest, request.get("RevisionId"))
    if latest.status.state is State.FAILED:
        raise _in_state(latest)


def is_unchanged(latest: FunctionVersion, last: FunctionVersion | None) -> bool:
    """Whether *last*, the version published last, is what publishing *latest* would give again."""
    if last is None or last.published_from is None:
        return False
    was = replace(last.configuration, description=last.published_from)
    return was == latest.configuration and last.code.digest == latest.code.digest


def touched(function: FunctionVersion, revision_id: str) -> FunctionVersion:
    """*function* after a change to what belongs to it and is no part of its configuration: tags, versions."""
    return replace(function, revision_id=revision_id)


def update_code(
    function: FunctionVersion, request: Mapping[str, Any], code: StoredArchive, stamp: Stamp
) -> FunctionVersion:
    """`$LATEST` with new *code*, and the architecture that *request* may name; errors if it may not change so."""
    check_changeable(function, request.get("RevisionId"))
    sizes.check_unzipped(code.unzipped_bytes, sizes.room_for_code(function.configuration.layers))
    architecture = {"Architectures": request.get("Architectures")}
    configuration = configured(function.configuration, architecture, None)
    if request.get("ImageUri") and configuration.image is not None:
        configuration = replace(configuration, image=replace(configuration.image, uri=request["ImageUri"]))
    return _updated(function, configuration, code, stamp)


def update_configuration(
    function: FunctionVersion,
    request: Mapping[str, Any],
    layers: tuple[AttachedLayer, ...] | None,
    stamp: Stamp,
) -> FunctionVersion:
    """`$LATEST` with the members *request* sends; *layers* are its Layers, resolved, or None where it sends none."""
    check_changeable(function, request.get("RevisionId"))
    check_kind(function.configuration, request)
    if layers is not None:
        sizes.check_together(function.code.unzipped_bytes, layers)
    return _updated(function, configured(function.configuration, request, layers), function.code, stamp)


def activated(function: FunctionVersion, revision_id: str, hindrance: str | None = None) -> FunctionVersion:
    """What a version becomes once its code and layers lie ready, and its snapshot, unless there is a *hindrance*."""
    status = SETTLED
    if hindrance is not None:
        status = replace(SETTLED, reason=f"There is no snapshot: {hindrance}", reason_code="FunctionError")
    return replace(function, status=status, revision_id=revision_id)


def failed(function: FunctionVersion, reason: str, revision_id: str, code: str = "InternalError") -> FunctionVersion:
    """What a version becomes when it could not be made ready; *reason* is shown to the user.

    *code* says whose fault that is: "FunctionError" where the function's own initialisation failed.
    """
    pending = function.status.state is State.PENDING
    status = (
        Status(State.FAILED, None, reason, code) if pending else Status(State.ACTIVE, UpdateStatus.FAILED, reason, code)
    )
    return replace(function, status=status, revision_id=revision_id)


def check_changeable(function: FunctionVersion, revision_id: str | None) -> None:
    """Raise AWS's error if an update is still under way, or *revision_id* is given and not the current one."""
    check_revision(revision_id, function.revision_id)
    if function.status.state is State.PENDING:
        raise _in_state(function)
    if not function.status.settled:
        raise errors.resource_conflict(
            "The operation cannot be performed at this time. "
            f"An update is in progress for resource: {function.arn.unqualified}"
        )


def _in_state(function: FunctionVersion) -> errors.ApiError:
    return errors.resource_conflict(
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: {function.status.state}"
    )


def _updated(
    function: FunctionVersion, configuration: Configuration, code: StoredArchive, stamp: Stamp
) -> FunctionVersion:
    # A function whose creation failed has never been active: the update is another attempt to create it.
    status = CREATING if function.status.state is State.FAILED else UPDATING
    return replace(
        function,
        configuration=configuration,
        code=code,
        status=status,
        revision_id=stamp.revision_id,
        last_modified=stamp.now,
    )
