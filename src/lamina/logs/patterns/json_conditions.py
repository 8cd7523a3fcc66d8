"""Patterns for messages that are JSON objects: `{ $.user.id = 7 && $.tags[0] = "a*" }`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from lamina.logs.patterns.conditions import MISSING, Conditions
from lamina.logs.patterns.errors import invalid

_STEP: Final = re.compile(r"""\.([^.\[\]'"]+)|\[(\d{1,9})\]|\[["'](.*?)["']\]""", re.DOTALL)


def json_conditions(pattern: str) -> Callable[[str], bool]:
    """Whether a message is JSON and the conditions in *pattern*'s braces hold of it. Raises BadPattern."""
    if not pattern.endswith("}"):
        raise invalid()
    holds = Conditions(pattern[1:-1], _selector).parse()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith(("{", "[")):
            return False
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return holds(document)

    return matches


def _selector(text: str) -> Callable[[Any], Any]:
    if not text.startswith("$"):
        raise invalid()
    steps: list[str | int] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise invalid()
        name, number, quoted = match.groups()
        steps.append(int(number) if number is not None else name if name is not None else quoted)
        at = match.end()
    if not steps:
        raise invalid()

    def selected(document: Any) -> Any:
        for step in steps:
            if isinstance(step, str):
                document = document.get(step, MISSING) if isinstance(document, dict) else MISSING
            else:
                document = document[step] if isinstance(document, list) and step < len(document) else MISSING
        return document

    return selected
