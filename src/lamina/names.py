"""Names: accounts and regions, ARNs, qualifiers, digests. Parsed and printed here, looked up nowhere.

The wire has checked a name's pattern before a handler sees it, so a name that does not parse here is a mistake of
the code that passed it (ValueError), never the caller's.

What a call is looked up by, a dozen times, are named tuples: these are hashed and compared without running any Python.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

LATEST = "$LATEST"

# Of each kind; a parsed name takes up to 600 bytes, parsing it two microseconds.
_PARSED_MAX: Final = 512

_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
)

_REGION = r"(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d"
_FUNCTION = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?"
    rf"(?:(?P<region>{_REGION}):)?(?:(?P<account>\d{{12}}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_LAYER = re.compile(
    rf"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:(?P<region>{_REGION}):(?P<account>\d{{12}}):layer:)?(?P<name>[a-zA-Z0-9-_]+)"
)
_LAYER_VERSION = re.compile(
    rf"arn:(?:aws[a-zA-Z-]*)?:lambda:(?P<region>{_REGION}):(?P<account>\d{{12}}):layer:"
    r"(?P<name>[a-zA-Z0-9-_]+):(?P<version>\d+)"
)


@lru_cache(maxsize=256)
def _partition(region: str) -> str:
    return next((partition for prefix, partition in _PARTITIONS if region.startswith(prefix)), "aws")


class Scope(NamedTuple):
    """One account in one region: everything the API names lives in exactly one of these."""

    account: str
    region: str

    @property
    def partition(self) -> str:
        """The first word of every ARN here: "aws", or that of the region's own cloud."""
        return _partition(self.region)

    def arn(self, resource: str) -> str:
        """*resource* ("function:f") as a Lambda ARN of this scope."""
        return f"arn:{self.partition}:lambda:{self.region}:{self.account}:{resource}"

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The SHA-256 of some bytes, which is their name. `str()` gives the 64 hexadecimal digits."""

    hex: str

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Digest:
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def from_hex(cls, text: str) -> Digest:
        """The digest that *text* spells; ValueError unless it is 64 lower-case hexadecimal digits."""
        if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
            raise ValueError(f"not a SHA-256 in lower-case hexadecimal: {text[:80]!r}")
        return cls(text)

    @property
    def base64(self) -> str:
        """As `CodeSha256` shows it."""
        return base64.b64encode(bytes.fromhex(self.hex)).decode("ascii")

    def __str__(self) -> str:
        return self.hex


@dataclass(frozen=True, slots=True, order=True)
class LayerArn:
    """A layer: all its versions together."""

    scope: Scope
    name: str

    def version(self, number: int) -> LayerVersionArn:
        return LayerVersionArn(self, number)

    def __str__(self) -> str:
        return self.scope.arn(f"layer:{self.name}")


@dataclass(frozen=True, slots=True, order=True)
class LayerVersionArn:
    """One version of a layer, which is what functions attach."""

    layer: LayerArn
    number: int

    @classmethod
    @lru_cache(maxsize=_PARSED_MAX)
    def parse(cls, text: str) -> LayerVersionArn:
        """The layer version that *text* names in full; ValueError for anything else."""
        found = _LAYER_VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"not the ARN of a layer version: {text!r}")
        scope = Scope(found["account"], found["region"])
        return cls(LayerArn(scope, found["name"]), int(found["version"]))

    @property
    def scope(self) -> Scope:
        return self.layer.scope

    def __str__(self) -> str:
        return f"{self.layer}:{self.number}"


class FunctionArn(NamedTuple):
    """A function, or one version or alias of it when *qualifier* says which."""

    scope: Scope
    name: str
    qualifier: str | None = None

    @property
    def unqualified(self) -> FunctionArn:
        return FunctionArn(self.scope, self.name)

    def qualified(self, qualifier: str | None) -> FunctionArn:
        return FunctionArn(self.scope, self.name, qualifier)

    def __str__(self) -> str:
        arn = self.scope.arn(f"function:{self.name}")
        return arn if self.qualifier is None else f"{arn}:{self.qualifier}"


@dataclass(frozen=True, slots=True)
class FunctionName:
    """What a FunctionName parameter said; None where it left something out."""

    name: str
    qualifier: str | None = None
    account: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class LayerName:
    """What a LayerName parameter said: a bare name, or a layer's ARN without a version."""

    name: str
    account: str | None = None
    region: str | None = None

    def within(self, scope: Scope) -> LayerArn:
        """The layer meant by a caller in *scope*."""
        return LayerArn(Scope(self.account or scope.account, self.region or scope.region), self.name)


@lru_cache(maxsize=_PARSED_MAX)
def parse_function_name(text: str) -> FunctionName:
    """Every form the API accepts: `f`, `f:1`, `<account>:function:f`, a full ARN with or without a qualifier.

    An ARN that ends after `function` is valid and names the function called "function", as on AWS.
    """
    found = _FUNCTION.fullmatch(text)
    if found is None:
        raise ValueError(f"not a function name: {text!r}")
    return FunctionName(found["name"], found["qualifier"], found["account"], found["region"])


@lru_cache(maxsize=_PARSED_MAX)
def parse_layer_name(text: str) -> LayerName:
    """A layer's name, or its ARN without a version."""
    found = _LAYER.fullmatch(text)
    if found is None:
        raise ValueError(f"not a layer name: {text!r}")
    return LayerName(found["name"], found["account"], found["region"])
