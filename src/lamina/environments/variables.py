"""The variables a runtime's process is started with, as recorded on AWS for each runtime, the user's on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lamina.environments.spec import EnvironmentSpec
from lamina.functions.runtimes import Language

RUNTIME_API: Final = "169.254.100.1:9001"
ENDPOINT: Final = "http://169.254.100.1:4566"
_LIBRARIES: Final = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
_PROGRAMS: Final = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_LANG_LIBRARIES: Final = "/var/lang/lib"
_LANG_PROGRAMS: Final = "/var/lang/bin"
# Pythons up to here run on Amazon Linux 2.
_NEWEST_PYTHON_WITH_ENGLISH: Final = 11
# The runtime's client opens it for framed messages and takes the variable away; Java's leaves it for all to see.
_LOG_DESCRIPTOR: Final = {"_LAMBDA_TELEMETRY_LOG_FD": "62"}
# What a start through a shell leaves behind.
_SHELL: Final = {"PWD": "/var/task", "SHLVL": "0"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What stands in AWS_ACCESS_KEY_ID and its like; each environment has its own."""

    access_key_id: str
    secret_access_key: str
    session_token: str


def runtime_variables(runtime: str) -> dict[str, str]:
    """What is the same in every environment of *runtime*, so that its zygote can be started with it."""
    language = Language.of(runtime)
    common = {
        "PATH": f"{_LANG_PROGRAMS}:{_PROGRAMS}",
        "LD_LIBRARY_PATH": f"{_LANG_LIBRARIES}:{_LIBRARIES}",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_LAMBDA_RUNTIME_API": RUNTIME_API,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }
    if language.family == "provided":
        return common | (_AMAZON_LINUX_2 if runtime == "provided.al2" else {})
    return common | {"AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}"} | _LANGUAGES[language.family](language.version)


def _python(version: str) -> dict[str, str]:
    # Amazon Linux 2023 has no en_US.UTF-8, and the interpreter says what it takes instead.
    coerced = int(version.partition(".")[2]) > _NEWEST_PYTHON_WITH_ENGLISH
    return {
        "PYTHONPATH": "/var/runtime",
        **({"LC_CTYPE": "C.UTF-8"} if coerced else {}),
        **_SHELL,
        **_LOG_DESCRIPTOR,
    }


def _nodejs(version: str) -> dict[str, str]:
    modules = f"/opt/nodejs/node{version}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules"
    return {"NODE_PATH": f"{modules}:/var/runtime:/var/task", **_SHELL, **_LOG_DESCRIPTOR}


def _java(_version: str) -> dict[str, str]:
    return dict(_LOG_DESCRIPTOR)


def _ruby(version: str) -> dict[str, str]:
    bundle = f"ruby/{version}.0"
    gems = f"/var/task/vendor/bundle/{bundle}:/opt/ruby/gems/{version}.0:/var/runtime:/var/runtime/{bundle}"
    return {
        # Its start puts the first entry there once more.
        "PATH": f"{_LANG_PROGRAMS}:{_LANG_PROGRAMS}:{_PROGRAMS}",
        "LD_LIBRARY_PATH": f"{_LANG_LIBRARIES}:{_LANG_LIBRARIES}:{_LIBRARIES}",
        "GEM_HOME": "/var/runtime",
        "GEM_PATH": gems,
        "RUBYLIB": "/var/runtime/gems/aws_lambda_ric-3.1.3/lib:/var/task:/var/runtime/lib:/opt/ruby/lib",
        **_SHELL,
        **_LOG_DESCRIPTOR,
        **_LOG_DESCRIPTOR,
    }


_LANGUAGES: Final = {"python": _python, "nodejs": _nodejs, "java": _java, "ruby": _ruby}
# The older of the two has no language's folder, and an older machine's addresses.
_AMAZON_LINUX_2: Final = {
    "PATH": _PROGRAMS,
    "LD_LIBRARY_PATH": _LIBRARIES,
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
    "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
}


def variables(
    spec: EnvironmentSpec, credentials: Credentials, log_stream: str, ports: tuple[int, int] | None = None
) -> Mapping[str, str]:
    """The environment variables of the runtime's process, as recorded on AWS (aws_recorded_env), the user's on top.

    *ports* are those of the Runtime API and of the endpoint where both are on loopback, not at addresses like AWS's.
    """
    region = spec.function.scope.region
    told = {
        **runtime_variables(spec.runtime),
        "_HANDLER": spec.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_LAMBDA_FUNCTION_NAME": spec.function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": spec.initialization,
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        # Not on AWS, where an SDK's own rules lead to the service; here they lead to this server, from inside.
        "AWS_ENDPOINT_URL": ENDPOINT,
    }
    if ports is not None:
        told["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{ports[0]}"
        told["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{ports[1]}"
    if spec.log_format == "JSON":
        told["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        told["AWS_LAMBDA_LOG_LEVEL"] = spec.application_log_level or "INFO"
    told.update(spec.variables)
    if Language.of(spec.runtime).family == "python" and _LANG_LIBRARIES not in told["LD_LIBRARY_PATH"].split(":"):
        # The user's own path leaves it out, and the interpreter here may need it to start at all.
        told["LD_LIBRARY_PATH"] += f":{_LANG_LIBRARIES}"
    return told
