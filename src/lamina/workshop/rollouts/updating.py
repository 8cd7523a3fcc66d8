"""New code and new layers of one function together, such that no caller of an alias ever meets one without the other.

The API has no call that changes both. So $LATEST is changed in steps, each for the revision that the step before left;
once all took effect a version is made of it, and the alias goes there by one call. A caller of $LATEST does see the
steps: whoever cares calls an alias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lamina.names import LATEST, Digest
from lamina.workshop.endpoint import EndpointError
from lamina.workshop.errors import WorkshopError
from lamina.workshop.rollouts.functions import (
    ChangedMeanwhile,
    Configuration,
    Functions,
    Gone,
    Pause,
    layers_of,
    routed,
)

Tell = Callable[[str], None]

# What the API calls a function that is too large with its layers, among others.
_INVALID: Final = "InvalidParameterValueException"


@dataclass(frozen=True, slots=True)
class Change:
    """What is wanted of a function: None leaves code or layers as they are.

    `code` is an archive's bytes. `layers` are ARNs in order. With `alias`, it leads to the version that is published.
    """

    code: bytes | None
    layers: tuple[str, ...] | None
    publish: bool = False
    alias: str | None = None

    @property
    def code_sha256(self) -> str | None:
        """The archive's, as the API shows it."""
        return None if self.code is None else Digest.of(self.code).base64

    def is_in(self, configuration: Configuration) -> bool:
        """Whether *configuration* has it."""
        return self.code_sha256 in (None, configuration.get("CodeSha256")) and self.layers in (
            None,
            layers_of(configuration),
        )


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update came to. `version` was published, if one was wanted; `changed` says whether $LATEST was."""

    function: str
    code_sha256: str
    layers: tuple[str, ...]
    changed: bool
    version: str | None = None


def update(functions: Functions, name: str, change: Change, pause: Pause, tell: Tell) -> Updated:
    """Make *change* to the function *name* and give what there is now; *tell* hears of each step.

    Raises WorkshopError: $LATEST then has its old layers again where its code is still the old one, and an alias leads
    where it led. What is there already is not done again, so that the same update can be tried again.
    """
    alias = _alias(functions, name, change)
    # Whatever became of the update before: this one may mend it.
    before = functions.settled(name, pause)
    latest = before
    if not change.is_in(before):
        latest = _Latest(functions, name, pause, tell, before).changed(change)
    if not change.publish and change.alias is None:
        return Updated(name, latest["CodeSha256"], layers_of(latest), latest is not before)
    tell("publishing a version")
    published = _published(functions, name, latest, change, pause)
    version = str(published["Version"])
    if change.alias is not None:
        tell(f"moving {change.alias} to version {version}")
        _move(functions, name, change.alias, alias, version)
    return Updated(name, published["CodeSha256"], layers_of(published), latest is not before, version)


class _Latest:
    """$LATEST of one function, in the middle of being changed."""

    def __init__(self, functions: Functions, name: str, pause: Pause, tell: Tell, before: Configuration) -> None:
        self._functions, self._name, self._pause, self._tell = functions, name, pause, tell
        self._before = self._now = before
        self._sent: tuple[str, ...] | None = None

    def changed(self, change: Change) -> Configuration:
        """The configuration once *change* took effect."""
        layers, code = change.layers, change.code
        try:
            if code is None:
                assert layers is not None
                self._set_layers(layers)
            elif layers is None or layers == layers_of(self._before):
                self._set_code(change, code)
            else:
                self._both(change, code, layers)
        except WorkshopError:
            self._put_back()
            raise
        return self._now

    def _both(self, change: Change, code: bytes, layers: tuple[str, ...]) -> None:
        """Layers first, for they can be put back; without any, where the old code and the new layers are too large."""
        try:
            self._set_layers(layers)
        except EndpointError as error:
            if error.api_code != _INVALID or not layers:
                raise
            self._set_layers(())
        self._set_code(change, code)
        if layers_of(self._now) != layers:
            self._set_layers(layers)

    def _put_back(self) -> None:
        """The layers that there were, if those that are there are ours and the code is still the old one."""
        before = layers_of(self._before)
        if self._sent is None:
            return
        found = self._functions.settled(self._name, self._pause)
        if found["CodeSha256"] == self._before["CodeSha256"] and layers_of(found) == self._sent != before:
            self._now = found
            self._tell("putting the layers back")
            self._set_layers(before)

    def _set_layers(self, layers: tuple[str, ...]) -> None:
        self._tell(f"attaching {len(layers)} layer{'' if len(layers) == 1 else 's'}")
        self._sent = layers
        self._step(
            lambda revision: self._functions.set_layers(self._name, layers, revision),
            lambda found: layers_of(found) == layers and found["CodeSha256"] == self._now["CodeSha256"],
        )

    def _set_code(self, change: Change, code: bytes) -> None:
        self._tell("sending the code")
        self._step(
            lambda revision: self._functions.set_code(self._name, code, revision),
            lambda found: found["CodeSha256"] == change.code_sha256 and layers_of(found) == layers_of(self._now),
        )

    def _step(self, ask: Callable[[str | None], object], is_done: Callable[[Configuration], bool]) -> None:
        refused: ChangedMeanwhile | None = None
        try:
            ask(self._now.get("RevisionId"))
        except ChangedMeanwhile as error:
            # By us, perhaps, when an answer was lost and the call sent again.
            refused = error
        found = self._functions.effective(self._name, self._pause)
        if not is_done(found):
            raise ChangedMeanwhile(
                f"somebody else changed {self._name} meanwhile; what they did was left",
                "Look at the function, and update it again.",
            ) from refused
        self._now = found


def _alias(functions: Functions, name: str, change: Change) -> Mapping[str, Any] | None:
    """The alias to move as it is; None when it is to be made, or none is to be moved."""
    if change.alias is None:
        return None
    try:
        alias = functions.alias(name, change.alias)
    except Gone:
        return None
    if alias["FunctionVersion"] == LATEST:
        raise WorkshopError(
            f"the alias {change.alias} leads to $LATEST, where a caller would see the change half done",
            f"First let it lead to a version: `aws lambda publish-version --function-name {name}`, then `aws lambda "
            "update-alias`.",
        )
    if weights := routed(alias):
        raise WorkshopError(
            f"the alias {change.alias} is between versions {alias['FunctionVersion']} and {', '.join(weights)}",
            "Somebody is shifting it. Let them finish, or set its routing to one version.",
        )
    return alias


def _published(functions: Functions, name: str, latest: Configuration, change: Change, pause: Pause) -> Configuration:
    """The version that was made of *latest*."""
    try:
        version = functions.publish(name, latest.get("RevisionId"), latest["CodeSha256"], None)
    except ChangedMeanwhile:
        # By us, perhaps: publishing makes a revision, too. What is there still gives the version that it gave.
        latest = functions.effective(name, pause)
        if not change.is_in(latest):
            raise
        version = functions.publish(name, latest.get("RevisionId"), latest["CodeSha256"], None)
    found = functions.effective(name, pause, str(version["Version"]))
    if not change.is_in(found):
        raise ChangedMeanwhile(f"version {version['Version']} of {name} is not what was sent")
    return found


def _move(functions: Functions, name: str, alias: str, before: Mapping[str, Any] | None, version: str) -> None:
    if before is None:
        functions.create_alias(name, alias, version)
    elif before["FunctionVersion"] != version:
        try:
            functions.route(name, alias, version, {}, before.get("RevisionId"))
        except ChangedMeanwhile:
            found = functions.alias(name, alias)
            if found["FunctionVersion"] != version or routed(found):
                raise
