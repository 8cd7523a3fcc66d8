"""How the runtime of an environment begins: which program, with what, or as a fork."""

from __future__ import annotations

import pytest

from lamina.environments.commands import Command, command

from .test_spec import made_from

WRAPPED = ("/bin/sh", "-c", 'exec "$AWS_LAMBDA_EXEC_WRAPPER" "$0" "$@"')
WRAPPER = (("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper"),)


def test_python_is_forked_unless_something_is_read_only_when_it_starts() -> None:
    assert command(made_from(runtime="python3.12")) == Command()
    own = command(made_from(runtime="python3.12", environment=(("PYTHONPATH", "/opt"),)))
    assert own.argv == ("/var/lang/bin/python3.12", "/var/runtime/bootstrap.py")


def test_node_gets_awss_options_and_a_tenth_of_the_memory_for_what_is_young() -> None:
    assert command(made_from(runtime="nodejs22.x", memory_mb=1024)).argv == (
        "/var/lang/bin/node",
        "--expose-gc",
        "--max-http-header-size",
        "81920",
        "--max-semi-space-size=51",
        "--max-old-space-size=922",
        "/var/runtime/index.mjs",
    )


def test_java_gets_a_heap_of_its_share_and_the_handler_by_name() -> None:
    argv = command(made_from(runtime="java21", memory_mb=512, handler="example.Handler::handle")).argv
    assert argv[0] == "/var/lang/bin/java"
    assert "-XX:MaxHeapSize=445644k" in argv
    assert argv[-2:] == ("com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "example.Handler::handle")


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs20.x", "java17", "ruby3.3"])
def test_a_wrapper_is_given_the_interpreter_and_its_arguments(runtime: str) -> None:
    argv = command(made_from(runtime=runtime, environment=WRAPPER)).argv
    assert argv[:3] == WRAPPED
    assert argv[3].startswith("/var/lang/bin/")
    assert len(argv) > 4


@pytest.mark.parametrize("runtime", ["provided.al2", "provided.al2023"])
def test_a_custom_runtime_begins_with_its_bootstrap_and_knows_no_wrapper(runtime: str) -> None:
    expected = Command(bootstraps=("/var/task/bootstrap", "/opt/bootstrap"))
    assert command(made_from(runtime=runtime)) == command(made_from(runtime=runtime, environment=WRAPPER)) == expected
