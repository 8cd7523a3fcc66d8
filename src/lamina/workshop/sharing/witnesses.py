"""Whether those a layer was shared with can really have it: asked with their own credentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import boto3

from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.sharing.plans import SharedVersion

_SESSION: Final = "lamina-share"


@dataclass(frozen=True, slots=True)
class Testimony:
    """What came of reading a version as *witness*; *refusal* says why it could not, and is empty if it could."""

    witness: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Those whose credentials can be had: *profiles* of the AWS configuration, and *role* in each of *accounts*.

    *tokens* is where roles are assumed.
    """

    endpoint: Endpoint
    tokens: Endpoint
    profiles: Sequence[str] = ()
    accounts: Sequence[str] = ()
    role: str | None = None

    def testify(self, version: SharedVersion) -> Iterator[Testimony]:
        """What each of them says of *version*."""
        for profile in self.profiles:
            endpoint = replace(self.endpoint, profile=profile)
            try:
                self._read(endpoint.client(region=version.arn.scope.region), version)
            except EndpointError as error:
                yield Testimony(profile, str(error))
            else:
                yield Testimony(profile)
        for account in self.accounts if self.role is not None else ():
            try:
                self._read(self._assumed(account, version), version)
            except EndpointError as error:
                yield Testimony(account, str(error))
            else:
                yield Testimony(account)

    def _read(self, client: Any, version: SharedVersion) -> None:
        with self.endpoint.asking():
            answer = client.get_layer_version(LayerName=str(version.arn.layer), VersionNumber=version.arn.number)
        if answer["Content"]["CodeSha256"] != version.attributes.code_sha256:
            raise EndpointError(f"another content is told: CodeSha256 {answer['Content']['CodeSha256']}")

    def _assumed(self, account: str, version: SharedVersion) -> Any:
        """A client with the credentials of the role in *account*."""
        scope = version.arn.scope
        tokens = self.tokens.client("sts", region=scope.region)
        with self.tokens.asking():
            keys = tokens.assume_role(
                RoleArn=f"arn:{scope.partition}:iam::{account}:role/{self.role}", RoleSessionName=_SESSION
            )["Credentials"]
        own = self.endpoint.client(region=scope.region)
        session = boto3.session.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], scope.region
        )
        return session.client("lambda", endpoint_url=own.meta.endpoint_url, config=own.meta.config)
