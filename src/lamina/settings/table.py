"""Every setting there is, in the order of docs/SETTINGS.md; each reads one field of `Settings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lamina import user_folders
from lamina.settings.row import BadSetting, Setting, Tracing
from lamina.settings.values import folder, matching, modules, networks, one_of, switch, whole_number


def _default_folder(environ: Mapping[str, str], root: bool) -> Path:
    if root:
        return Path("/var/lib/lamina")
    if any(environ.get(name, "").startswith("/") for name in ("XDG_STATE_HOME", "HOME")):
        return user_folders.state(environ)
    raise BadSetting("HOME", environ.get("HOME", ""), "set, or LAMINA_STATE must be, to a folder to keep the state in")


def _always(value: Any) -> Callable[[Mapping[str, str], bool], Any]:
    return lambda _environ, _root: value


_LOG_LEVELS = ("debug", "info", "warning", "error")

SETTINGS = (
    Setting(
        "host",
        "--host",
        ("LAMINA_HOST",),
        matching(r"[0-9A-Za-z_.:%-]+"),
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
        whole_number(0, 65535),
        "a whole number from 0 to 65535 (0 picks a free port)",
        _always(4566),
        "`4566`",
        "The port to listen on; 0 picks a free one, which the readiness line names.",
    ),
    Setting(
        "state_dir",
        "--state",
        ("LAMINA_STATE",),
        folder,
        "the path of a folder",
        _default_folder,
        "`/var/lib/lamina` for root, else `$XDG_STATE_HOME/lamina` (`~/.local/state/lamina`)",
        "The folder that everything is kept in. One server at a time uses it.",
    ),
    Setting(
        "account_id",
        None,
        ("LAMINA_ACCOUNT_ID",),
        matching(r"\d{12}"),
        "an AWS account id: 12 digits",
        _always("000000000000"),
        "`000000000000`",
        "The account of a caller whose access key is not itself 12 digits.",
    ),
    Setting(
        "region",
        None,
        ("LAMINA_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
        matching(r"[a-z]{2}(-[a-z]+)+-\d{1,2}"),
        "the name of an AWS region, such as eu-central-1",
        _always("us-east-1"),
        "`us-east-1`",
        "The region of a caller who signs no request.",
    ),
    Setting(
        "max_environments",
        None,
        ("LAMINA_MAX_ENVIRONMENTS",),
        whole_number(1, 100_000),
        "a whole number from 1 to 100000",
        _always(1000),
        "`1000`",
        "The most execution environments alive at once; a call that would need one more is throttled as on AWS. "
        "Also how many an account may reserve and provision from.",
    ),
    Setting(
        "max_connections",
        None,
        ("LAMINA_MAX_CONNECTIONS",),
        whole_number(16, 1_000_000),
        "a whole number from 16 to 1000000",
        _always(10_000),
        "`10000`",
        "The most clients connected at once, and never more than half of the descriptors that the server may have "
        "open. One more takes the place of [who asks for nothing](#connections); where nobody does, it is "
        "answered with a 503.",
    ),
    Setting(
        "max_connections_per_address",
        None,
        ("LAMINA_MAX_CONNECTIONS_PER_ADDRESS",),
        whole_number(0, 1_000_000),
        "a whole number from 0 to 1000000",
        _always(None),
        "a tenth of all there may be, at least `64`",
        "Of these, the most of one address, but not of this machine's own ([how](#one-address)); 0 is without limit.",
    ),
    Setting(
        "max_failed_signatures",
        None,
        ("LAMINA_MAX_FAILED_SIGNATURES",),
        whole_number(0, 1_000_000),
        "a whole number from 0 to 1000000",
        _always(60),
        "`60`",
        "With accounts, how many signatures an address may get wrong in a minute before [its requests are answered "
        "with a 429](#one-address); 0 is without limit.",
    ),
    Setting(
        "network",
        "--network",
        ("LAMINA_NETWORK",),
        one_of("outbound", "none", "host"),
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
        whole_number(0, 86_400_000),
        "milliseconds: a whole number from 0 to 86400000 (a day)",
        _always(600_000),
        "`600000`",
        "How long an idle execution environment is kept warm, in milliseconds; 0 ends it after each call.",
    ),
    Setting(
        "memory_reserve_mb",
        None,
        ("LAMINA_MEMORY_RESERVE_MB",),
        whole_number(0, 1 << 30),
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
        modules,
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
        switch,
        "1, true, yes or on; or 0, false, no or off",
        _always(False),
        "`0`",
        "With 1, a create or an update answers only once the function can run, so that nobody need wait for it.",
    ),
    Setting(
        "retry_base_delay_s",
        None,
        ("LAMBDA_RETRY_BASE_DELAY",),
        whole_number(0, 3600),
        "seconds: a whole number from 0 to 3600",
        _always(60),
        "`60`",
        "How long after a failed `Event` invocation its first retry comes, in seconds; the second waits twice that.",
    ),
    Setting(
        "drain_s",
        None,
        ("LAMINA_DRAIN_SECONDS",),
        whole_number(0, 86_400),
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
        one_of(*_LOG_LEVELS),
        "one of " + ", ".join(_LOG_LEVELS),
        _always("warning"),
        "`warning`",
        "What the server tells about itself on standard error: `debug`, `info`, `warning` or `error`.",
    ),
    Setting(
        "log_format",
        None,
        ("LAMINA_LOG_FORMAT",),
        one_of("text", "json"),
        "text or json",
        _always("text"),
        "`text`",
        "How it tells that: `text` for a person, or with `json` [one object a line](#the-servers-log) for a machine.",
    ),
    Setting(
        "metrics_token",
        None,
        ("LAMINA_METRICS_TOKEN",),
        matching(r"[!-~]{1,512}"),
        "a word of visible ASCII characters",
        _always(None),
        "none",
        "Who sends it as `Authorization: Bearer TOKEN` may read [the metrics](METRICS.md), and nobody else. Without "
        "one, programs on this machine may.",
        secret=True,
    ),
    Tracing(
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
        switch,
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
        folder,
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
        folder,
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
        folder,
        "the path of a file",
        _always(None),
        "none",
        "The certificate's private key, in PEM, without a password.",
    ),
    Setting(
        "trusted_proxies",
        "--trusted-proxy",
        ("LAMINA_TRUSTED_PROXY",),
        networks,
        "addresses or networks, separated by commas, such as 10.0.0.5,192.168.0.0/24",
        _always(()),
        "none",
        "Proxies before the server, whose `X-Forwarded-For`, `-Proto` and `-Host` say what their client sent. From "
        "anybody else these headers mean nothing.",
    ),
)
