"""Drift: consumers of a layer that are not at the version where they should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lamina.names import LATEST, LayerArn, LayerVersionArn
from lamina.rollouts.channels import Channel, followed
from lamina.rollouts.consumers import Consumer, LayerReference

# What a comment to a pull request may be long on the code hosts that people use, less what stands around the table.
_ROWS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Drifted:
    """A consumer at `at`, with *due* where it should be; `follows` is the channel that says so, None for the newest.

    `aliases` lead to it; only such of the published versions count, for nobody is sent to the others.
    """

    function: str
    qualifier: str
    aliases: tuple[str, ...]
    at: LayerVersionArn
    due: int
    follows: str | None

    @property
    def is_behind(self) -> bool:
        return self.at.number < self.due


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found: who drifted, how many were looked at, and of which layers nobody could tell the newest."""

    drifted: tuple[Drifted, ...]
    consumers: int
    untold: tuple[LayerArn, ...] = ()


def look(
    layer: LayerReference,
    consumers: Iterable[Consumer],
    newest: Mapping[LayerArn, int],
    channels: Sequence[Channel],
) -> Drift:
    """How *consumers* of *layer* stand to where they should be: at what the channel says that they follow, else at the
    *newest* version of their layer.
    """
    pointing = {(channel.layer, channel.name): channel.version.number for channel in channels}
    drifted, untold, counted = [], set(), 0
    for consumer in consumers:
        if not (consumer.is_latest or consumer.aliases):
            continue
        for arn in consumer.attached(layer):
            counted += 1
            channel = followed(consumer, arn.layer.name)
            due = newest.get(arn.layer) if channel is None else pointing.get((arn.layer, channel))
            if due is None:
                untold.add(arn.layer)
            elif due != arn.number:
                aliases = tuple(alias.name for alias in consumer.aliases)
                drifted.append(Drifted(consumer.function, consumer.version, aliases, arn, due, channel))
    return Drift(tuple(drifted), counted, tuple(sorted(untold)))


def markdown(title: str, drift: Drift) -> str:
    """*drift* as a page, or a comment to a pull request."""
    return "\n".join(_markdown(title, drift)) + "\n"


def _markdown(title: str, drift: Drift) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield summary(drift)
    if drift.drifted:
        yield ""
        yield "| function | version | at | should be at |"
        yield "| --- | --- | --- | --- |"
        for each in drift.drifted[:_ROWS_MAX]:
            yield f"| `{each.function}` | {qualified(each)} | {each.at.number} | {due(each)} |"
        if len(drift.drifted) > _ROWS_MAX:
            yield ""
            yield f"and {len(drift.drifted) - _ROWS_MAX} more"
    for layer in drift.untold:
        yield ""
        yield f"Where consumers of `{layer}` should be could not be told."


def summary(drift: Drift) -> str:
    """A line: "203 consumers: 202 behind"."""
    behind = sum(each.is_behind for each in drift.drifted)
    ahead = len(drift.drifted) - behind
    parts = [f"{count:,} {word}" for count, word in ((behind, "behind"), (ahead, "ahead")) if count]
    counted = f"{drift.consumers:,} consumer{'' if drift.consumers == 1 else 's'}"
    if parts:
        return f"{counted}: {', '.join(parts)}"
    return f"{counted}, {'none known to be behind' if drift.untold else 'all where they should be'}"


def qualified(each: Drifted) -> str:
    """Which version of the function: "$LATEST", or "3 (live)"."""
    return each.qualifier if each.qualifier == LATEST else f"{each.qualifier} ({', '.join(each.aliases)})"


def due(each: Drifted) -> str:
    """Where it should be: "12", or "7 (stable)"."""
    return f"{each.due} ({each.follows})" if each.follows is not None else str(each.due)
