"""What an environment is made from, which is also what decides whether one may serve an invocation.

A warm environment serves only the very function version, code, ordered layers, runtime, handler and configuration it
was made from. There is no key to forget a part of: the whole record is the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from lamina.functions.versions import FunctionVersion
from lamina.names import Digest, FunctionArn

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
SNAP_START = "snap-start"

# What CPython, its dynamic linker or its OpenSSL read once, as they start.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "OPENSSL_")
_READ_AT_START_TOO = ("LANG", "LANGUAGE", "TZ", "PATH")


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
    # Every invocation looks something up by its spec, which is long.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compared = tuple(getattr(self, each.name) for each in fields(self) if each.compare)
        object.__setattr__(self, "_hash", hash(compared))

    def __hash__(self) -> int:
        return self._hash

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
            initialization=SNAP_START if version.snap_starts else ON_DEMAND,
        )

    @property
    def archives(self) -> tuple[Digest, ...]:
        """All it mounts."""
        return (self.code, *self.layers)

    @property
    def needs_own_interpreter(self) -> bool:
        """Whether the runtime must be started afresh instead of forked from one that is running, for its variables."""
        return any(name.startswith(_READ_AT_START) or name in _READ_AT_START_TOO for name, _ in self.variables)
