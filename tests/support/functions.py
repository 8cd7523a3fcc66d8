"""Functions on a running server: made, invoked, and handed work to do inside."""

from __future__ import annotations

import base64
import inspect
import json
import textwrap
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from tests.support import zips
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

P = ParamSpec("P")
T = TypeVar("T")

# Runs what it is sent: a call's source, name and arguments. What the call raises as OSError comes back as its name.
_OBEDIENT = b"""
import errno
def handler(event, context):
    scope = {}
    exec("from __future__ import annotations\\n" + event["source"], scope)
    try:
        return {"value": scope[event["name"]](*event["arguments"])}
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno, str(error))}
"""


def unique(prefix: str = "f") -> str:
    """A name that nobody else on a shared server has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def wait_until(condition: Callable[[], T | None], seconds: float = 60.0, what: str = "", every: float = 0.02) -> T:
    """The first truthy value of *condition*, asked *every* so many seconds for at most *seconds*."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(every)


@dataclass(frozen=True)
class Answer:
    """What an invocation answered. *error* is X-Amz-Function-Error, *log* the decoded tail."""

    value: Any
    raw: bytes
    error: str | None
    log: str
    request_id: str
    version: str | None

    def report(self) -> dict[str, str]:
        """The fields of the REPORT line: "Duration" -> "1.23 ms"."""
        line = next(line for line in self.log.splitlines() if line.startswith("REPORT "))
        fields = (field.partition(": ") for field in line.removeprefix("REPORT ").rstrip("\t").split("\t"))
        return {name: value for name, _, value in fields}


@dataclass(frozen=True)
class Function:
    """A function on *server*, under the name *name*."""

    server: Server
    client: Any
    name: str

    def call(self, event: Any = None, **options: Any) -> Answer:
        """Invoke and wait, with the log's tail."""
        asked = {"Payload": json.dumps(event), "LogType": "Tail"} | options
        answer = self.client.invoke(FunctionName=self.name, **asked)
        raw = answer["Payload"].read()
        return Answer(
            value=json.loads(raw) if raw else None,
            raw=raw,
            error=answer.get("FunctionError"),
            log=base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"),
            request_id=answer["ResponseMetadata"]["RequestId"],
            version=answer.get("ExecutedVersion"),
        )

    def value(self, event: Any = None) -> Any:
        """What it returns; it must not fail."""
        answer = self.call(event)
        assert answer.error is None, answer.raw.decode()
        return answer.value

    def update(self, **configuration: Any) -> None:
        """Change its configuration, once the change before it is done."""
        wait_until(lambda: self.settled, 30)
        self.client.update_function_configuration(FunctionName=self.name, **configuration)

    def update_code(self, code: Code) -> None:
        """Change its code, once the change before it is done."""
        wait_until(lambda: self.settled, 30)
        self.client.update_function_code(FunctionName=self.name, ZipFile=archive(code))

    @property
    def settled(self) -> bool:
        """Whether it may be changed."""
        told = self.client.get_function_configuration(FunctionName=self.name)
        return bool(told["State"] != "Pending" and told["LastUpdateStatus"] != "InProgress")

    def on(self, server: Server) -> Function:
        """The same function on the server that has taken over its state."""
        return Function(server, client_of(server), self.name)


_CLIENTS: dict[str, Any] = {}


def client_of(server: Server) -> Any:
    """A client that is made once, which takes longer than most of what is done with it."""
    if server.endpoint not in _CLIENTS:
        _CLIENTS[server.endpoint] = server.client()
    return _CLIENTS[server.endpoint]


Code = str | bytes | dict[str, bytes]


def archive(code: Code) -> bytes:
    """The archive for *code*: the text of index.py, an archive as it is, or files by name."""
    if isinstance(code, bytes):
        return code
    files = {"index.py": textwrap.dedent(code).encode()} if isinstance(code, str) else code
    return zips.of(files)


def create(server: Server, code: Code, *, name: str = "", runtime: str = NEWEST, **configuration: Any) -> Function:
    """A function that runs *code*; its handler is index.handler unless told otherwise."""
    client = client_of(server)
    name = name or unique()
    request = {
        "FunctionName": name,
        "Runtime": runtime,
        "Handler": "index.handler",
        "Role": ROLE,
        "Code": {"ZipFile": archive(code)},
        "Timeout": 10,
        "MemorySize": 256,
    }
    client.create_function(**(request | configuration))
    return Function(server, client, name)


def layer(server: Server, files: dict[str, bytes] | bytes, name: str = "") -> str:
    """A published layer version's ARN."""
    content = files if isinstance(files, bytes) else zips.of(files)
    answer = client_of(server).publish_layer_version(LayerName=name or unique("layer"), Content={"ZipFile": content})
    arn: str = answer["LayerVersionArn"]
    return arn


class Refused(AssertionError):
    """The kernel refused what was to be done inside; *name* is errno's, such as "EACCES"."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Inside:
    """A function that does what a test hands it. The work must bring its imports, and speak Python 3.8."""

    function: Function

    @classmethod
    def on(cls, server: Server, **configuration: Any) -> Inside:
        return cls(create(server, {"index.py": _OBEDIENT}, **configuration))

    def answer(self, work: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Answer:
        """The invocation's answer, whatever it is."""
        assert not kwargs, "work takes its arguments by position"
        source = textwrap.dedent(inspect.getsource(work))
        return self.function.call({"source": source, "name": work.__name__, "arguments": args})

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What *work* returns, by way of JSON. Raises Refused for an OSError of its."""
        answer = self.answer(work, *args, **kwargs)
        assert answer.error is None, answer.raw.decode()
        if "refused" in answer.value:
            raise Refused(answer.value["refused"])
        value: T = answer.value["value"]
        return value

    def outcome(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T | None, str | None]:
        """What *work* returns, or the name of the error it meets."""
        try:
            return self.run(work, *args, **kwargs), None
        except Refused as error:
            return None, error.name

    def refusal(self, work: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> str:
        """The name of the error that *work* must meet."""
        value, refused = self.outcome(work, *args, **kwargs)
        assert refused is not None, f"{work.__name__}{args} was not refused: {str(value)[:500]}"
        return refused
