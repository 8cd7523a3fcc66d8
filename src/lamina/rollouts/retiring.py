"""Which versions of a layer can go: those that nobody uses, that nobody may be using unseen, and that are not new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lamina.names import LayerVersionArn
from lamina.rollouts.channels import Channel
from lamina.rollouts.consumers import Consumer, layer_version


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one version, and every reason there is to keep it.

    `newest` is true for those that are kept as such. `used_by` are consumers with their qualifiers, `channels` the
    channels that point at it, `shared_with` those whose policy lets them use it and whose functions were not looked at.
    """

    version: LayerVersionArn
    deleted: bool
    newest: bool
    used_by: tuple[str, ...]
    channels: tuple[str, ...]
    shared_with: tuple[str, ...]


def plan_retirement(
    versions: Iterable[LayerVersionArn],
    *,
    keep: int,
    consumers: Sequence[Consumer],
    channels: Sequence[Channel],
    shared_with: Mapping[int, Sequence[str]],
    forced: bool = False,
) -> tuple[Fate, ...]:
    """The fate of each of a layer's *versions*, the newest first.

    The newest *keep* stay, and what a channel points at, whatever is *forced*; what has consumers, or may have some in
    other accounts, stays unless it is.
    """
    used: dict[LayerVersionArn, list[str]] = {}
    for consumer in consumers:
        for arn in consumer.layers:
            if (found := layer_version(arn)) is not None:
                used.setdefault(found, []).append(named(consumer))
    fates = []
    for place, version in enumerate(sorted(versions, key=lambda version: version.number, reverse=True)):
        pointing = tuple(sorted(channel.name for channel in channels if channel.version == version))
        using = tuple(sorted(used.get(version, ())))
        sharing = tuple(shared_with.get(version.number, ()))
        newest = place < keep
        kept = newest or bool(pointing) or (not forced and bool(using or sharing))
        fates.append(Fate(version, not kept, newest, using, pointing, sharing))
    return tuple(fates)


def named(consumer: Consumer) -> str:
    """*consumer* for a person: its function, but a published version with its number and the aliases there."""
    if consumer.is_latest:
        return consumer.name
    aliases = ", ".join(alias.name for alias in consumer.aliases)
    return f"{consumer.name}:{consumer.version}{f' ({aliases})' if aliases else ''}"
