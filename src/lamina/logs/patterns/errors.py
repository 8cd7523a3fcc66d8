"""What is wrong with a pattern."""

from __future__ import annotations


class BadPattern(ValueError):
    """The text is no filter pattern; the message says why, in AWS's words where they are known."""


def invalid() -> BadPattern:
    return BadPattern("Invalid filter pattern")
