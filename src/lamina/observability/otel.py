"""OpenTelemetry's own variables: where traces go, which of them, and in whose name.

They are looked at only where one says where traces go: whoever has the others set for his own programs is not stopped
by one that makes no sense here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

import lamina
from lamina.observability.spans import Sampler

T = TypeVar("T")

TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_FOLLOWING: Final = "parentbased_"
_SAMPLERS: Final = tuple(
    before + kind for before in ("", _FOLLOWING) for kind in ("always_on", "always_off", "traceidratio")
)


class BadVariable(ValueError):
    """A variable holds what it cannot mean; *value* is None where it may be somebody's key."""

    def __init__(self, name: str, value: str | None, expected: str) -> None:
        super().__init__(f"{name} must be {expected}")
        self.name, self.value, self.expected = name, value, expected


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Where spans are sent every `delay_s` seconds, in the name of `resource`: those that *sampler* takes."""

    url: str
    headers: tuple[tuple[str, str], ...]
    timeout_s: float
    delay_s: float
    resource: tuple[tuple[str, str], ...]
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class Variable:
    """A row of docs/TRACES.md: names in the order they are looked at."""

    names: tuple[str, ...]
    default: str
    says: str


VARIABLES: Final = (
    Variable((TRACES_ENDPOINT,), "none", "Where to, as it stands."),
    Variable((ENDPOINT,), "none", "The collector, such as `http://127.0.0.1:4318`; `/v1/traces` is added."),
    Variable(
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
        "`http/json`",
        "`http/json`, and nothing else: with `http/protobuf` or `grpc` the server does not start. A collector takes "
        "JSON at the address where it takes `http/protobuf` (port 4318), not at gRPC's (4317).",
    ),
    Variable(
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        "none",
        "Headers to send along: `name=value,…`, values percent-encoded.",
    ),
    Variable(
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        "`10000`",
        "How long the collector may take to answer, in milliseconds.",
    ),
    Variable(
        ("OTEL_BSP_SCHEDULE_DELAY",), "`5000`", "How long spans are gathered before they are sent, in milliseconds."
    ),
    Variable(
        ("OTEL_TRACES_SAMPLER",),
        "`parentbased_always_on`",
        "Which traces: `always_on`, `always_off`, `traceidratio`, or the same behind `parentbased_`, where what the "
        "caller's header says is followed.",
    ),
    Variable(("OTEL_TRACES_SAMPLER_ARG",), "`1.0`", "The share that `traceidratio` takes, from 0 to 1."),
    Variable(("OTEL_SERVICE_NAME",), "`lamina`", "The resource's `service.name`."),
    Variable(("OTEL_RESOURCE_ATTRIBUTES",), "none", "Further attributes of the resource: `name=value,…`."),
    Variable(("OTEL_TRACES_EXPORTER",), "`otlp`", "`none` sends nothing; any other than these is refused."),
    Variable(("OTEL_SDK_DISABLED",), "`false`", "`true` sends nothing."),
)


def read(environ: Mapping[str, str]) -> ExportPlan | None:
    """The plan of *environ*; None where it says nothing of where to, or says no. Raises BadVariable."""
    exact, base = environ.get(TRACES_ENDPOINT), environ.get(ENDPOINT)
    if not (exact or base) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    values = {row.names: _first(environ, row.names) for row in VARIABLES}
    if _read(values, "OTEL_TRACES_EXPORTER", "otlp", _one_of("otlp", "none")) == "none":
        return None
    _read(values, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", _protocol)
    name = TRACES_ENDPOINT if exact else ENDPOINT
    url = _read(values, name, "", _url)
    attributes = _read(values, "OTEL_RESOURCE_ATTRIBUTES", "", _pairs)
    service = _read(values, "OTEL_SERVICE_NAME", dict(attributes).get("service.name", "lamina"), str)
    resource = {**dict(attributes), "service.name": service, "service.version": lamina.__version__}
    sampler = _read(values, "OTEL_TRACES_SAMPLER", "parentbased_always_on", _one_of(*_SAMPLERS))
    kind = sampler.removeprefix(_FOLLOWING)
    share = _read(values, "OTEL_TRACES_SAMPLER_ARG", "1.0", _share) if kind == "traceidratio" else 1.0
    return ExportPlan(
        url=url if exact else url.rstrip("/") + "/v1/traces",
        headers=_read(values, "OTEL_EXPORTER_OTLP_HEADERS", "", _pairs),
        timeout_s=_read(values, "OTEL_EXPORTER_OTLP_TIMEOUT", "10000", _milliseconds),
        delay_s=_read(values, "OTEL_BSP_SCHEDULE_DELAY", "5000", _milliseconds),
        resource=tuple(resource.items()),
        sampler=Sampler(sampler.startswith(_FOLLOWING), 0.0 if kind == "always_off" else share),
    )


class _Unfit(ValueError):
    """The text says what would do."""


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str] | None:
    """The first of *names* that is set, and what to."""
    return next(((name, environ[name]) for name in names if environ.get(name)), None)


def _read(
    values: Mapping[tuple[str, ...], tuple[str, str] | None], row: str, default: str, parse: Callable[[str], T]
) -> T:
    """What the row with the name *row* comes to."""
    found = next(value for names, value in values.items() if row in names)
    try:
        return parse(default if found is None else found[1])
    except _Unfit as expected:
        assert found is not None, "a default makes sense"
        name, value = found
        raise BadVariable(name, None if name.endswith("_HEADERS") or "@" in value else value, str(expected)) from None


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in words:
            raise _Unfit(" or ".join(words) if len(words) < 3 else "one of " + ", ".join(words))
        return value.lower()

    return parse


def _protocol(value: str) -> str:
    if value.lower() != "http/json":
        raise _Unfit(
            "http/json: Lamina sends JSON and no protobuf, which a collector takes where it takes http/protobuf "
            "(port 4318, not gRPC's 4317)"
        )
    return value.lower()


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        # A user's name and password would go nowhere: they belong into the headers.
        sound = sound and "@" not in parts.netloc
    except ValueError:
        sound = False
    if not sound or not value.isascii() or not value.isprintable() or " " in value:
        raise _Unfit("the address of a collector, such as http://127.0.0.1:4318")
    return value


def _pairs(value: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    read = tuple((name.strip(), unquote(text.strip())) for name, _, text in pairs)
    if (
        not all(separator and name.strip() for name, separator, _ in pairs)
        or not "".join(map("".join, read)).isprintable()
    ):
        raise _Unfit("name=value, and further ones behind commas")
    return read


def _milliseconds(value: str) -> float:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 3_600_000:
        raise _Unfit("milliseconds: a whole number from 1 to 3600000")
    return int(value) / 1000


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise _Unfit("a number from 0 to 1")
    return share
