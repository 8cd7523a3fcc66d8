"""The variables an external extension is started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What AWS's documentation keeps from extensions, and what only the start of a runtime leaves in its own environment.
_RUNTIMES_OWN: Final = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
        "_LAMBDA_TELEMETRY_LOG_FD",
        "GEM_HOME",
        "GEM_PATH",
        "LC_CTYPE",
        "NODE_PATH",
        "PWD",
        "PYTHONPATH",
        "RUBYLIB",
        "SHLVL",
    }
)


def extension_variables(runtimes: Mapping[str, str], users: Mapping[str, str]) -> Mapping[str, str]:
    """What of the *runtimes* variables an extension sees; of the *users*, set on the function, it sees all."""
    return {name: value for name, value in runtimes.items() if name in users or name not in _RUNTIMES_OWN}
