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


@dataclass(frozen=True, slots=True)
class Command:
    """How a runtime begins: by executing *argv*, or the first of *bootstraps* there is; by neither: in the fork."""

    argv: tuple[str, ...] = ()
    bootstraps: tuple[str, ...] = ()


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
    return Command(argv)


def _python(spec: EnvironmentSpec) -> tuple[str, ...]:
    return f"/var/lang/bin/{spec.runtime}", "/var/runtime/bootstrap.py"


def _nodejs(spec: EnvironmentSpec) -> tuple[str, ...]:
    young = spec.memory_mb // _YOUNG_SHARE
    asked = dict(spec.variables).get("NODE_OPTIONS", "").replace("_", "-")
    heap = (f"--max-semi-space-size={young // 2}", f"--max-old-space-size={spec.memory_mb - young}")
    return (
        *("/var/lang/bin/node", "--expose-gc", "--max-http-header-size", str(_HEADER_BYTES_MAX)),
        # Who sets one of the two decides about both.
        *(() if "-space-size" in asked else heap),
        *(f"--no-{name}" for name in _EXPERIMENTS.get(Language.of(spec.runtime).version, ()) if name not in asked),
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
