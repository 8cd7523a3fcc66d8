"""Values that stand elsewhere: parameters of SSM, by a parameter's type, or by a dynamic reference in a property."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lamina.operations.stacks.kinds.kind import Failed
from lamina.stacks.faults import invalid

_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^}]+)\}\}")
Client = Callable[[str], Any]


def stored_parameter(client: Client, name: str) -> str:
    """What the parameter store holds under *name*; raises the API's error where it holds nothing."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - not needed to start

    try:
        value: str = client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        said = error.response.get("Error", {})
        if said.get("Code") == "ParameterNotFound":
            raise invalid(f"Unable to fetch parameters [{name}] from parameter store for this account.") from error
        raise invalid(f"Unable to fetch parameters [{name}]: {said.get('Message')}") from error
    return value


def looked_up(value: Any, client: Client) -> Any:
    """*value* with what its dynamic references name in their place; raises Failed."""
    if isinstance(value, Mapping):
        return {key: looked_up(held, client) for key, held in value.items()}
    if isinstance(value, list):
        return [looked_up(held, client) for held in value]
    if isinstance(value, str) and "{{resolve:" in value:
        return _REFERENCE.sub(lambda match: _look_up(match.group(1), match.group(2), client), value)
    return value


def _look_up(service: str, wanted: str, client: Client) -> str:
    if service != "secretsmanager":
        # `name` or `name:version`, which is also how the store is asked.
        answer = client("ssm").get_parameter(Name=wanted, WithDecryption=service == "ssm-secure")
        return str(answer["Parameter"]["Value"])
    arn = re.match(r"(arn:[^:]*:[^:]*:[^:]*:[^:]*:secret:[^:]*|[^:]+)(?::(.*))?", wanted)
    assert arn is not None, "something stands between the braces"
    kind, key, stage, version = ((arn.group(2) or "").split(":") + [""] * 4)[:4]
    where = {"VersionStage": stage, "VersionId": version}
    answer = client("secretsmanager").get_secret_value(
        SecretId=arn.group(1), **{name: held for name, held in where.items() if held}
    )
    text = str(answer["SecretString"])
    if kind not in ("", "SecretString"):
        raise Failed(f"Lamina looks up the SecretString of a secret, and not its {kind}")
    return str(json.loads(text)[key]) if key else text
