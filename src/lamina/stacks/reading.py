"""A template's text, JSON or YAML with CloudFormation's short forms, as plain values; and values as text."""

from __future__ import annotations

import json
from typing import Any

from lamina.stacks.faults import misformed


def read(text: str) -> dict[str, Any]:
    """The template in *text*, short forms written out; raises the API's error for what is no template."""
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise misformed(f"JSON not well-formed. ({error})") from error
        except RecursionError as error:
            raise misformed("JSON not well-formed. (nested too deeply)") from error
    else:
        from lamina.stacks.yaml_forms import read_yaml  # noqa: PLC0415 - the server starts without it

        found = read_yaml(text)
    if not isinstance(found, dict):
        raise misformed("unsupported structure.")
    return found


def write(value: Any) -> str:
    """*value* as the JSON text that templates and policies are handed on as."""
    return json.dumps(value, ensure_ascii=False)
