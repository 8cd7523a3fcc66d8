"""How the runtime of an environment begins: which program, with what, or as a fork."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lamina.environments.commands import Command, command, first_command

from .test_spec import made_from

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
        "--no-experimental-require-module",
        "--no-experimental-detect-module",
        "/var/runtime/index.mjs",
    )


@pytest.mark.parametrize(
    ("runtime", "asked", "left"),
    [
        (
            "nodejs20.x",
            "",
            ["--max-semi-space-size=10", "--max-old-space-size=180", "--no-experimental-require-module"],
        ),
        ("nodejs22.x", "--max_old_space_size=50 --experimental-detect-module", ["--no-experimental-require-module"]),
        ("nodejs24.x", "--max-semi-space-size=5", []),
    ],
)
def test_what_node_options_ask_for_is_left_to_them(runtime: str, asked: str, left: list[str]) -> None:
    spec = made_from(runtime=runtime, memory_mb=200, environment=(("NODE_OPTIONS", asked),))
    assert list(command(spec).argv[4:-1]) == left


@pytest.mark.parametrize("name", ["NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "UV_THREADPOOL_SIZE", "LD_PRELOAD", "TZ"])
def test_node_begins_late_where_a_variable_is_read_only_when_it_starts(name: str) -> None:
    assert not command(made_from(runtime="nodejs22.x", environment=((name, "1"),))).early


@pytest.mark.parametrize("name", ["NODE_ENV", "TABLE", "LOG_LEVEL"])
def test_node_begins_early_where_variables_are_read_by_code(name: str) -> None:
    assert command(made_from(runtime="nodejs22.x", environment=((name, "1"),))).early


def test_nothing_but_node_begins_early() -> None:
    assert not command(made_from(runtime="nodejs22.x", environment=WRAPPER)).early
    for runtime in ("python3.12", "java21", "ruby3.3", "provided.al2023"):
        assert not command(made_from(runtime=runtime)).early
        assert not first_command(runtime).early


def test_the_first_function_is_expected_to_have_the_default_memory() -> None:
    assert first_command("nodejs22.x") == command(made_from(runtime="nodejs22.x", memory_mb=128))
    assert first_command("nodejs22.x") != command(made_from(runtime="nodejs22.x", memory_mb=256))


def test_java_gets_a_heap_of_its_share_and_the_handler_by_name() -> None:
    argv = command(made_from(runtime="java21", memory_mb=512, handler="example.Handler::handle")).argv
    assert argv[0] == "/var/lang/bin/java"
    assert "-XX:MaxHeapSize=445644k" in argv
    assert argv[-2:] == ("com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "example.Handler::handle")


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs20.x", "java17", "ruby3.3"])
def test_a_wrapper_is_given_the_interpreter_and_its_arguments(runtime: str) -> None:
    argv = command(made_from(runtime=runtime, environment=WRAPPER)).argv
    assert argv[:2] == ("/bin/sh", "-c")
    assert argv[3].startswith("/var/lang/bin/")
    assert len(argv) > 4


@pytest.mark.parametrize(
    ("mode", "status", "says"), [(None, 127, "does not exist"), (0o644, 126, "is not an executable")]
)
def test_a_wrapper_that_cannot_be_called_is_named_as_on_aws(
    tmp_path: Path, mode: int | None, status: int, says: str
) -> None:
    wrapper = tmp_path / "wrapper"
    if mode is not None:
        wrapper.write_text("#!/bin/sh\n")
        wrapper.chmod(mode)
    argv = command(made_from(runtime="nodejs20.x", environment=WRAPPER)).argv
    done = subprocess.run(argv, env={"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, f"{wrapper}: {says}\n")


def test_a_wrapper_may_go_on_to_the_interpreter_with_more_options(tmp_path: Path) -> None:
    wrapper = tmp_path / "a wrapper"
    wrapper.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    wrapper.chmod(0o755)
    plain = command(made_from(runtime="nodejs20.x")).argv
    argv = command(made_from(runtime="nodejs20.x", environment=WRAPPER)).argv
    done = subprocess.run(argv, env={"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)}, capture_output=True, text=True)
    assert tuple(done.stdout.splitlines()) == plain


@pytest.mark.parametrize("runtime", ["provided.al2", "provided.al2023"])
def test_a_custom_runtime_begins_with_its_bootstrap_and_knows_no_wrapper(runtime: str) -> None:
    expected = Command(bootstraps=("/var/task/bootstrap", "/opt/bootstrap"))
    assert command(made_from(runtime=runtime)) == command(made_from(runtime=runtime, environment=WRAPPER)) == expected
