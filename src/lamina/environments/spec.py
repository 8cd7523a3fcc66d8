"""What an environment is made from, which is also what decides whether one may serve an invocation.

A warm environment serves only the very function version, code, ordered layers, runtime, handler and configuration it
was made from. There is no key to forget a part of: the whole record is the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lamina.functions.versions import FunctionVersion
from lamina.names import Digest, FunctionArn

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """Everything that goes into an environment. Equal specs, and only those, may share warm environments."""

    function: FunctionArn  # unqualified
    version: str
    runtime: str
    handler: str
    role: str
    code: Digest
    layers: tuple[Digest, ...]
    memory_mb: int
    storage_mb: int
    timeout_s: int
    architecture: str
    variables: tuple[tuple[str, str], ...]
    log_group: str
    log_format: str
    application_log_level: str | None
    system_log_level: str | None
    # What AWS_LAMBDA_INITIALIZATION_TYPE says.
    initialization: str = ON_DEMAND

    @classmethod
    def of(cls, version: FunctionVersion) -> EnvironmentSpec:
        configuration = version.configuration
        return cls(
            function=version.arn,
            version=version.version,
            runtime=configuration.runtime,
            handler=configuration.handler,
            role=configuration.role,
            code=version.code.digest,
            layers=tuple(layer.archive.digest for layer in configuration.layers),
            memory_mb=configuration.memory_mb,
            storage_mb=configuration.storage_mb,
            timeout_s=configuration.timeout_s,
            architecture=configuration.architecture,
            variables=configuration.environment or (),
            log_group=version.log_group,
            log_format=configuration.logging.format,
            application_log_level=configuration.logging.application_level,
            system_log_level=configuration.logging.system_level,
        )

    @property
    def archives(self) -> tuple[Digest, ...]:
        """All it mounts."""
        return (self.code, *self.layers)

    @property
    def needs_own_interpreter(self) -> bool:
        """Whether the runtime must be started afresh instead of forked from one that is running.

        These variables are read once, when an interpreter or its dynamic linker starts.
        """
        return any(
            name.startswith(("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_")) or name in ("LANG", "LANGUAGE", "TZ", "PATH")
            for name, _ in self.variables
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What stands in AWS_ACCESS_KEY_ID and its like; each environment has its own."""

    access_key_id: str
    secret_access_key: str
    session_token: str


LD_LIBRARY_PATH = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
RUNTIME_API = "169.254.100.1:9001"
_ON_AMAZON_LINUX_2 = ("python3.8", "python3.9", "python3.10", "python3.11")


def runtime_variables(runtime: str) -> dict[str, str]:
    """What is the same in every environment of *runtime*, so that its zygote can be started with it."""
    # Amazon Linux 2023, below python3.12 and later, has no en_US.UTF-8, and the interpreter says what it takes instead.
    coerced = {} if runtime in _ON_AMAZON_LINUX_2 else {"LC_CTYPE": "C.UTF-8"}
    return {
        "PATH": PATH,
        "LD_LIBRARY_PATH": LD_LIBRARY_PATH,
        "PYTHONPATH": "/var/runtime",
        "LANG": "en_US.UTF-8",
        **coerced,
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_LAMBDA_RUNTIME_API": RUNTIME_API,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "PWD": "/var/task",
        "SHLVL": "0",
        # Taken out of the environment by the runtime's client when it opens it.
        "_LAMBDA_TELEMETRY_LOG_FD": "62",
    }


def variables(spec: EnvironmentSpec, credentials: Credentials, log_stream: str) -> Mapping[str, str]:
    """The environment variables of the runtime's process, as recorded on AWS (aws_recorded_env), the user's on top."""
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
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }
    if spec.log_format == "JSON":
        told["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        told["AWS_LAMBDA_LOG_LEVEL"] = spec.application_log_level or "INFO"
    return {**told, **dict(spec.variables)}
