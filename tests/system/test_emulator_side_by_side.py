"""The same handlers and events, here and under AWS's own Runtime Interface Emulator: the same bytes come back."""

from __future__ import annotations

import base64
import json
import re
import sys
import sysconfig
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lamina.worker import interpreters
from tests.support.emulator import Emulator
from tests.support.functions import Function, create
from tests.support.java import classes
from tests.support.server import Server

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
# The interpreter that Lamina takes, for a traceback names its lines. It and its packages lie elsewhere on this machine.
_PYTHON = interpreters.find()[RUNTIME]
_FOLDERS = {
    sysconfig.get_path("purelib"): f"/var/lang/lib/{RUNTIME}/site-packages",
    str(_PYTHON.standard_library): f"/var/lang/lib/{RUNTIME}",
}
_PACKAGES = {"PYTHONPATH": sysconfig.get_path("purelib")}
_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

pytestmark = [pytest.mark.anybody, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Case:
    """*events* go one after the other to a function of this *code*."""

    code: str
    events: list[Any]
    handler: str = "index.handler"
    variables: dict[str, str] = field(default_factory=dict)


_ECHO = "def handler(event, context): return event"
# A call after the crash shows what became of the module; the emulator keeps /tmp of the host, so no file is looked at.
_MORTAL = """
import ctypes, os, signal, sys
count = 0
def handler(event, context):
    global count
    count += 1
    if event:
        exec(event)
    return count
"""

CASES = {
    "success": Case(_ECHO, [{"a": [1, 2.5, None, True, "ü😀"]}, {}, [], "text", 0, 1e300, False, None]),
    "no result": Case("def handler(event, context): pass", [1]),
    "a result of bytes that are no JSON type": Case("def handler(event, context): return b'x'", [1]),
    "NaN": Case("def handler(event, context): return float('nan')", [1]),
    "a large result": Case("def handler(event, context): return 'ü' * event", [100_000]),
    "an exception": Case(
        """
        class Custom(Exception):
            pass
        def deeper(event):
            raise Custom("no ü", event)
        def handler(event, context):
            deeper(event)
        """,
        [1, {"x": "y"}],
    ),
    "an exception with a cause": Case(
        """
        def handler(event, context):
            try:
                {}["missing"]
            except KeyError as error:
                raise RuntimeError("wrapped") from error
        """,
        [1],
    ),
    "an exception without text": Case("def handler(event, context): raise ValueError", [1]),
    "an exception that is no Exception": Case("def handler(event, context): raise KeyboardInterrupt('x')", [1]),
    "an assertion": Case("def handler(event, context): assert event == 2, 'not two'", [1, 2]),
    "import error": Case("import nowhere_to_be_found", [1, 2]),
    "import error in a package": Case("from os import nothing_like_it", [1]),
    "an exception while importing": Case("raise RuntimeError('at import')", [1, 2]),
    "a syntax error": Case("def handler(:\n    pass", [1]),
    "no such module": Case(_ECHO, [1], handler="missing.handler"),
    "a module in a folder": Case(_ECHO, [1], handler="folder/index.handler"),
    "handler not found": Case("x = 1", [1, 2], handler="index.handler"),
    "a handler without a dot": Case(_ECHO, [1], handler="index"),
    "a handler that cannot be called": Case("handler = 3", [1]),
    "a handler that takes one argument": Case("def handler(event): return event", [1]),
    "a coroutine as handler": Case("async def handler(event, context): return event", [1]),
    "exit": Case(_MORTAL, ["", "sys.exit(3)", "", "sys.exit(0)", "", "sys.exit('text')", ""]),
    "_exit": Case(_MORTAL, ["os._exit(0)", "", "os._exit(7)", ""]),
    "killed": Case(_MORTAL, ["os.kill(os.getpid(), 9)", "", "os.abort()", "", "ctypes.string_at(0)", ""]),
    "non-serialisable result": Case("def handler(event, context): return object()", [1]),
    "a set in a result": Case("def handler(event, context): return {'a': {1}}", [1]),
    "a Decimal": Case(
        "from decimal import Decimal\ndef handler(event, context): return [Decimal(event), Decimal('2')]", ["1.25"]
    ),
    "a circular result": Case("def handler(event, context):\n    x = []\n    x.append(x)\n    return x", [1]),
    "surrogates": Case("def handler(event, context): return chr(0xD800)", [1]),
    "the context": Case(
        """
        def handler(event, context):
            return [context.function_name, context.function_version, context.memory_limit_in_mb,
                    context.log_group_name, context.client_context, context.identity.cognito_identity_id,
                    type(context.get_remaining_time_in_millis()).__name__, sorted(vars(context))]
        """,
        [1],
    ),
    "variables": Case(
        """
        import os
        def handler(event, context):
            return {name: os.environ.get(name) for name in event}
        """,
        [["MINE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]],
        variables={"MINE": "a=b ü"},
    ),
}


def _both(server: Server, task: Path, case: Case, timeout_s: int = 10) -> tuple[list[bytes], list[bytes]]:
    """What comes back for each event in turn: here, and there. Request ids and folders are made alike."""
    code = textwrap.dedent(case.code)
    for path in (task / "index.py", task / "folder" / "index.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    files = {"index.py": code.encode(), "folder/index.py": code.encode()}
    variables = {"Variables": case.variables}
    function = create(
        server, files, runtime=RUNTIME, Handler=case.handler, Timeout=timeout_s, MemorySize=256, Environment=variables
    )
    here = [_payload(function, event) for event in case.events]
    told = {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
    }
    with Emulator.running(task, _python(case.handler), case.variables | told | _PACKAGES) as emulator:
        there = [emulator.call(event) for event in case.events]
    for folder, inside in [*_FOLDERS.items(), (str(task), "/var/task")]:
        there = [body.replace(folder.encode(), inside.encode()) for body in there]
    return [_alike(body) for body in here], [_alike(body) for body in there]


def _python(handler: str) -> list[str | Path]:
    return [_PYTHON.executable, "-m", "awslambdaric", handler]


def _payload(function: Function, event: Any) -> bytes:
    """What it answers, JSON or not."""
    answer = function.client.invoke(FunctionName=function.name, Payload=json.dumps(event))
    payload: bytes = answer["Payload"].read()
    return payload


def _alike(body: bytes) -> bytes:
    return re.sub(_UUID, b"<request id>", body)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", CASES)
def test_the_answers_are_those_of_the_emulator(shared_server: Server, task: Path, name: str) -> None:
    here, there = _both(shared_server, task, CASES[name])
    assert here == there


def test_a_timeout_and_what_comes_after_it(shared_server: Server, task: Path) -> None:
    case = Case(
        "import time\ncount = 0\ndef handler(event, context):\n    global count\n    count += 1\n"
        "    time.sleep(event)\n    return count",
        [0, 0, 30, 0],
    )
    here, there = _both(shared_server, task, case, timeout_s=1)
    # The service answers with an object since 2024; the emulator still with the bare sentence.
    assert there[2] == b"Task timed out after 1.00 seconds"
    assert json.loads(here[2]) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: <request id> Error: {there[2].decode()}",
    }
    del here[2], there[2]
    assert here == there == [b"1", b"2", b"1"]


def test_an_exit_while_importing(shared_server: Server, task: Path) -> None:
    here, there = _both(shared_server, task, Case("import sys\nsys.exit(5)", [1, 2]))
    # The emulator hands its caller nothing then, though it logs the error; the service tells it as it does any exit.
    assert there == [b"", b""]
    text = "RequestId: <request id> Error: Runtime exited with error: exit status 5"
    assert [json.loads(body) for body in here] == [{"errorType": "Runtime.ExitError", "errorMessage": text}] * 2


def test_the_client_context(shared_server: Server, task: Path) -> None:
    code = (
        "def handler(event, context): return [context.client_context.custom, context.client_context.client.app_title]"
    )
    (task / "index.py").write_text(code)
    sent = {"custom": {"k": "v"}, "client": {"app_title": "title"}, "env": {}}
    encoded = base64.b64encode(json.dumps(sent).encode()).decode()
    here = create(shared_server, code, runtime=RUNTIME).call({}, ClientContext=encoded).raw
    with Emulator.running(task, _python("index.handler"), _PACKAGES) as emulator:
        assert emulator.call({}, {"X-Amz-Client-Context": encoded}) == here


def test_what_a_function_prints_and_logs(shared_server: Server, task: Path) -> None:
    code = textwrap.dedent(
        """
        import logging, sys
        print("at import")
        def handler(event, context):
            print("printed")
            print("to stderr", file=sys.stderr)
            logging.warning("two\\nlines")
            logging.getLogger("mine").error("mine")
            raise ValueError("told")
        """
    )
    (task / "index.py").write_text(code)
    here = create(shared_server, code, runtime=RUNTIME).call({}).log
    with Emulator.running(task, _python("index.handler"), _PACKAGES) as emulator:
        emulator.call({})
        there = emulator.log.read_text().replace(str(task), "/var/task")
    assert _said(here) == _said(there)


_JAVA = """
import java.util.Map;

public class Index {
    public Object handle(Map<String, Object> event) {
        if (event.get("throw") != null) {
            throw new IllegalStateException((String) event.get("throw"), new RuntimeException("cause"));
        }
        if (event.get("exit") != null) {
            System.exit((Integer) event.get("exit"));
        }
        return event;
    }
}
"""


@pytest.mark.parametrize("handler", ["Index::handle", "Index::missing", "Missing::handle", "Index"])
def test_java_answers_as_under_the_emulator(server_with_installed: Server, task: Path, handler: str) -> None:
    code = classes(server_with_installed.state, {"Index.java": _JAVA})
    for name, content in code.items():
        (task / name).write_bytes(content)
    made = server_with_installed.state / "runtimes/installed/v1/java21"
    function = create(server_with_installed, code, runtime="java21", Handler=handler, MemorySize=512, Timeout=30)
    events = [{"a": ["ü", 1, 2.5, None]}, {"throw": "as told"}, {"exit": 3}, {}] if handler == "Index::handle" else [{}]
    here = [_alike(_payload(function, event)) for event in events]
    client = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
    java: list[str | Path] = [made / "lang/bin/java", "-classpath", f"{made}/runtime/lib/*", client, handler]
    with Emulator.running(task, java, {"AWS_LAMBDA_FUNCTION_TIMEOUT": "30"}) as emulator:
        assert [_alike(emulator.call(event)) for event in events] == here


def _said(log: str) -> list[str]:
    """The lines of the function itself, sorted, for two streams have no order; times and request ids are alike."""
    lines = []
    for line in log.replace("\xa0", " ").splitlines():
        if not re.match(r"(START|END|REPORT|INIT_START) |\d\d \w{3} \d{4} .*\(rapid\)", line) and line:
            alike = re.sub(_UUID.decode(), "<request id>", line)
            lines.append(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", alike))
    return sorted(lines)
