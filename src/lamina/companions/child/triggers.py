"""Functions that SNS, S3 and EventBridge are to invoke: told to the server, whose they are.

moto would look for them in a Lambda of its own, which has none. What is to be invoked is collected for the question
that was the cause, and goes back with its answer. A question that is repeated after a restart had its consequences
then: it has none again, in no queue either.
"""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lamina.companions import triggering
from lamina.companions.child import hearing
from lamina.companions.child.queues import lead_queues
from lamina.companions.messages import Trigger

_log = logging.getLogger(__name__)


def lead_here(host: str) -> None:
    """Have the service at *host* tell of functions and queues here, from before it answers its first question on."""
    service = host.partition(".")[0]
    leading = {"sns": _lead_topics, "s3": _lead_buckets, "events": _lead_rules, "sqs": lead_queues}.get(service)
    if leading is not None:
        leading()


def _tell(trigger: Trigger) -> None:
    heard = hearing.heard()
    if heard is None:
        return
    if triggering.is_function(trigger.function):
        heard.triggers.append(trigger)
    else:
        _log.warning("%s is told nothing of %s: it is no function", trigger.function, trigger.source)


@cache
def _lead_topics() -> None:
    from moto.sns.models import Subscription  # noqa: PLC0415 - not before SNS is asked

    elsewhere = Subscription.publish

    def publish(subscription: Any, message: str, message_id: str, **more: Any) -> None:
        if subscription.protocol != "lambda":
            elsewhere(subscription, message, message_id, **more)
            return
        attributes = more.get("message_attributes")
        matcher = subscription._filter_policy_matcher  # noqa: SLF001 - moto has no other word for it
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if more.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, "lambda")  # noqa: SLF001 - as above
        published = triggering.Published(
            topic=subscription.topic.arn,
            subscription=subscription.arn,
            id=message_id,
            subject=more.get("subject"),
            text=message,
            attributes=attributes or {},
            at=_iso(time.time(), "milliseconds"),
        )
        event = json.dumps(triggering.sns_event(published))
        account = subscription.topic.account_id
        _tell(Trigger(subscription.endpoint, triggering.SNS, subscription.topic.arn, account, event))

    setattr(Subscription, "publish", publish)  # noqa: B010 - types have no word for replacing a method


@cache
def _lead_buckets() -> None:
    from moto.s3 import notifications  # noqa: PLC0415 - not before S3 is asked

    sketch = notifications._get_s3_event  # noqa: SLF001 - moto has no other word for it

    def get_s3_event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
        version = key.version_id if bucket.is_versioned else None
        made = sketch(event_name, bucket, key, notification_id)
        return triggering.s3_event(made, bucket.account_id, version, time.time_ns())

    def invoke(account_id: str, event_body: Mapping[str, Any], fn_arn: str, region_name: str) -> None:
        del region_name
        source = event_body["Records"][0]["s3"]["bucket"]["arn"]
        _tell(Trigger(fn_arn, triggering.S3, source, account_id, json.dumps(event_body)))

    replacing = {
        "_get_s3_event": get_s3_event,
        "_invoke_awslambda": invoke,
        "send_event": _now_alone(notifications.send_event),
        "send_test_event": _now_alone(notifications.send_test_event),
    }
    for name, replacement in replacing.items():
        setattr(notifications, name, replacement)


def _now_alone(send: Callable[..., None]) -> Callable[..., None]:
    """*send*, but not for a question that is repeated."""

    def sending(*event: Any, **more: Any) -> None:
        if hearing.heard() is not None:
            send(*event, **more)

    return sending


@cache
def _lead_rules() -> None:
    from moto.events.models import Rule  # noqa: PLC0415 - not before EventBridge is asked

    elsewhere = Rule.send_to_targets

    def send_to_targets(rule: Any, original_event: Any, transform_input: bool = True) -> None:
        # moto sends what a rule with a schedule alone, or one that is switched off, never saw.
        if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
            return
        ours = [target for target in rule.targets if _service(target) in ("lambda", "sns")]
        others = copy.copy(rule)
        others.targets = [target for target in rule.targets if target not in ours]
        elsewhere(others, original_event, transform_input)
        if not ours or not rule.event_pattern.matches_event(original_event):
            return
        event = triggering.rule_event(original_event, _moment(original_event["time"]))
        for target in ours:
            _tell_target(rule, target, event)

    setattr(Rule, "send_to_targets", send_to_targets)  # noqa: B010 - types have no word for replacing a method


def _tell_target(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    try:
        text = triggering.target_input(target, event, rule.arn, _at_path)
    except ValueError as error:
        _log.warning("target %s of %s is not invoked: its template gives no JSON: %s", target["Id"], rule.arn, error)
        return
    if _service(target) == "sns":
        _publish(rule, target["Arn"], text)
    else:
        _tell(Trigger(target["Arn"], triggering.EVENTS, rule.arn, rule.account_id, text))


def _publish(rule: Any, topic: str, text: str) -> None:
    from moto.sns.exceptions import SNSNotFoundError  # noqa: PLC0415 - not before a rule wants it
    from moto.sns.models import sns_backends  # noqa: PLC0415 - not before a rule wants it

    _lead_topics()
    try:
        # A topic of another account is not found here.
        sns_backends[rule.account_id][topic.split(":")[3]].publish(text, topic)
    except SNSNotFoundError:
        _log.warning("%s is told nothing of %s: there is no such topic", topic, rule.arn)


def _service(target: Mapping[str, Any]) -> str:
    return str(target["Arn"]).split(":")[2]


def _at_path(path: str, event: Mapping[str, Any]) -> Any:
    from jsonpath_ng.ext.parser import parse  # noqa: PLC0415 - not before a rule wants it

    found = parse(path).find(dict(event))
    return found[0].value if found else None


def _moment(given: str | float) -> str:
    return given if isinstance(given, str) else _iso(given, "seconds")


def _iso(seconds: float, precision: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"
