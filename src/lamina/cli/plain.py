"""The command line of `lamina up` read without Typer, which takes longer to import than the server itself to build.

Whatever is not plainly one of the options with a value, help and mistakes above all, is left to Typer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lamina.settings import SETTINGS

_FIELDS = {setting.option: setting.field for setting in SETTINGS if setting.option is not None}
_QUIET = ("--quiet", "-q")


def up(arguments: Sequence[str]) -> tuple[dict[str, str | None], bool] | None:
    """What `lamina` *arguments* give to `up`: settings by field name, and whether it is to be quiet; None if unsure."""
    if list(arguments[:1]) != ["up"]:
        return None
    given: dict[str, str | None] = {}
    quiet = False
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _QUIET:
            quiet = True
            continue
        option, separator, value = argument.partition("=")
        field = _FIELDS.get(option)
        text = value if separator else _value(rest)
        if field is None or text is None:
            return None
        given[field] = text
    return given, quiet


def _value(rest: Iterator[str]) -> str | None:
    value = next(rest, None)
    return None if value is None or value.startswith("-") else value
