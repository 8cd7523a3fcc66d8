"""Filter patterns of CloudWatch Logs: a text in, a predicate on messages out.

Three languages share the name: terms (`ERROR -timeout "exact phrase"`, `?any ?of`), conditions on JSON messages
(`{ $.level = "ERROR" && $.ms > 100 }`), and conditions on space-delimited ones (`[ip, user, ..., status = 4*]`).
Regular expressions (`%…%`) may stand in all of them.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.logs.patterns.errors import BadPattern
from lamina.logs.patterns.json_conditions import json_conditions
from lamina.logs.patterns.space_delimited import space_delimited
from lamina.logs.patterns.terms import terms

__all__ = ["BadPattern", "Predicate", "compile_pattern"]

Predicate = Callable[[str], bool]


def compile_pattern(pattern: str) -> Predicate | None:
    """Whether a message matches *pattern*; None for the empty pattern, which all do. Raises BadPattern."""
    text = pattern.strip()
    if not text:
        return None
    if text.startswith("{"):
        return json_conditions(text)
    if text.startswith("["):
        return space_delimited(text)
    return terms(text)
