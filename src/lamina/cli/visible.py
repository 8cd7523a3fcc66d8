"""What layers call their things, made safe to print."""

from __future__ import annotations


def visible(text: str) -> str:
    """*text* with what could move a terminal's cursor, or is no text at all, shown as its code; tabs stay."""
    return "".join(
        character if character.isprintable() or character == "\t" else repr(character)[1:-1] for character in text
    )
