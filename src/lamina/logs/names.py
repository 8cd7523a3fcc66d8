"""Log groups and log streams: their names and ARNs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from lamina.names import Scope

_GROUP = re.compile(
    r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):log-group:(?P<name>[.\-_/#A-Za-z0-9]{1,512})(?::\*)?"
)


class LogGroupArn(NamedTuple):
    """A log group. `str()` is the form without `:*` at its end, `logGroupArn` in the API."""

    scope: Scope
    name: str

    @classmethod
    def parse(cls, text: str) -> LogGroupArn:
        """The group that *text* names, with or without `:*`; ValueError for anything else."""
        found = _GROUP.fullmatch(text)
        if found is None:
            raise ValueError(f"not the ARN of a log group: {text!r}")
        return cls(Scope(found["account"], found["region"]), found["name"])

    def stream(self, name: str) -> str:
        """The ARN of the group's stream *name*."""
        return f"{self}:log-stream:{name}"

    def __str__(self) -> str:
        scope = self.scope
        return f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:{self.name}"


def environment_stream(moment: datetime, function: str, version: str, group: str, unique: str) -> str:
    """The stream of one execution environment; in a group that is not the function's own, it names the function.

    *unique* is 32 hexadecimal digits.
    """
    whose = "" if group == f"/aws/lambda/{function}" else function
    return f"{moment:%Y/%m/%d}/{whose}[{version}]{unique}"
