"""Every metric there is: its name, its kind, what tells its series apart, and what it says.

docs/METRICS.md prints the same rows, and a test compares the two. Names follow Prometheus' conventions: base units, the
unit at the end, `_total` for what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "summary"]

_FUNCTION: Final = ("account", "region", "function")


@dataclass(frozen=True, slots=True)
class Family:
    """One row."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    says: str


FAMILIES: Final = (
    Family("lamina_build_info", "gauge", ("version",), "Always 1; the version is what it tells."),
    Family(
        "lamina_api_requests_total",
        "counter",
        ("service", "operation", "code"),
        "Requests answered, by HTTP status. The operation is `unknown` where the request named none; the service is "
        "`companions` for all beside Lambda, Logs and CloudFormation, and `lamina` for the server's own addresses.",
    ),
    Family(
        "lamina_api_request_duration_seconds",
        "summary",
        ("service", "operation"),
        "From a request's head and body being read to its answer beginning to go out.",
    ),
    Family("lamina_connections", "gauge", (), "Clients connected, code in environments included."),
    Family(
        "lamina_invocations_total",
        "counter",
        _FUNCTION,
        "Calls that ran, whoever asked and however they ended: AWS's metric Invocations.",
    ),
    Family(
        "lamina_invocation_errors_total", "counter", _FUNCTION, "Those whose outcome was an error: AWS's metric Errors."
    ),
    Family(
        "lamina_invocation_throttles_total",
        "counter",
        _FUNCTION,
        "Calls turned away, with 429 or to be tried again later: AWS's metric Throttles.",
    ),
    Family(
        "lamina_cold_invocations_total",
        "counter",
        _FUNCTION,
        "Calls that were the first of their environment, those of provisioned ones aside.",
    ),
    Family(
        "lamina_invocation_duration_seconds",
        "histogram",
        _FUNCTION,
        "From an environment being there to its answer: AWS's metric Duration, by this server's clock.",
    ),
    Family(
        "lamina_invocation_wait_seconds",
        "histogram",
        (),
        "From a call being admitted to an environment being there for it, a cold start included.",
    ),
    Family(
        "lamina_environment_start_seconds",
        "histogram",
        ("initialization", "phase"),
        "Starts of environments by phase: `turn`, waiting for one of the few starts at once; `sandbox`, archives and a "
        "sandbox; `init`, its limits and mounts and the function's own initialisation, or its restoring.",
    ),
    Family(
        "lamina_environment_start_failures_total",
        "counter",
        ("initialization",),
        "Environments that could not be had. A function that cannot be initialised is an error of its call instead.",
    ),
    Family(
        "lamina_environments",
        "gauge",
        ("state",),
        "Environments that are `starting`, `busy` or `idle`; `template` are those that others are forked from.",
    ),
    Family("lamina_environments_max", "gauge", (), "How many calls may be under way at once."),
    Family(
        "lamina_environments_memory_bytes",
        "gauge",
        (),
        "What all environments hold, without pages of files; not there where no control groups tell.",
    ),
    Family(
        "lamina_waiting",
        "gauge",
        ("queue",),
        "Asynchronous invocations recorded and not over, those that run now included (`events`), and messages that "
        "destinations have not taken yet (`deliveries`).",
    ),
    Family(
        "lamina_cache_lookups_total",
        "counter",
        ("cache", "result"),
        "Whether what an environment is made from was there: `trees`, extracted archives, which had to be extracted on "
        "a `miss`; `byte_code` of one archive, which the environment then does without.",
    ),
    Family("lamina_store_entries", "gauge", ("store",), "Archives (`blobs`), `trees` and trees with `byte_code` kept."),
    Family("lamina_store_bytes", "gauge", ("store",), "What the archives (`blobs`) take; looked at once a minute."),
    Family("process_cpu_seconds_total", "counter", (), "Processor time of the server's own process, in seconds."),
    Family("process_resident_memory_bytes", "gauge", (), "Resident memory of the server's own process."),
    Family("process_open_fds", "gauge", (), "File descriptors that it has open."),
    Family("process_max_fds", "gauge", (), "How many it may have."),
    Family("process_threads", "gauge", (), "Threads that it has."),
    Family("process_start_time_seconds", "gauge", (), "When it began, in seconds since 1970."),
)
