"""Queues, topics and rules: what sends events, and what takes them."""

from __future__ import annotations

from typing import Any, Final

from lamina.operations.stacks.kinds.fitting import call, check_known, gone, only, tags_list, tags_of
from lamina.operations.stacks.kinds.kind import Made, Properties, Site, half_made
from lamina.operations.stacks.kinds.tagging import Tagging
from lamina.stacks.reading import write
from lamina.stacks.stack import Resource

_QUEUE_TAGS: Final = Tagging("TagQueue", "UntagQueue", listed=False)
_QUEUE_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_OF_A_QUEUE: Final = (
    *("ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit"),
    *("KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod"),
    *("ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"),
    "VisibilityTimeout",
)


class Queues:
    """AWS::SQS::Queue."""

    def make(self, site: Site, properties: Properties) -> Made:
        client = site.own("sqs")
        wanted: dict[str, Any] = {"QueueName": properties["QueueName"], "Attributes": _texts(properties)}
        if tags := tags_of(properties, site.tags):
            wanted["tags"] = tags
        return self._made(client, call(client, "CreateQueue", wanted)["QueueUrl"])

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client, at = site.own("sqs"), {"QueueUrl": before.physical_id}
        attributes = {key: value for key, value in _texts(properties).items() if key != "FifoQueue"}
        call(client, "SetQueueAttributes", {**at, "Attributes": attributes})
        _QUEUE_TAGS.retag(client, at, before.properties, properties, site.tags)
        return self._made(client, before.physical_id)

    def remove(self, site: Site, made: Resource) -> None:
        with gone(*_QUEUE_GONE):
            call(site.own("sqs"), "DeleteQueue", {"QueueUrl": made.physical_id})

    def _made(self, client: Any, url: str) -> Made:
        answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = answer["Attributes"]["QueueArn"]
        return Made(url, {"Arn": arn, "QueueName": arn.rpartition(":")[2], "QueueUrl": url})


class QueuePolicies:
    """AWS::SQS::QueuePolicy."""

    def make(self, site: Site, properties: Properties) -> Made:
        for url in properties["Queues"]:
            policy = {"Policy": write(properties["PolicyDocument"])}
            call(site.own("sqs"), "SetQueueAttributes", {"QueueUrl": url, "Attributes": policy})
        physical_id = f"{site.stack_name}-{site.logical_id}-{site.unique}"
        return Made(physical_id, {"Id": physical_id})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        self.make(site, properties)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        for url in made.properties.get("Queues", ()):
            with gone(*_QUEUE_GONE):
                call(site.own("sqs"), "SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": ""}})


class Topics:
    """AWS::SNS::Topic."""

    def make(self, site: Site, properties: Properties) -> Made:
        check_known(properties, "TopicName", "DisplayName", "FifoTopic", "Subscription", "Tags", "KmsMasterKeyId")
        client = site.own("sns")
        attributes = _plain(only(properties, "DisplayName", "FifoTopic", "KmsMasterKeyId"))
        wanted = {"Name": properties["TopicName"], "Attributes": attributes}
        arn = call(client, "CreateTopic", {**wanted, "Tags": tags_list(tags_of(properties, site.tags))})["TopicArn"]
        with half_made(arn):
            for each in properties.get("Subscription") or ():
                call(client, "Subscribe", {"TopicArn": arn, **each})
        return Made(arn, {"TopicArn": arn, "TopicName": properties["TopicName"]})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client, arn = site.own("sns"), before.physical_id
        for name in ("DisplayName", "KmsMasterKeyId"):
            if properties.get(name) != before.properties.get(name):
                value = str(properties.get(name) or "")
                call(client, "SetTopicAttributes", {"TopicArn": arn, "AttributeName": name, "AttributeValue": value})
        for each in properties.get("Subscription") or ():
            call(client, "Subscribe", {"TopicArn": arn, **each})
        Tagging().retag(client, {"ResourceArn": arn}, before.properties, properties, site.tags)
        return Made(arn, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        with gone("NotFound", "NotFoundException"):
            call(site.own("sns"), "DeleteTopic", {"TopicArn": made.physical_id})


class Subscriptions:
    """AWS::SNS::Subscription."""

    def make(self, site: Site, properties: Properties) -> Made:
        wanted: dict[str, Any] = only(properties, "TopicArn", "Protocol", "Endpoint")
        wanted["ReturnSubscriptionArn"] = True
        wanted["Attributes"] = _attributes(properties)
        arn = call(site.own("sns"), "Subscribe", wanted)["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        for name, value in _attributes(properties).items():
            at = {"SubscriptionArn": before.physical_id, "AttributeName": name, "AttributeValue": value}
            call(site.own("sns"), "SetSubscriptionAttributes", at)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        with gone("NotFound", "NotFoundException"):
            call(site.own("sns"), "Unsubscribe", {"SubscriptionArn": made.physical_id})


class TopicPolicies:
    """AWS::SNS::TopicPolicy."""

    def make(self, site: Site, properties: Properties) -> Made:
        for arn in properties["Topics"]:
            policy = {"AttributeName": "Policy", "AttributeValue": write(properties["PolicyDocument"])}
            call(site.own("sns"), "SetTopicAttributes", {"TopicArn": arn, **policy})
        return Made(f"{site.stack_name}-{site.logical_id}-{site.unique}")

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        self.make(site, properties)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        """A topic always has a policy: it goes with the topic."""


class Rules:
    """AWS::Events::Rule."""

    def make(self, site: Site, properties: Properties) -> Made:
        tags = tags_list(tags_of(properties, site.tags))
        return self._put(site, properties, {"Tags": tags} if tags else {})

    def _put(self, site: Site, properties: Properties, more: Properties) -> Made:
        check_known(
            properties,
            *("Name", "Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State"),
            *("Targets", "Tags"),
        )
        client = site.own("events")
        wanted = {key: value for key, value in properties.items() if key not in ("Targets", "Tags")}
        wanted.update(more)
        if not isinstance(wanted.get("EventPattern", ""), str):
            wanted["EventPattern"] = write(wanted["EventPattern"])
        arn = call(client, "PutRule", wanted)["RuleArn"]
        bus = only(properties, "EventBusName")
        if targets := properties.get("Targets"):
            with half_made(str(properties["Name"])):
                call(client, "PutTargets", {"Rule": properties["Name"], "Targets": targets, **bus})
        return Made(str(properties["Name"]), {"Arn": arn})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        made = self._put(site, properties, {})
        at = {"ResourceARN": made.attributes["Arn"]}
        Tagging().retag(site.own("events"), at, before.properties, properties, site.tags)
        kept = {target["Id"] for target in properties.get("Targets") or ()}
        former = {target["Id"] for target in before.properties.get("Targets") or ()}
        if surplus := sorted(former - kept):
            wanted = {"Rule": made.physical_id, "Ids": surplus, **only(properties, "EventBusName")}
            call(site.own("events"), "RemoveTargets", wanted)
        return made

    def remove(self, site: Site, made: Resource) -> None:
        client, bus = site.own("events"), only(made.properties, "EventBusName")
        with gone("ResourceNotFoundException"):
            if ids := [target["Id"] for target in made.properties.get("Targets") or ()]:
                call(client, "RemoveTargets", {"Rule": made.physical_id, "Ids": ids, **bus})
            call(client, "DeleteRule", {"Name": made.physical_id, **bus})


def _texts(properties: Properties) -> dict[str, str]:
    check_known(properties, "QueueName", "Tags", *_OF_A_QUEUE)
    return _plain(only(properties, *_OF_A_QUEUE))


def _attributes(properties: Properties) -> dict[str, str]:
    rest = {
        key: value for key, value in properties.items() if key not in ("TopicArn", "Protocol", "Endpoint", "Region")
    }
    return _plain(rest)


def _plain(properties: Properties) -> dict[str, str]:
    """Attributes of queues and topics, which are text whatever they hold."""
    return {
        key: ("true" if value else "false")
        if isinstance(value, bool)
        else value
        if isinstance(value, str)
        else write(value)
        for key, value in properties.items()
    }
