"""Environment variables of a function: which names are reserved and how much they may take."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lamina import errors

VARIABLES_BYTES_MAX = 4096

# The developer guide's list of what Lambda itself defines; it may not be set in a configuration.
RESERVED = frozenset(
    (
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    )
)
_SORRY = "Lambda was unable to configure your environment variables because the environment variables you have provided"


def check_variables(variables: Mapping[str, str]) -> None:
    """Raise AWS's error for reserved names, or for more than 4 KB of variables, counted as compact JSON.

    And an error of ours for what no process can be given.
    """
    reserved = [name for name in variables if name in RESERVED]
    if reserved:
        raise errors.invalid_parameter_value(
            f"{_SORRY} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    if any("\0" in value for value in variables.values()):
        raise errors.invalid_parameter_value(f"{_SORRY} contain a NUL character.")
    measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode("utf-8", "surrogatepass")) > VARIABLES_BYTES_MAX:
        raise errors.invalid_parameter_value(f"{_SORRY} exceeded the 4KB limit. String measured: {measured}")
