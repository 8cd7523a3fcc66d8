"""Buckets and their policies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from lamina.operations.stacks.kinds.fitting import call, check_known, gone, tags_list, tags_of
from lamina.operations.stacks.kinds.kind import Made, Properties, Site, half_made
from lamina.stacks.reading import write
from lamina.stacks.stack import Resource

_NOT_THERE = "NoSuchBucket"


def _versioning(value: Any) -> dict[str, Any]:
    return {"VersioningConfiguration": value}


def _public_access(value: Any) -> dict[str, Any]:
    return {"PublicAccessBlockConfiguration": value}


def _ownership(value: Any) -> dict[str, Any]:
    return {"OwnershipControls": value}


def _access(value: Any) -> dict[str, Any]:
    # LogDeliveryWrite is log-delivery-write there.
    return {"ACL": re.sub(r"(?<=.)([A-Z])", r"-\1", str(value)).lower()}


def _encryption(value: Any) -> dict[str, Any]:
    renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    rules = [_renamed(rule, renamed) for rule in value["ServerSideEncryptionConfiguration"]]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _cors(value: Any) -> dict[str, Any]:
    renamed = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    return {"CORSConfiguration": {"CORSRules": [_renamed(rule, renamed) for rule in value["CorsRules"]]}}


def _lifecycle(value: Any) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    for name, held in rule.items():
        if name == "Id":
            made["ID"] = held
        elif name in ("ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker"):
            key = {"ExpirationInDays": "Days", "ExpirationDate": "Date"}.get(name, name)
            made.setdefault("Expiration", {})[key] = held
        elif name == "NoncurrentVersionExpirationInDays":
            made["NoncurrentVersionExpiration"] = {"NoncurrentDays": held}
        elif name not in ("Status", "Prefix"):
            # What the API calls by the same name; for anything else, it says so.
            made[name] = held
    return made


def _notification(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, held in value.items():
        if name == "EventBridgeConfiguration":
            if held.get("EventBridgeEnabled") not in (False, "false"):
                made[name] = {}
        else:
            # Of a name that is neither's, the API says so.
            made[_LISTS.get(name, name)] = [_notified(each) for each in held]
    return {"NotificationConfiguration": made}


def _notified(each: Mapping[str, Any]) -> dict[str, Any]:
    names = {"Event": "Events", "Function": "LambdaFunctionArn", "Queue": "QueueArn", "Topic": "TopicArn"}
    made = _renamed(each, names)
    if "Filter" in each:
        made["Filter"] = {"Key": {"FilterRules": each["Filter"]["S3Key"]["Rules"]}}
    return made


_LISTS: Final = {"LambdaConfigurations": "LambdaFunctionConfigurations"}
# Property -> the operation that carries it out, with what parameters, and the one that takes it back.
_CARRIED_OUT: Final[Mapping[str, tuple[str, Callable[[Any], dict[str, Any]], str | None]]] = {
    "AccessControl": ("PutBucketAcl", _access, None),
    "VersioningConfiguration": ("PutBucketVersioning", _versioning, None),
    "PublicAccessBlockConfiguration": ("PutPublicAccessBlock", _public_access, "DeletePublicAccessBlock"),
    "OwnershipControls": ("PutBucketOwnershipControls", _ownership, "DeleteBucketOwnershipControls"),
    "BucketEncryption": ("PutBucketEncryption", _encryption, "DeleteBucketEncryption"),
    "CorsConfiguration": ("PutBucketCors", _cors, "DeleteBucketCors"),
    "LifecycleConfiguration": ("PutBucketLifecycleConfiguration", _lifecycle, "DeleteBucketLifecycle"),
    "NotificationConfiguration": ("PutBucketNotificationConfiguration", _notification, None),
}
# What stands for a property that is gone, where no operation takes it back.
_NOTHING: Final[Mapping[str, Any]] = {
    "AccessControl": "Private",
    "VersioningConfiguration": {"Status": "Suspended"},
    "NotificationConfiguration": {},
}


class Buckets:
    """AWS::S3::Bucket."""

    def make(self, site: Site, properties: Properties) -> Made:
        check_known(properties, "BucketName", "Tags", *_CARRIED_OUT)
        client, name = site.own("s3"), str(properties["BucketName"])
        where = {"CreateBucketConfiguration": {"LocationConstraint": site.scope.region}}
        client.create_bucket(Bucket=name, **({} if site.scope.region == "us-east-1" else where))
        with half_made(name):
            self._carry_out(site, {}, properties)
        return _made(site, name)

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        check_known(properties, "BucketName", "Tags", *_CARRIED_OUT)
        self._carry_out(site, before.properties, properties)
        return _made(site, before.physical_id)

    def remove(self, site: Site, made: Resource) -> None:
        with gone(_NOT_THERE):
            call(site.own("s3"), "DeleteBucket", {"Bucket": made.physical_id})

    def _carry_out(self, site: Site, before: Properties, after: Properties) -> None:
        client, at = site.own("s3"), {"Bucket": after["BucketName"]}
        for name, (operation, parameters, taking_back) in _CARRIED_OUT.items():
            wanted = after.get(name)
            if wanted == before.get(name):
                continue
            if wanted is None and taking_back is not None:
                call(client, taking_back, at)
            else:
                call(client, operation, {**at, **parameters(_NOTHING[name] if wanted is None else wanted)})
        if tags := tags_of(after, site.tags):
            call(client, "PutBucketTagging", {**at, "Tagging": {"TagSet": tags_list(tags)}})
        elif before.get("Tags"):
            call(client, "DeleteBucketTagging", at)


class BucketPolicies:
    """AWS::S3::BucketPolicy."""

    def make(self, site: Site, properties: Properties) -> Made:
        wanted = {"Bucket": properties["Bucket"], "Policy": write(properties["PolicyDocument"])}
        call(site.own("s3"), "PutBucketPolicy", wanted)
        return Made(str(properties["Bucket"]))

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        del before
        return self.make(site, properties)

    def remove(self, site: Site, made: Resource) -> None:
        with gone(_NOT_THERE, "NoSuchBucketPolicy"):
            call(site.own("s3"), "DeleteBucketPolicy", {"Bucket": made.physical_id})


def _renamed(held: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in held.items()}


def _made(site: Site, name: str) -> Made:
    region = site.scope.region
    return Made(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
        },
    )
