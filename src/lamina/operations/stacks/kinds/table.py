"""Which kind carries out which type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamina.operations.stacks.kinds import (
    buckets,
    companions,
    custom,
    functions,
    identities,
    layers,
    messaging,
    nested,
    of_functions,
    stores,
)
from lamina.operations.stacks.kinds.kind import Kind
from lamina.stacks.faults import misformed

CARRIED_OUT: Final[Mapping[str, Kind]] = {
    "AWS::Lambda::Function": functions.Functions(),
    "AWS::Lambda::LayerVersion": layers.LayerVersions(),
    "AWS::Lambda::LayerVersionPermission": layers.LayerVersionPermissions(),
    "AWS::Lambda::Version": of_functions.Versions(),
    "AWS::Lambda::Alias": of_functions.Aliases(),
    "AWS::Lambda::Permission": of_functions.Permissions(),
    "AWS::Lambda::Url": of_functions.Urls(),
    "AWS::Lambda::EventInvokeConfig": of_functions.EventInvokeConfigs(),
    "AWS::Lambda::EventSourceMapping": of_functions.EventSourceMappings(),
    "AWS::Lambda::CodeSigningConfig": of_functions.CodeSigningConfigs(),
    "AWS::Logs::LogGroup": stores.LogGroups(),
    "AWS::SSM::Parameter": stores.Parameters(),
    "AWS::ECR::Repository": stores.Repositories(),
    "AWS::S3::Bucket": buckets.Buckets(),
    "AWS::S3::BucketPolicy": buckets.BucketPolicies(),
    "AWS::IAM::Role": identities.Roles(),
    "AWS::IAM::Policy": identities.Policies(),
    "AWS::IAM::ManagedPolicy": identities.ManagedPolicies(),
    "AWS::SQS::Queue": messaging.Queues(),
    "AWS::SQS::QueuePolicy": messaging.QueuePolicies(),
    "AWS::SNS::Topic": messaging.Topics(),
    "AWS::SNS::Subscription": messaging.Subscriptions(),
    "AWS::SNS::TopicPolicy": messaging.TopicPolicies(),
    "AWS::Events::Rule": messaging.Rules(),
    "AWS::CloudFormation::Stack": nested.Stacks(),
    "AWS::CloudFormation::CustomResource": custom.CustomResources(),
    "AWS::CDK::Metadata": custom.Notes(),
    "AWS::CloudFormation::WaitConditionHandle": custom.Notes(),
}
_CUSTOM = custom.CustomResources()
_OTHERS = companions.Companions()


def kind_of(type_name: str) -> Kind:
    """What makes resources of the type *type_name*; raises the API's error for what is no type's name."""
    if type_name.startswith("Custom::"):
        return _CUSTOM
    known = CARRIED_OUT.get(type_name)
    if known is not None:
        return known
    if not type_name.startswith("AWS::") or type_name.startswith(("AWS::CloudFormation::", "AWS::Lambda::")):
        raise misformed(f"Unrecognized resource types: [{type_name}]")
    return _OTHERS


def is_anothers(type_name: str) -> bool:
    """Whether resources of the type are for another than us to make; raises the API's error for what is no type's."""
    return kind_of(type_name) is _OTHERS
