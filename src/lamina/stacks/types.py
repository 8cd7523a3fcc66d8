"""What is known of resource types before anything is made: names, and changes that need another resource.

Sources: each type's page in CloudFormation's reference, "Update requires: Replacement". Of a type that is not here
nothing is replaced unless its type changes; who makes it may still answer with another identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9-]")


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` is the property that names the resource, `length_max` and `lower` what such names are like.

    `fixed` are the properties that cannot change; every one of them where it is None. `shared` names may be those of
    several resources at once, as versions of a layer share one.
    """

    name: str | None = None
    fixed: frozenset[str] | None = frozenset()
    length_max: int = 64
    lower: bool = False
    shared: bool = False


def _fixed(text: str) -> frozenset[str]:
    return frozenset(text.split())


RULES: Final[Mapping[str, Rule]] = {
    "AWS::Lambda::Function": Rule("FunctionName", _fixed("FunctionName PackageType")),
    "AWS::Lambda::LayerVersion": Rule("LayerName", None, length_max=140, shared=True),
    "AWS::Lambda::LayerVersionPermission": Rule(fixed=None),
    "AWS::Lambda::Version": Rule(
        fixed=_fixed("FunctionName Description CodeSha256 RuntimePolicy FunctionScalingConfig")
    ),
    "AWS::Lambda::Alias": Rule("Name", _fixed("Name FunctionName"), length_max=128),
    "AWS::Lambda::Permission": Rule(fixed=None),
    "AWS::Lambda::Url": Rule(fixed=_fixed("TargetFunctionArn Qualifier")),
    "AWS::Lambda::EventInvokeConfig": Rule(fixed=_fixed("FunctionName Qualifier")),
    "AWS::Lambda::EventSourceMapping": Rule(
        fixed=_fixed(
            "EventSourceArn StartingPosition StartingPositionTimestamp SelfManagedEventSource"
            " SelfManagedKafkaEventSourceConfig AmazonManagedKafkaEventSourceConfig"
        )
    ),
    "AWS::Logs::LogGroup": Rule("LogGroupName", _fixed("LogGroupName"), length_max=512),
    "AWS::S3::Bucket": Rule("BucketName", _fixed("BucketName ObjectLockEnabled"), length_max=63, lower=True),
    "AWS::S3::BucketPolicy": Rule(fixed=_fixed("Bucket")),
    "AWS::IAM::Role": Rule("RoleName", _fixed("RoleName Path")),
    "AWS::IAM::Policy": Rule("PolicyName", _fixed("PolicyName"), length_max=128),
    "AWS::IAM::ManagedPolicy": Rule("ManagedPolicyName", _fixed("ManagedPolicyName Path Description"), length_max=128),
    "AWS::SQS::Queue": Rule("QueueName", _fixed("QueueName FifoQueue"), length_max=80),
    "AWS::SQS::QueuePolicy": Rule(),
    "AWS::SNS::Topic": Rule("TopicName", _fixed("TopicName FifoTopic"), length_max=256),
    "AWS::SNS::Subscription": Rule(fixed=_fixed("TopicArn Protocol Endpoint")),
    "AWS::SNS::TopicPolicy": Rule(),
    "AWS::SSM::Parameter": Rule("Name", _fixed("Name DataType"), length_max=512),
    "AWS::Events::Rule": Rule("Name", _fixed("Name EventBusName")),
    "AWS::ECR::Repository": Rule("RepositoryName", _fixed("RepositoryName EncryptionConfiguration"), 256, lower=True),
    "AWS::DynamoDB::Table": Rule("TableName", _fixed("TableName KeySchema LocalSecondaryIndexes"), length_max=255),
}
_UNKNOWN = Rule()
# Types that are brought in step when the tags of their stack change, and nothing else of them does.
TAGGED: Final = frozenset({"AWS::Lambda::Function", "AWS::S3::Bucket", "AWS::IAM::Role", "AWS::SQS::Queue"})
# Types whose identifier is their name, so that one is known before it has been made.
_CALLED: Final = frozenset(
    {"AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::IAM::Role", "AWS::SSM::Parameter"}
    | {"AWS::Events::Rule", "AWS::ECR::Repository"}
)


def rule(kind: str) -> Rule:
    """What is known of the type *kind*."""
    return RULES.get(kind, _UNKNOWN)


def named(kind: str, stack: str, logical_id: str, properties: Mapping[str, Any], suffix: str) -> Mapping[str, Any]:
    """*properties* with a name where the type has one and none is given: of the stack, the logical id and *suffix*."""
    known = rule(kind)
    if known.name is None or properties.get(known.name):
        return properties
    if known.shared:
        return {**properties, known.name: logical_id}
    room = known.length_max - len(suffix) - 1
    # Of a name that is too long, both ends are kept: the beginning tells the stack, the end the resource.
    whole = _NOT_IN_NAMES.sub("-", f"{stack}-{logical_id}")
    if len(whole) > room:
        tail = logical_id[: room // 2]
        whole = f"{whole[: room - len(tail) - 1]}-{tail}"
    name = f"{whole}-{suffix}"
    return {**properties, known.name: name.lower() if known.lower else name}


def expected_id(kind: str, properties: Mapping[str, Any]) -> str | None:
    """What a resource of these *properties* will be identified by, where its type tells that beforehand."""
    name = rule(kind).name
    if kind not in _CALLED or name is None:
        return None
    found = properties.get(name)
    return None if found is None else str(found)
