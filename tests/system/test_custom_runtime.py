"""Runtimes that a function or a layer brings along: `bootstrap`, what it is started with, and how it can fail."""

from __future__ import annotations

import json
import signal
import stat
from typing import Any

import pytest

from tests.support import zips
from tests.support.custom import ECHO, bootstrap
from tests.support.functions import Code, Function, create, layer
from tests.support.recorded import differences
from tests.support.server import Server
from tests.support.zips import Item

RUNTIMES = ("provided.al2", "provided.al2023")
EXECUTABLE = stat.S_IFREG | 0o755
# Lines of `env` as a JSON object; no value in it has a quotation mark.
ENV = r"""answer=$(env -0 | while IFS= read -r -d '' pair; do printf '"%s":"%s",' "${pair%%=*}" "${pair#*=}"; done)
  answer="{${answer%,}}" """


def program(name: str, content: bytes, mode: int = EXECUTABLE) -> bytes:
    return zips.archive(Item(name, content, mode=mode))


def custom(server: Server, code: Code, runtime: str = "provided.al2023", **configuration: Any) -> Function:
    return create(server, code, runtime=runtime, **configuration)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_bootstrap_of_the_function_takes_its_events(shared_server: Server, runtime: str) -> None:
    function = custom(shared_server, program("bootstrap", ECHO), runtime)
    assert function.value({"a": 1}) == {"echo": {"a": 1}}
    assert function.value([]) == {"echo": []}


def test_a_bootstrap_of_a_layer_serves_a_function_without_one(shared_server: Server) -> None:
    runtime = layer(shared_server, program("bootstrap", ECHO))
    assert custom(shared_server, {"data": b""}, Layers=[runtime]).value(7) == {"echo": 7}


def test_the_functions_own_comes_before_a_layers(shared_server: Server) -> None:
    own = program("bootstrap", bootstrap("answer='\"own\"'"))
    runtime = layer(shared_server, program("bootstrap", ECHO))
    assert custom(shared_server, own, Layers=[runtime]).value() == "own"


def test_what_it_prints_in_json_is_kept_from_the_level_asked_for_on(shared_server: Server) -> None:
    printing = """echo '{"level":"info","message":"left out"}'; echo '{"level":"error","message":"kept"}'; answer=1"""
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}
    function = custom(shared_server, program("bootstrap", bootstrap(printing)), LoggingConfig=logging)
    log = function.call().log
    assert "kept" in log
    assert "left out" not in log


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_it_sees_what_was_recorded_on_aws(shared_server: Server, runtime: str) -> None:
    code = program("bootstrap", bootstrap(ENV))
    function = custom(shared_server, code, runtime, Environment={"Variables": {"TEST_KEY": "TEST_VAL"}})
    seen = function.value()
    # The shell that looks adds its own.
    for name in ("_", "PWD", "OLDPWD", "SHLVL"):
        seen.pop(name, None)
    assert not differences(runtime, seen, function.name)


def test_its_process_is_an_ordinary_one(shared_server: Server) -> None:
    look = """answer=$(printf '"%s|%s|%s|%s"' "$PWD" "$(id -u)" "$(echo /proc/$$/fd/*)" \\
    "$(grep SigIgn /proc/$$/status)")
  answer=${answer//$'\\t'/ }"""
    folder, uid, files, ignored = custom(shared_server, program("bootstrap", bootstrap(look))).value().split("|")
    assert folder == "/var/task"
    assert int(uid) != 0
    # The shell has its script at 255, and a pipe open while it asks.
    assert {int(path.rpartition("/")[2]) for path in files.split()} <= {0, 1, 2, 3, 255}
    # What is ignored stays so in the next program, and `yes | head` is only one of the things that need SIGPIPE.
    mask = int(ignored.split()[1], 16)
    assert not [number for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ) if mask >> (number - 1) & 1]


def test_nothing_of_the_house_is_to_be_seen(shared_server: Server) -> None:
    look = """answer=$(printf '"%s|%s|%s"' "$(ls -A /.lamina /var/runtime)" "$(ls /var)" """
    look += """ "$(grep -c lamina /proc/self/mounts || true)") ; answer=${answer//$'\\n'/ }"""
    seen = custom(shared_server, program("bootstrap", bootstrap(look))).value()
    assert seen == "/.lamina:  /var/runtime:|runtime task|0"


def test_its_process_has_no_right_left(shared_server: Server) -> None:
    look = """answer=$(printf '{'; while IFS=$':\\t' read -r name value rest; do
    case $name in Cap*|NoNewPrivs|Seccomp) printf '"%s":"%s",' "$name" "$value" ;; esac
  done <<<"$(cat /proc/$$/status)"; printf '"last":null}')"""
    seen = custom(shared_server, program("bootstrap", bootstrap(look))).value()
    capabilities = {name: int(value, 16) for name, value in seen.items() if name.startswith("Cap")}
    assert len(capabilities) == 5
    assert not any(capabilities.values())
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")


def test_it_looks_into_process_1_as_little_as_any_function(shared_server: Server) -> None:
    look = """answer=""
  for name in exe root cwd ns/mnt fd/0 fd/3; do readlink "/proc/1/$name" >/dev/null 2>&1 && answer+="$name "; done
  for name in root cwd; do ls "/proc/1/$name/" >/dev/null 2>&1 && answer+="$name/ "; done
  for name in environ maps mem; do head -c 1 "/proc/1/$name" >/dev/null 2>&1 && answer+="$name "; done
  answer="\\"$answer\\"" """
    assert custom(shared_server, program("bootstrap", bootstrap(look))).value() == ""


def test_too_much_memory_and_too_much_time_end_it_and_the_next_event_gets_another(shared_server: Server) -> None:
    handle = "case $event in 1) sleep 60 ;; 2) head -c 900m /dev/zero | tail ;; esac; answer=$event"
    function = custom(shared_server, program("bootstrap", bootstrap(handle)), Timeout=2, MemorySize=128)
    assert function.call(1).value["errorType"] == "Sandbox.Timedout"
    assert function.value(0) == 0
    assert function.call(2).value["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError", "Sandbox.Timedout")
    assert function.value(3) == 3


def test_what_it_prints_is_logged_and_its_crash_told(shared_server: Server) -> None:
    handle = "echo to stdout; echo to stderr >&2; [[ $event == 1 ]] && exit 3; answer=$event"
    function = custom(shared_server, program("bootstrap", bootstrap(handle)))
    answer = function.call(0)
    assert "to stdout\nto stderr\n" in answer.log
    failed = function.call(1)
    assert failed.error == "Unhandled"
    assert failed.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {failed.request_id} Error: Runtime exited with error: exit status 3",
    }
    assert function.value(2) == 2


def test_a_layers_programs_and_libraries_are_found(shared_server: Server) -> None:
    tool = layer(shared_server, program("bin/mine", b'#!/bin/sh\necho -n "\\"$1 from a layer\\""\n'))
    handle = "answer=$(mine hello)"
    function = custom(shared_server, program("bootstrap", bootstrap(handle)), Layers=[tool])
    assert function.value() == "hello from a layer"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_bootstrap_at_all_is_an_invalid_entrypoint(shared_server: Server, runtime: str) -> None:
    _refused(
        custom(shared_server, {"index.py": b""}, runtime),
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
    )


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (ECHO, stat.S_IFREG | 0o644, "permission denied"),
        (b"no program", EXECUTABLE, "exec format error"),
        (b"#!/opt/nowhere\n", EXECUTABLE, "no such file or directory"),
    ],
)
def test_one_that_cannot_be_executed_says_why(shared_server: Server, content: bytes, mode: int, reason: str) -> None:
    function = custom(shared_server, program("bootstrap", content, mode))
    _refused(function, f"fork/exec /var/task/bootstrap: {reason}")


def _refused(function: Function, reason: str) -> None:
    for _ in range(2):
        answer = function.call()
        assert answer.error == "Unhandled"
        assert json.loads(answer.raw) == {
            "errorType": "Runtime.InvalidEntrypoint",
            "errorMessage": f"RequestId: {answer.request_id} Error: {reason}",
        }
        assert reason in answer.log
        assert "Error Type: Runtime.InvalidEntrypoint" in answer.log


def test_a_wrapper_is_none_of_a_custom_runtimes_business(shared_server: Server) -> None:
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/nowhere"}}
    assert custom(shared_server, program("bootstrap", ECHO), Environment=variables).value(1) == {"echo": 1}
