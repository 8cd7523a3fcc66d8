"""One row of the table of settings, and how its value is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class BadSetting(ValueError):
    """A setting holds what it cannot mean; the message names where it was set and what would do.

    *value* is None where it is nobody's to read.
    """

    def __init__(self, source: str, value: str | None, expected: str) -> None:
        held = "holds a secret that is not shown" if value is None else f"is {value!r}"
        super().__init__(f"{source} {held}, but must be {expected}")
        self.source = source


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: `variables` in the order they are looked at, and what `documented` calls the default."""

    field: str
    option: str | None
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    expected: str
    default: Callable[[Mapping[str, str], bool], Any]
    documented: str
    says: str
    secret: bool = False

    def read(self, environ: Mapping[str, str], override: str | None, root: bool) -> Any:
        """The value from the command line, else from the first variable that is set, else the default."""
        sources = [(self.option or self.field, override), *((name, environ.get(name)) for name in self.variables)]
        for source, value in sources:
            if value:
                try:
                    return self.parse(value)
                except ValueError:
                    raise BadSetting(source, None if self.secret else value, self.expected) from None
        return self.default(environ, root)


class Tracing(Setting):
    """OpenTelemetry's variables, of which several make one plan."""

    __slots__ = ()

    def read(self, environ: Mapping[str, str], override: str | None, root: bool) -> Any:
        if not any(environ.get(name) for name in self.variables):
            return self.default(environ, root)
        from lamina.observability import otel  # noqa: PLC0415 - few servers are traced

        try:
            return otel.read(environ)
        except otel.BadVariable as error:
            raise BadSetting(error.name, error.value, error.expected) from None
