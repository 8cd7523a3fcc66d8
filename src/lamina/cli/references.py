"""Layers as people name them on a command line, and lists of words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.rollouts.consumers import LayerReference


def layer_named(text: str) -> LayerReference:
    """The layer that *text* names: NAME or an ARN, each with a version or without. Raises Failure."""
    from lamina.rollouts.consumers import LayerReference

    try:
        return LayerReference.parse(text)
    except ValueError:
        hint = "A layer is NAME, NAME:VERSION or its ARN."
        raise Failure(f"{text!r} names no layer", hint, Failure.USAGE) from None


def words(given: Iterable[str] | None) -> list[str]:
    """What an option was given, whether several times or once with commas, each word once."""
    return list(dict.fromkeys(word for text in given or () for word in text.split(",") if word))
