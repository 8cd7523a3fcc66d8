"""Inputs like others, made blindly: for a short run where no engine guides it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


def mutated(chance: Random, inputs: Sequence[bytes]) -> bytes:
    """One of *inputs* with a few bytes changed, lost, added, or taken from another."""
    data = bytearray(chance.choice(inputs))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[at : at + chance.randint(1, 4)]
        elif kind == 2:
            data[at:at] = chance.randbytes(chance.randint(1, 4))
        else:
            other = chance.choice(inputs)
            begin = chance.randint(0, len(other))
            data[at:at] = other[begin : begin + chance.randint(1, 20)]
    return bytes(data)
