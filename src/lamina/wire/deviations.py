"""Where the recorded service answers otherwise than its model says: data only, each entry with its source.

"api" and "layers" are the digests of recorded answers this project specifies itself by (`docs/SPECIFICATION.md`).
Everything is keyed by the model's shape names, or by operation where the same shape is answered differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class RuntimeCheck:
    """The runtime of a function: its own words, its own code, after everything else was found right."""

    member: str
    printed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameLengthCheck:
    """The length of the bare function name inside whatever form it was sent in."""

    member: str
    length_max: int


@dataclass(frozen=True, slots=True)
class Deviations:
    """What to say or do in place of the model's word; empty for a service nobody recorded."""

    patterns: Mapping[str, str] = field(default_factory=dict)
    """Shape -> the pattern to print. What the model's own accepts is accepted besides."""
    enums: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(operation or "", shape) -> the names to print, in this order. The model's names are accepted besides."""
    bare_elements: frozenset[str] = frozenset()
    """List shapes whose bad element is told by the element's constraint alone, not as "Member must satisfy […]"."""
    nullable: frozenset[str] = frozenset()
    """Lists and maps whose "Member must satisfy constraint: […]" does not end with "Member must not be null"."""
    member_order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Operation -> input members in the order their failures are told; those not named come first."""
    second_look: Mapping[str, tuple[RuntimeCheck | NameLengthCheck, ...]] = field(default_factory=dict)
    """Operation -> checks made once the constraints hold; they answer InvalidParameterValueException."""
    success_status: Mapping[str, int] = field(default_factory=dict)
    """Operation -> HTTP status, where an output without a status of its own must not get the model's."""
    payload_types: Mapping[str, str] = field(default_factory=dict)
    """Operation -> Content-Type of its blob payload."""
    violation_code: str = "ValidationException"
    """The error's code for an input that breaks the model's constraints."""
    refusal_codes: tuple[str, ...] = ("ValidationException",)
    """Codes that say a request asks for what cannot be; the first that the operation's model lists is answered."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# layers §2 and api §5.3, recorded 2026-01-12: what can be created then, in AWS's own order.
_CURRENT_RUNTIMES = _names(
    "nodejs20.x python3.14 provided.al2023 python3.12 python3.13 nodejs24.x nodejs22.x java25 python3.10 python3.11"
    " java21 ruby3.3 ruby3.4 ruby3.2 python3.8 python3.9 java17 nodejs16.x dotnet10 dotnet8 java11 dotnet6 nodejs18.x"
    " provided.al2 java8.al2"
)

# layers §4: what a list filter takes, again in AWS's own order.
_KNOWN_RUNTIMES = _names(
    "ruby3.5 ruby2.6 dotnetcore1.0 python3.7 nodejs8.10 nasa ruby2.7 python2.7-greengrass dotnetcore2.0 python3.8"
    " java21 dotnet6 dotnetcore2.1 python3.9 java11 nodejs6.10 provided dotnetcore3.1 dotnet8 java25 java17 nodejs"
    " nodejs4.3 java8.al2 go1.x dotnet10 nodejs20.x go1.9 byol nodejs10.x provided.al2023 nodejs22.x python3.10 java8"
    " nodejs12.x python3.11 nodejs24.x nodejs8.x python3.12 nodejs14.x nodejs8.9 nodejs26.x python3.13 python3.14"
    " nodejs16.x python3.15 provided.al2 nodejs4.3-edge nodejs18.x ruby3.2 python3.4 ruby3.3 ruby3.4 ruby2.5 python3.6"
    " python2.7"
)

_REGION = r"(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"

LAMBDA = Deviations(
    patterns=MappingProxyType(
        {
            # layers §3 and §7; the model has one more pair of parentheses round the whole.
            "LayerVersionArn": rf"(arn:(aws[a-zA-Z-]*)?:lambda:{_REGION}:\d{{12}}:layer:[a-zA-Z0-9-_]+:[0-9]+)"
            r"|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)",
            # api §1.4 and layers §8; the model has left layers out since, and has gained network connectors.
            "TaggableResource": rf"arn:(aws[a-zA-Z-]*):lambda:{_REGION}:\d{{12}}:"
            r"(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)"
            r"|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}"
            r"-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)",
        }
    ),
    enums=MappingProxyType(
        {
            ("PublishLayerVersion", "Runtime"): _CURRENT_RUNTIMES,  # layers §2
            ("ListLayers", "Runtime"): _KNOWN_RUNTIMES,  # layers §4
            ("ListLayerVersions", "Runtime"): _KNOWN_RUNTIMES,  # inferred from ListLayers, its twin
            ("", "RecursiveLoop"): ("Terminate", "Allow"),  # api §1.3
        }
    ),
    bare_elements=frozenset({"CompatibleRuntimes"}),  # layers §2; CompatibleArchitectures beside it is not bare
    nullable=frozenset({"SubnetIds", "SecurityGroupIds", "EnvironmentVariables"}),  # api §1.3; the last from reports
    # layers §2: the model has turned the two round since.
    member_order=MappingProxyType({"PublishLayerVersion": ("CompatibleRuntimes", "CompatibleArchitectures")}),
    second_look=MappingProxyType(
        {
            # api §2.2 text L, and §5.3. It goes on "or be a valid ARN": no runtime can be had by ARN here, so none
            # is valid.
            "CreateFunction": (NameLengthCheck("FunctionName", 64), RuntimeCheck("Runtime", _CURRENT_RUNTIMES)),
            "UpdateFunctionConfiguration": (RuntimeCheck("Runtime", _CURRENT_RUNTIMES),),
        }
    ),
    success_status=MappingProxyType({"DeleteFunction": 204}),  # api §4; the model says 200
    payload_types=MappingProxyType({"Invoke": "application/json"}),  # the service has no other answer
    refusal_codes=("InvalidParameterValueException",),
)
LOGS = Deviations(
    # As users of AWS report it, with the sentence that other services have under ValidationException.
    violation_code="InvalidParameterException",
    refusal_codes=("InvalidParameterException", "ValidationException"),
)
# Everything that CloudFormation refuses before it begins is a ValidationError, which its model does not list.
CLOUDFORMATION = Deviations(violation_code="ValidationError", refusal_codes=("ValidationError",))
NONE = Deviations()
