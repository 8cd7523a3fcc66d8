"""The environment variables that functions were seen to have on AWS in January 2026, by runtime.

*Everywhere* with what each runtime has besides, or otherwise, or not at all (None). What differs between any two
functions stands as a placeholder in angle brackets.
"""

from __future__ import annotations

from collections.abc import Mapping

_EVERYWHERE: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "<key>",
    "AWS_DEFAULT_REGION": "<region>",
    "AWS_EXECUTION_ENV": "AWS_Lambda_<runtime>",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "<memory>",
    "AWS_LAMBDA_FUNCTION_NAME": "<function>",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/<function>",
    "AWS_LAMBDA_LOG_STREAM_NAME": "<stream>",
    "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
    "AWS_REGION": "<region>",
    "AWS_SECRET_ACCESS_KEY": "<secret>",
    "AWS_SESSION_TOKEN": "<token>",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "PWD": "/var/task",
    "SHLVL": "0",
    "TEST_KEY": "TEST_VAL",
    "TZ": ":UTC",
    "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
    "_HANDLER": "<handler>",
    "_X_AMZN_TRACE_ID": "<trace>",
}
_BY_PYTHON = {"PYTHONPATH": "/var/runtime"}
_BY_PYTHON_ON_AL2023 = {**_BY_PYTHON, "LC_CTYPE": "C.UTF-8"}
_BY_JAVA = {"PWD": None, "SHLVL": None, "_X_AMZN_TRACE_ID": None, "_LAMBDA_TELEMETRY_LOG_FD": "62"}
# A bootstrap was seen that had set the trace's id itself.
_BY_NOBODY = {"AWS_EXECUTION_ENV": None, "PWD": None, "SHLVL": None, "_X_AMZN_TRACE_ID": None}


def _by_node(version: int) -> Mapping[str, str | None]:
    modules = f"/opt/nodejs/node{version}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules"
    return {"NODE_PATH": f"{modules}:/var/runtime:/var/task"}


def _by_ruby(version: str) -> Mapping[str, str | None]:
    twice = "/var/lang/{}:/var/lang/{}"
    return {
        "GEM_HOME": "/var/runtime",
        "GEM_PATH": (
            f"/var/task/vendor/bundle/ruby/{version}.0:/opt/ruby/gems/{version}.0:"
            f"/var/runtime:/var/runtime/ruby/{version}.0"
        ),
        "RUBYLIB": "/var/runtime/gems/aws_lambda_ric-3.1.3/lib:/var/task:/var/runtime/lib:/opt/ruby/lib",
        "PATH": _EVERYWHERE["PATH"].replace("/var/lang/bin", twice.format("bin", "bin")),
        "LD_LIBRARY_PATH": _EVERYWHERE["LD_LIBRARY_PATH"].replace("/var/lang/lib", twice.format("lib", "lib")),
    }


_DIFFERENCES: Mapping[str, Mapping[str, str | None]] = {
    **{f"python3.{minor}": _BY_PYTHON for minor in range(8, 12)},
    **{f"python3.{minor}": _BY_PYTHON_ON_AL2023 for minor in range(12, 15)},
    **{f"nodejs{version}.x": _by_node(version) for version in (20, 22, 24)},
    **{f"java{version}": _BY_JAVA for version in (17, 21, 25)},
    **{f"ruby{version}": _by_ruby(version) for version in ("3.2", "3.3", "3.4")},
    "provided.al2023": _BY_NOBODY,
    "provided.al2": {
        **_BY_NOBODY,
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
    },
}
RECORDED: Mapping[str, Mapping[str, str]] = {
    runtime: {
        name: value.replace("<runtime>", runtime)
        for name, value in {**_EVERYWHERE, **differences}.items()
        if value is not None
    }
    for runtime, differences in _DIFFERENCES.items()
}


def differences(
    runtime: str, seen: Mapping[str, str], function: str, region: str = "us-east-1"
) -> dict[str, tuple[str | None, str | None]]:
    """Name -> what was recorded, and what *seen* has: of a *function* of 256 MB with the handler index.handler."""
    told = {"<region>": region, "<memory>": "256", "<function>": function, "<handler>": "index.handler"}
    expected = dict(RECORDED[runtime])
    for placeholder, value in told.items():
        expected = {name: text.replace(placeholder, value) for name, text in expected.items()}
    return {
        name: (expected.get(name), seen.get(name))
        for name in expected.keys() | seen.keys()
        if expected.get(name) != seen.get(name)
        # Not on AWS: it leads an SDK to this server.
        and name != "AWS_ENDPOINT_URL"
        # Each environment's own: any will do, but there must be one.
        and not (expected.get(name, "").startswith("<") and seen.get(name))
    }
