"""What the runtime of an environment is started with: a fork that is there already, or a program to execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lamina.environments.spec import EnvironmentSpec
from lamina.functions.runtimes import Language

# Both options to the client of Node.js are AWS's; so is a tenth of the memory for what is young.
_YOUNG_SHARE: Final = 10
_HEADER_BYTES_MAX: Final = 81920
# What these releases do by default, and AWS's runtimes only for a function that asks for it in NODE_OPTIONS.
_EXPERIMENTS: Final = {
    "20": ("experimental-require-module",),
    "22": ("experimental-require-module", "experimental-detect-module"),
}
# AWS gives Java's heap so much of a function's memory.
_HEAP_PERCENT: Final = 85
_JAVA_CLIENT: Final = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
# What the shell that starts the runtimes on AWS does, its words and its exit statuses.
_WRAPPER_SCRIPT: Final = """\
wrapper=$AWS_LAMBDA_EXEC_WRAPPER
if [ ! -f "$wrapper" ]; then echo "$wrapper: does not exist"; exit 127; fi
if [ ! -x "$wrapper" ]; then echo "$wrapper: is not an executable"; exit 126; fi
exec "$wrapper" "$0" "$@"
"""
_WRAPPED: Final = ("/bin/sh", "-c", _WRAPPER_SCRIPT)
_DEFAULT_MEMORY_MB: Final = 128
# What Node.js, its libraries or the dynamic linker read once, as they start.
_READ_AT_START: Final = ("NODE_", "UV_", "LD_", "MALLOC_", "GLIBC_", "LC_", "OPENSSL_", "SSL_CERT_", "ICU_")
_READ_AT_START_TOO: Final = ("LANG", "LANGUAGE", "LOCPATH", "TZ", "PATH", "GCONV_PATH", "NO_COLOR", "FORCE_COLOR")
# Read by many a package, but not by Node.js.
_READ_BY_CODE_ONLY: Final = ("NODE_ENV",)


@dataclass(frozen=True, slots=True)
class Command:
    """How a runtime begins: by executing *argv*, or the first of *bootstraps* there is; by neither: in the fork.

    What may begin *early* can be executed before it is known for which function, with just the variables that all
    functions of its runtime have: it waits for the others before it reads any.
    """

    argv: tuple[str, ...] = ()
    bootstraps: tuple[str, ...] = ()
    early: bool = False


def command(spec: EnvironmentSpec) -> Command:
    """How the runtime of *spec* begins. A wrapper is honoured by every runtime but `provided`, as on AWS."""
    language = Language.of(spec.runtime)
    if language.family == "provided":
        return Command(bootstraps=("/var/task/bootstrap", "/opt/bootstrap"))
    argv = _COMMANDS[language.family](spec)
    if dict(spec.variables).get("AWS_LAMBDA_EXEC_WRAPPER"):
        return Command((*_WRAPPED, *argv))
    if language.family == "python" and not spec.needs_own_interpreter:
        return Command()
    early = language.family == "nodejs" and not any(_is_read_at_start(name) for name, _ in spec.variables)
    return Command(argv, early=early)


def first_command(runtime: str) -> Command:
    """How the first function of *runtime* will most likely begin; known before there is one."""
    if Language.of(runtime).family == "nodejs":
        return Command(_node(runtime, _DEFAULT_MEMORY_MB, ""), early=True)
    return Command()


def _is_read_at_start(name: str) -> bool:
    return name not in _READ_BY_CODE_ONLY and (name.startswith(_READ_AT_START) or name in _READ_AT_START_TOO)


def _python(spec: EnvironmentSpec) -> tuple[str, ...]:
    return f"/var/lang/bin/{spec.runtime}", "/var/runtime/bootstrap.py"


def _nodejs(spec: EnvironmentSpec) -> tuple[str, ...]:
    return _node(spec.runtime, spec.memory_mb, dict(spec.variables).get("NODE_OPTIONS", "").replace("_", "-"))


def _node(runtime: str, memory_mb: int, asked: str) -> tuple[str, ...]:
    young = memory_mb // _YOUNG_SHARE
    # Not to be set later: V8 reads them once, whatever `v8.setFlagsFromString` says.
    heap = (f"--max-semi-space-size={young // 2}", f"--max-old-space-size={memory_mb - young}")
    return (
        *("/var/lang/bin/node", "--expose-gc", "--max-http-header-size", str(_HEADER_BYTES_MAX)),
        # Who sets one of the two decides about both.
        *(() if "-space-size" in asked else heap),
        *(f"--no-{name}" for name in _EXPERIMENTS.get(Language.of(runtime).version, ()) if name not in asked),
        "/var/runtime/index.mjs",
    )


def _java(spec: EnvironmentSpec) -> tuple[str, ...]:
    return (
        *("/var/lang/bin/java", f"-XX:MaxHeapSize={spec.memory_mb * 1024 * _HEAP_PERCENT // 100}k"),
        # A JVM that lives as briefly as most functions do is best served by its first compiler and no threads beside.
        *("-XX:+UseSerialGC", "-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
        # The client makes a stream of the descriptor for framed messages, and goes on without frames where it may not.
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        *("-classpath", "/var/runtime/lib/*", _JAVA_CLIENT, spec.handler),
    )


def _ruby(_spec: EnvironmentSpec) -> tuple[str, ...]:
    return "/var/lang/bin/ruby", "/var/runtime/lib/runtime.rb"


_COMMANDS: Final = {"python": _python, "nodejs": _nodejs, "java": _java, "ruby": _ruby}
