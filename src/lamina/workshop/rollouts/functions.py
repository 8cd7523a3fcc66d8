"""The functions of one region as a roll-out handles them: every call guarded, every answer one of few things.

What other people and the network can do to a call is decided here once. A function that is gone, that somebody has
changed meanwhile or that is just being updated is an exception of its own; everything else is an EndpointError. An
update that was sent twice because its answer was lost is refused the second time as a change by somebody else: who
catches `ChangedMeanwhile` has to look at what is there before he believes it.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from lamina.layers.sizes import UPLOADED_BYTES_MAX
from lamina.workshop.endpoint import Endpoint, EndpointError

Configuration = Mapping[str, Any]
Pause = Callable[[float], None]

# From the first look at an update on to the last, in seconds; each wait is half as long again as the one before.
_FIRST_LOOK_S: Final = 0.02
_LOOK_S_MAX: Final = 2.0
_SETTLED_S_MAX: Final = 600.0
_DURATION: Final = re.compile(r"\bDuration: ([0-9.]+) ms")
# The codes of errors that have an exception of their own.
_GONE: Final = "ResourceNotFoundException"
_CHANGED: Final = "PreconditionFailedException"
_BUSY: Final = "ResourceConflictException"
# These are about who asks, and no matter of this one function.
_CREDENTIALS: Final = frozenset(
    (
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
# Of these nobody knows whether the call had an effect; nor of an answer that is not the API's, which has its status.
_UNSURE: Final = frozenset(
    (
        "InternalFailure",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        *map(str, range(500, 600)),
    )
)


class Gone(EndpointError):
    """The function, version or alias is not there."""


class ChangedMeanwhile(EndpointError):
    """It is not at the revision that the call was for."""


class Busy(EndpointError):
    """Another update of it is under way, or what is to go is still used."""


class Refused(EndpointError):
    """The API will not do it, however often it is asked."""


class NotEffective(EndpointError):
    """An update did not become effective; the endpoint's own reason, where it told one."""


@dataclass(frozen=True, slots=True)
class Invoked:
    """What one invocation came to. `error` is the kind that the API tells ("Unhandled"), empty for a success.

    `duration_ms` is the function's own, as its REPORT line tells it, without its start; without such a line it is that
    of the whole call.
    """

    error: str
    payload: bytes
    duration_ms: float
    version: str

    @property
    def said(self) -> str:
        """The error's own words, for a person."""
        try:
            told = json.loads(self.payload)
        except ValueError:
            return self.payload[:200].decode(errors="replace")
        return str(told.get("errorMessage") or told)[:400] if isinstance(told, dict) else str(told)[:400]


# Of a function's name and an archive: the bucket and the key that it has been put under.
Upload = Callable[[str, bytes], tuple[str, str]]


class Functions:
    """The functions of one region of an endpoint, by one client that threads share.

    Code that is too large to be sent directly goes by what *upload* gives: a bucket, and the key that it is under then.
    """

    def __init__(
        self, endpoint: Endpoint, region: str | None = None, *, connections: int = 8, upload: Upload | None = None
    ) -> None:
        self._endpoint = endpoint
        self._upload = upload
        self._client = endpoint.client(region=region, connections=connections)
        self._invoking = endpoint.client(region=region, connections=connections, invoking=True)

    def configuration(self, name: str, qualifier: str | None = None) -> Configuration:
        """The configuration of $LATEST, or of the version or alias *qualifier*. Raises Gone."""
        more = {} if qualifier is None else {"Qualifier": qualifier}
        with self._asking():
            return _told(self._client.get_function_configuration(FunctionName=name, **more))

    def set_layers(self, name: str, layers: Sequence[str], revision: str | None) -> Configuration:
        """The configuration of $LATEST with *layers*, by ARN in order, asked for while it is at *revision*.

        Not effective yet: `effective` waits for that. Raises Gone, ChangedMeanwhile or Busy.
        """
        guard = {} if revision is None else {"RevisionId": revision}
        with self._asking():
            return _told(self._client.update_function_configuration(FunctionName=name, Layers=list(layers), **guard))

    def set_code(self, name: str, archive: bytes, revision: str | None) -> Configuration:
        """The configuration of $LATEST with the code in *archive*, asked for as `set_layers` does it."""
        guard = {} if revision is None else {"RevisionId": revision}
        code: Mapping[str, Any] = {"ZipFile": archive}
        if self._upload is not None and len(archive) > UPLOADED_BYTES_MAX:
            bucket, key = self._upload(name, archive)
            code = {"S3Bucket": bucket, "S3Key": key}
        with self._asking():
            return _told(self._client.update_function_code(FunctionName=name, **code, **guard))

    def settled(self, name: str, pause: Pause, qualifier: str | None = None) -> Configuration:
        """The configuration once no creation or update is under way. Raises Gone, or NotEffective after ten minutes."""
        wait_s, waited_s = _FIRST_LOOK_S, 0.0
        while under_way(found := self.configuration(name, qualifier)):
            if waited_s > _SETTLED_S_MAX:
                raise NotEffective(f"the update of {name} has not become effective within ten minutes")
            pause(wait_s)
            waited_s += wait_s
            wait_s = min(wait_s * 1.5, _LOOK_S_MAX)
        return found

    def effective(self, name: str, pause: Pause, qualifier: str | None = None) -> Configuration:
        """The same; raises NotEffective also where the update, or a version's activation, failed."""
        found = self.settled(name, pause, qualifier)
        if reason := failure(found):
            raise NotEffective(f"the update of {name} failed: {reason}")
        return found

    def publish(self, name: str, revision: str | None, code_sha256: str, description: str | None) -> Configuration:
        """A version made of $LATEST while that is at *revision*, or the one that was made of the same before."""
        more = {"RevisionId": revision, "CodeSha256": code_sha256, "Description": description}
        with self._asking():
            return _told(
                self._client.publish_version(FunctionName=name, **{key: value for key, value in more.items() if value})
            )

    def delete_version(self, name: str, version: str) -> None:
        """Delete a published version. Raises Busy where an alias leads to it; harmless where it is gone."""
        assert version.isdigit(), "without a number the whole function would go"
        try:
            with self._asking():
                self._client.delete_function(FunctionName=name, Qualifier=version)
        except Gone:
            pass

    def versions(self, name: str) -> Iterator[Configuration]:
        """$LATEST and every published version."""
        with self._asking():
            for page in self._client.get_paginator("list_versions_by_function").paginate(FunctionName=name):
                yield from page["Versions"]

    def alias(self, name: str, alias: str) -> Mapping[str, Any]:
        """The alias as GetAlias tells it. Raises Gone."""
        with self._asking():
            return _told(self._client.get_alias(FunctionName=name, Name=alias))

    def route(
        self, name: str, alias: str, version: str, weights: Mapping[str, float], revision: str | None
    ) -> Mapping[str, Any]:
        """The alias, now leading to *version* but for the shares in *weights*, set while it was at *revision*."""
        guard = {} if revision is None else {"RevisionId": revision}
        with self._asking():
            return _told(
                self._client.update_alias(
                    FunctionName=name,
                    Name=alias,
                    FunctionVersion=version,
                    # Always sent: what is left out stays as it is.
                    RoutingConfig={"AdditionalVersionWeights": dict(weights)},
                    **guard,
                )
            )

    def create_alias(self, name: str, alias: str, version: str) -> Mapping[str, Any]:
        """A new alias."""
        with self._asking():
            return _told(self._client.create_alias(FunctionName=name, Name=alias, FunctionVersion=version))

    def layer(self, layer: str, number: int | None) -> str:
        """The ARN of version *number* of the *layer*, a name or an ARN; of its newest version for None. Raises Gone."""
        try:
            with self._asking():
                if number is not None:
                    answer = self._client.get_layer_version(LayerName=layer, VersionNumber=number)
                    return str(answer["LayerVersionArn"])
                versions = self._client.list_layer_versions(LayerName=layer, MaxItems=1)["LayerVersions"]
        except Gone as error:
            raise Gone(f"there is no version {number} of the layer {layer}") from error
        if not versions:
            raise Gone(f"the layer {layer} has no version")
        return str(versions[0]["LayerVersionArn"])

    def invoke(self, name: str, qualifier: str | None, payload: bytes) -> Invoked:
        """What the function, version or alias answers; an error of the function's is an outcome.

        Raises Gone, or Refused, also where as many run as may, or the service fails: what it is given may be why.
        """
        more = {} if qualifier is None else {"Qualifier": qualifier}
        began = time.monotonic()
        try:
            with self._asking():
                answer = self._invoking.invoke(FunctionName=name, Payload=payload, LogType="Tail", **more)
                body = answer["Payload"].read()
        except EndpointError as error:
            if error.api_code not in _UNSURE:
                raise
            raise Refused(str(error), error.hint, error.code, error.api_code) from error
        duration_ms = _duration_ms(answer.get("LogResult", ""), (time.monotonic() - began) * 1e3)
        return Invoked(answer.get("FunctionError", ""), body, duration_ms, answer.get("ExecutedVersion", ""))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with self._endpoint.asking():
                yield
        except EndpointError as error:
            code = error.api_code
            if code is None or code in _CREDENTIALS | _UNSURE:
                raise
            kind = {_GONE: Gone, _CHANGED: ChangedMeanwhile, _BUSY: Busy}.get(code, Refused)
            raise kind(str(error), error.hint, error.code, code) from error


def layers_of(configuration: Configuration) -> tuple[str, ...]:
    """The ARNs of its layers in order."""
    return tuple(layer["Arn"] for layer in configuration.get("Layers") or ())


def routed(alias: Mapping[str, Any]) -> dict[str, float]:
    """The shares (0 to 1) of the versions that *alias* leads to beside its first."""
    return dict((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})


def under_way(configuration: Configuration) -> bool:
    """Whether it is being created or updated still."""
    return configuration.get("State") == "Pending" or configuration.get("LastUpdateStatus") == "InProgress"


def failure(configuration: Configuration) -> str:
    """Why its creation or its last update failed; empty where neither has."""
    if configuration.get("LastUpdateStatus") == "Failed":
        return str(configuration.get("LastUpdateStatusReason") or "no reason was told")
    if configuration.get("State") == "Failed":
        return str(configuration.get("StateReason") or "no reason was told")
    return ""


def _told(answer: Mapping[str, Any]) -> Configuration:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _duration_ms(tail: str, otherwise: float) -> float:
    found = _DURATION.findall(base64.b64decode(tail).decode(errors="replace"))
    return float(found[-1]) if found else otherwise
