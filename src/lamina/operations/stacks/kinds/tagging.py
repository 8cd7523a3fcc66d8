"""Tags of resources that are there already, by whatever words their service has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.operations.stacks.kinds.fitting import call, tags_list, tags_of
from lamina.operations.stacks.kinds.kind import Properties


@dataclass(frozen=True, slots=True)
class Tagging:
    """How a service tags: its operations, and their parameters for tags, `listed` or mapped, and for keys alone."""

    tag: str = "TagResource"
    untag: str = "UntagResource"
    tags: str = "Tags"
    keys: str = "TagKeys"
    listed: bool = True

    def retag(self, client: Any, at: Properties, before: Properties, after: Properties, of_stack: Properties) -> None:
        """Have the resource *at* these parameters, made of *before*, bear the tags of *after* and of its stack."""
        wanted = tags_of(after, of_stack)
        surplus = sorted(tags_of(before, {}).keys() - wanted.keys())
        if wanted:
            call(client, self.tag, {**at, self.tags: self._told(wanted)})
        if surplus:
            call(client, self.untag, {**at, self.keys: surplus})

    def _told(self, wanted: Mapping[str, str]) -> Any:
        return tags_list(wanted) if self.listed else wanted
