"""Policies of buckets, as far as moto can judge them."""

from __future__ import annotations

import json
from typing import Any


def leave_conditions_out() -> None:
    """Have moto judge by statements without conditions alone.

    It takes no notice of a condition, and so refuses everybody what a policy refuses to whoever comes without TLS: the
    bucket that SAM makes for itself has such a policy, and so have those of CDK.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult  # noqa: PLC0415 - not before S3 is asked
    from moto.s3.models import FakeBucket  # noqa: PLC0415 - not before S3 is asked

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        policy = json.loads(bucket.policy)
        statements = policy.get("Statement", [])
        listed = statements if isinstance(statements, list) else [statements]
        judged = {**policy, "Statement": [each for each in listed if not each.get("Condition")]}
        return IAMPolicy(json.dumps(judged)).is_action_permitted(action, resource)

    setattr(FakeBucket, "get_permission", get_permission)  # noqa: B010 - types have no word for replacing a method
