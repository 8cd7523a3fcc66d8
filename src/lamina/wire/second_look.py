"""The checks AWS makes once all constraints hold, with a code and sentences of their own (see `deviations`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lamina.wire.deviations import NameLengthCheck, RuntimeCheck
from lamina.wire.faults import Invalid
from lamina.wire.model import StructureShape

# The name inside any form that passed the model's pattern: an ARN, a partial one, with a qualifier or without.
_NAME = re.compile(r"(?:arn:[^:]*:lambda:)?(?:[a-z-]+-\d:)?(?:\d{12}:)?(?:function:)?([^:]+)(?::[^:]+)?", re.ASCII)


def look_again(
    checks: tuple[RuntimeCheck | NameLengthCheck, ...], shape: StructureShape, params: Mapping[str, Any]
) -> None:
    """Raise Invalid (InvalidParameterValueException) at the first of *checks* that *params* fail."""
    for check in checks:
        value = params.get(check.member)
        if value is None:
            continue
        if isinstance(check, NameLengthCheck):
            _check_name_length(check, value)
        else:
            _check_runtime(check, value, frozenset(shape.members[check.member].traits.get("enum", ())))


def _check_name_length(check: NameLengthCheck, value: str) -> None:
    match = _NAME.fullmatch(value)
    name = match[1] if match else value
    if len(name) > check.length_max:
        raise _invalid(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {check.length_max}"
        )


def _check_runtime(check: RuntimeCheck, value: str, known: frozenset[str]) -> None:
    # A retired runtime is known, and refused by the operation in other words.
    if value not in known and value not in check.printed:
        raise _invalid(
            f"Value {value} at 'runtime' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(check.printed)}] or be a valid ARN"
        )


def _invalid(message: str) -> Invalid:
    return Invalid("InvalidParameterValueException", 400, message, kind="User")
