"""The environment and the command line, read once into one frozen `Settings`.

Each setting is one row of `SETTINGS`: the variables that may hold it, its default, how to read it, what it does.
docs/SETTINGS.md prints the same rows, and a test compares the two. Where LocalStack has a name for the same thing,
that name works here, so that a switch changes nothing in people's scripts.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from lamina.observability.otel import ExportPlan

from lamina import user_folders


class BadSetting(ValueError):
    """A setting holds what it cannot mean; the message names where it was set and what would do.

    *value* is None where it is nobody's to read.
    """

    def __init__(self, source: str, value: str | None, expected: str) -> None:
        held = "holds a secret that is not shown" if value is None else f"is {value!r}"
        super().__init__(f"{source} {held}, but must be {expected}")
        self.source = source


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server was told. Read by `lamina.main`, which hands each part on as an argument."""

    host: str
    port: int
    state_dir: Path
    account_id: str
    region: str
    max_environments: int
    network: Literal["outbound", "none", "host"]
    keepalive_ms: int
    memory_reserve_mb: int | None
    preload: tuple[str, ...]
    synchronous_create: bool
    retry_base_delay_s: int
    drain_s: int
    log_level: str
    log_format: Literal["text", "json"]
    metrics_token: str | None
    tracing: ExportPlan | None
    companions: bool
    accounts: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def read(
        cls, environ: Mapping[str, str], overrides: Mapping[str, str | None] | None = None, *, root: bool
    ) -> Settings:
        """The settings that *environ* and the command line's *overrides* (by field name) give; the latter win.

        An empty variable counts as unset. *root* says whose default state folder is meant. Raises BadSetting.
        """
        given = overrides or {}
        values = {setting.field: setting.read(environ, given.get(setting.field), root) for setting in SETTINGS}
        return cls(**values)

    @property
    def accounts_file(self) -> Path:
        """Where the accounts are, if there are any."""
        return self.accounts or self.state_dir / "accounts.json"

    @property
    def scheme(self) -> str:
        """What the server's address begins with."""
        return "http" if self.tls_cert is None else "https"


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


class _Tracing(Setting):
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


def _matching(pattern: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise ValueError
        return value

    return parse


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError
        return int(value)

    return parse


def _switch(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError


def _level(value: str) -> str:
    if value.lower() not in LOG_LEVELS:
        raise ValueError
    return value.lower()


def _network(value: str) -> str:
    if value.lower() not in ("outbound", "none", "host"):
        raise ValueError
    return value.lower()


def _modules(value: str) -> tuple[str, ...]:
    modules = [name.strip() for name in value.split(",")]
    for name in modules:
        if not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
            raise ValueError
    return tuple(dict.fromkeys(modules))


def _folder(value: str) -> Path:
    if "\0" in value:
        raise ValueError
    return Path(value).absolute()


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    from ipaddress import ip_network  # noqa: PLC0415 - few servers have proxies before them

    return tuple(ip_network(each.strip()) for each in value.split(","))


def _default_folder(environ: Mapping[str, str], root: bool) -> Path:
    if root:
        return Path("/var/lib/lamina")
    if any(environ.get(name, "").startswith("/") for name in ("XDG_STATE_HOME", "HOME")):
        return user_folders.state(environ)
    raise BadSetting("HOME", environ.get("HOME", ""), "set, or LAMINA_STATE must be, to a folder to keep the state in")


def _always(value: Any) -> Callable[[Mapping[str, str], bool], Any]:
    return lambda _environ, _root: value


def _log_format(value: str) -> str:
    if value.lower() not in ("text", "json"):
        raise ValueError
    return value.lower()


LOG_LEVELS = ("debug", "info", "warning", "error")

SETTINGS = (
    Setting(
        "host",
        "--host",
        ("LAMINA_HOST",),
        _matching(r"[0-9A-Za-z_.:%-]+"),
        "an address or a host name of this machine, such as 127.0.0.1 or 0.0.0.0",
        _always("127.0.0.1"),
        "`127.0.0.1`",
        "The address to listen on. On any but this machine's own (`127.0.0.1`, `::1`) the server starts with "
        "[accounts](SECURITY.md#accounts) only.",
    ),
    Setting(
        "port",
        "--port",
        ("LAMINA_PORT", "GATEWAY_PORT"),
        _whole_number(0, 65535),
        "a whole number from 0 to 65535 (0 picks a free port)",
        _always(4566),
        "`4566`",
        "The port to listen on; 0 picks a free one, which the readiness line names.",
    ),
    Setting(
        "state_dir",
        "--state",
        ("LAMINA_STATE",),
        _folder,
        "the path of a folder",
        _default_folder,
        "`/var/lib/lamina` for root, else `$XDG_STATE_HOME/lamina` (`~/.local/state/lamina`)",
        "The folder that everything is kept in. One server at a time uses it.",
    ),
    Setting(
        "account_id",
        None,
        ("LAMINA_ACCOUNT_ID",),
        _matching(r"\d{12}"),
        "an AWS account id: 12 digits",
        _always("000000000000"),
        "`000000000000`",
        "The account of a caller whose access key is not itself 12 digits.",
    ),
    Setting(
        "region",
        None,
        ("LAMINA_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
        _matching(r"[a-z]{2}(-[a-z]+)+-\d{1,2}"),
        "the name of an AWS region, such as eu-central-1",
        _always("us-east-1"),
        "`us-east-1`",
        "The region of a caller who signs no request.",
    ),
    Setting(
        "max_environments",
        None,
        ("LAMINA_MAX_ENVIRONMENTS",),
        _whole_number(1, 100_000),
        "a whole number from 1 to 100000",
        _always(1000),
        "`1000`",
        "The most execution environments alive at once; a call that would need one more is throttled as on AWS. "
        "Also how many an account may reserve and provision from.",
    ),
    Setting(
        "network",
        "--network",
        ("LAMINA_NETWORK",),
        _network,
        "outbound, none or host",
        _always("outbound"),
        "`outbound`",
        "What functions reach. `outbound`: what this machine reaches, but not this machine, nor one another. `none`: "
        "the server's API only. `host`: they are on this machine's own network and reach every service on it.",
    ),
    Setting(
        "keepalive_ms",
        None,
        ("LAMBDA_KEEPALIVE_MS",),
        _whole_number(0, 86_400_000),
        "milliseconds: a whole number from 0 to 86400000 (a day)",
        _always(600_000),
        "`600000`",
        "How long an idle execution environment is kept warm, in milliseconds; 0 ends it after each call.",
    ),
    Setting(
        "memory_reserve_mb",
        None,
        ("LAMINA_MEMORY_RESERVE_MB",),
        _whole_number(0, 1 << 30),
        "megabytes: a whole number from 0 to 1073741824",
        _always(None),
        "a twentieth of the memory, at most `512`",
        "With less memory than this available, of the machine's or of the control group's, idle execution environments "
        "end before their time, those idle for longest first, and snapshots that serve nobody until their next call; "
        "provisioned ones stay. 0 ends none for want of memory.",
    ),
    Setting(
        "preload",
        "--preload",
        ("LAMINA_PRELOAD",),
        _modules,
        "names of Python modules, separated by commas, such as pandas,numpy",
        _always(()),
        "none",
        "Python modules to import ahead of demand, for functions whose layers bring them: an environment then begins "
        "without having to import them. [Not for every module](ENVIRONMENT.md#preloaded-layers).",
    ),
    Setting(
        "synchronous_create",
        None,
        ("LAMBDA_SYNCHRONOUS_CREATE",),
        _switch,
        "1, true, yes or on; or 0, false, no or off",
        _always(False),
        "`0`",
        "With 1, a create or an update answers only once the function can run, so that nobody need wait for it.",
    ),
    Setting(
        "retry_base_delay_s",
        None,
        ("LAMBDA_RETRY_BASE_DELAY",),
        _whole_number(0, 3600),
        "seconds: a whole number from 0 to 3600",
        _always(60),
        "`60`",
        "How long after a failed `Event` invocation its first retry comes, in seconds; the second waits twice that.",
    ),
    Setting(
        "drain_s",
        None,
        ("LAMINA_DRAIN_SECONDS",),
        _whole_number(0, 86_400),
        "seconds: a whole number from 0 to 86400 (a day)",
        _always(5),
        "`5`",
        "How long calls that are under way may go on once the server is told to stop, by SIGTERM or Ctrl-C; it accepts "
        "no new ones meanwhile. Those that take longer get an error, and `Event` invocations are run again by the next "
        "server. A second signal ends the wait. What stops the server must be as patient: `docker stop` waits for 10.",
    ),
    Setting(
        "log_level",
        None,
        ("LAMINA_LOG_LEVEL",),
        _level,
        "one of " + ", ".join(LOG_LEVELS),
        _always("warning"),
        "`warning`",
        "What the server tells about itself on standard error: `debug`, `info`, `warning` or `error`.",
    ),
    Setting(
        "log_format",
        None,
        ("LAMINA_LOG_FORMAT",),
        _log_format,
        "text or json",
        _always("text"),
        "`text`",
        "How it tells that: `text` for a person, or with `json` [one object a line](#the-servers-log) for a machine.",
    ),
    Setting(
        "metrics_token",
        None,
        ("LAMINA_METRICS_TOKEN",),
        _matching(r"[!-~]{1,512}"),
        "a word of visible ASCII characters",
        _always(None),
        "none",
        "Who sends it as `Authorization: Bearer TOKEN` may read [the metrics](METRICS.md), and nobody else. Without "
        "one, programs on this machine may.",
        secret=True,
    ),
    _Tracing(
        "tracing",
        None,
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        str,
        "the address of a collector, such as http://127.0.0.1:4318",
        _always(None),
        "none",
        "The OpenTelemetry collector that traces of requests go to, [with OpenTelemetry's other variables](TRACES.md). "
        "Without one, nothing is traced.",
    ),
    Setting(
        "companions",
        None,
        ("LAMINA_COMPANIONS",),
        _switch,
        "1, true, yes or on; or 0, false, no or off",
        _always(True),
        "`1`",
        "Whether services beside Lambda (S3, IAM, STS, SSM and others) are offered, where `lamina[aws]` is installed. "
        "With 0, requests for them are refused, and archives and destinations are looked for on AWS alone.",
    ),
    Setting(
        "accounts",
        "--accounts",
        ("LAMINA_ACCOUNTS",),
        _folder,
        "the path of a file",
        _always(None),
        "`accounts.json` in the state folder, if it is there",
        "The [accounts file](formats/accounts.md). With one, whoever calls has to sign with a key in it. Without one, "
        "nobody's signature is looked at, and the server listens to this machine alone.",
    ),
    Setting(
        "tls_cert",
        "--tls-cert",
        ("LAMINA_TLS_CERT",),
        _folder,
        "the path of a file",
        _always(None),
        "none",
        "A certificate and its chain, in PEM. With it and `--tls-key` the server speaks TLS, 1.2 at least, and nothing "
        "else. A file that changes is read again by the next connection.",
    ),
    Setting(
        "tls_key",
        "--tls-key",
        ("LAMINA_TLS_KEY",),
        _folder,
        "the path of a file",
        _always(None),
        "none",
        "The certificate's private key, in PEM, without a password.",
    ),
    Setting(
        "trusted_proxies",
        "--trusted-proxy",
        ("LAMINA_TRUSTED_PROXY",),
        _networks,
        "addresses or networks, separated by commas, such as 10.0.0.5,192.168.0.0/24",
        _always(()),
        "none",
        "Proxies before the server, whose `X-Forwarded-For`, `-Proto` and `-Host` say what their client sent. From "
        "anybody else these headers mean nothing.",
    ),
)
