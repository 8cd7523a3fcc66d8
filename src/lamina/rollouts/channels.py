"""Channels: names such as `stable` that point at one version of a layer, and the functions that follow them.

AWS has no tags on layers, so channels are kept in a register: parameters of SSM, or a committed file. Either holds the
ARN of the version. That a function follows a channel is a tag of the function. Whoever knows its name can read where it
points without any tool: CloudFormation by `{{resolve:ssm:…}}`, a person in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lamina.names import LayerArn, LayerVersionArn
from lamina.rollouts.consumers import Consumer, LayerReference

_CHANNEL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,63}")
_TAG: Final = "lamina:channel:"
_TAG_CHARACTERS_MAX: Final = 128
_PARAMETERS: Final = "/lamina/channels"


class BadChannel(ValueError):
    """What was typed or found is no channel; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Channel:
    """That *name* points at *version*."""

    name: str
    version: LayerVersionArn

    @property
    def layer(self) -> LayerArn:
        return self.version.layer


@dataclass(frozen=True, slots=True)
class ChannelMove:
    """That the channel *name* goes to *after*; it points at *before* now, or at nothing."""

    name: str
    before: LayerVersionArn | None
    after: LayerVersionArn

    @property
    def is_empty(self) -> bool:
        return self.before == self.after


def check_name(name: str) -> None:
    """Raise BadChannel unless *name* may be a channel's: never one that could be taken for a version."""
    if not _CHANNEL.fullmatch(name):
        raise BadChannel(
            f"{name!r} is no name of a channel: a letter first, then letters, digits, . _ and -, at most 64"
        )


def parse_subscription(text: str) -> tuple[LayerReference, str]:
    """The layer and the channel's name in `LAYER@CHANNEL`. Raises BadChannel."""
    layer, at, name = text.rpartition("@")
    if not at:
        raise BadChannel(f"{text!r} names no channel: LAYER@CHANNEL does")
    check_name(name)
    try:
        found = LayerReference.parse(layer)
    except ValueError:
        raise BadChannel(f"{layer!r} names no layer") from None
    if found.versions:
        raise BadChannel(f"{text!r} names a version and a channel")
    return found, name


def parse_assignments(texts: Iterable[str]) -> dict[str, int]:
    """The version by channel of `stable=7`, `next=9`. Raises BadChannel."""
    wanted: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        check_name(name)
        if not (number.isascii() and number.isdigit()) or int(number) < 1:
            raise BadChannel(f"{text!r} says no version: NAME=VERSION does, such as stable=7")
        if wanted.setdefault(name, int(number)) != int(number):
            raise BadChannel(f"{name} is to be at version {wanted[name]} and at {number}")
    return wanted


def plan_moves(current: Sequence[Channel], layer: LayerArn, wanted: Mapping[str, int]) -> tuple[ChannelMove, ...]:
    """What becomes of the channels of *layer* that *wanted* names, given those that there are.

    Raises BadChannel where a layer of the same name, but of another account, has such a channel.
    """
    there = {channel.name: channel for channel in current if channel.layer.name == layer.name}
    for name in wanted:
        if name in there and there[name].layer != layer:
            raise BadChannel(
                f"{layer.name}@{name} is a channel of {there[name].layer}: delete it before it becomes one of {layer}"
            )
    return tuple(
        ChannelMove(name, there[name].version if name in there else None, layer.version(number))
        for name, number in wanted.items()
    )


def of_layer(channels: Iterable[Channel], layer: LayerReference | None) -> list[Channel]:
    """Those of *channels* that are of *layer*, or all, sorted by layer and name."""
    found = (channel for channel in channels if layer is None or layer.is_layer(channel.layer))
    return sorted(found, key=lambda channel: (channel.layer, channel.name))


def parameter_name(layer_name: str = "", channel: str = "") -> str:
    """The SSM parameter of a channel; of a layer's channels, or of all, the path above them."""
    return "/".join(part for part in (_PARAMETERS, layer_name, channel) if part)


def tag_key(layer_name: str) -> str:
    """The tag by which a function follows a channel of the layer. Raises BadChannel for too long a name."""
    key = f"{_TAG}{layer_name}"
    if len(key) > _TAG_CHARACTERS_MAX:
        raise BadChannel(
            f"{layer_name} is too long a name for a subscription: with {_TAG} before it, a tag has more than "
            f"{_TAG_CHARACTERS_MAX} characters"
        )
    return key


def followed(consumer: Consumer, layer_name: str) -> str | None:
    """The channel of the layer that *consumer* follows, by its tags; None for none, or where nobody asked for tags."""
    return (consumer.tags or {}).get(f"{_TAG}{layer_name}")
