"""What is asked of a server while faults strike: each request, what can be seen of it, and what its success looks like.

An operation does not judge. It says what is to be seen before and after; that nothing else is ever seen, whatever
happens in between, is for the campaign to check.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from tests.support import zips
from tests.support.functions import archive, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

_SETTLED_S: Final = 20.0
# Compressed, it is still more than is written at once.
LARGE_BYTES: Final = 3 << 20

# SQLite's own measure, which the catalog leaves as it is.
_CHECKPOINT_FRAMES: Final = 1000

View = Any


class Operation(ABC):
    """One request, done to something of its own each time: *number* tells the times apart.

    What is not `synced` outlives the server that acknowledged it, but not the machine's power.
    """

    synced = True

    def __init__(self, server: Server) -> None:
        self.server = server
        self._session = boto3.session.Session()
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def name(self) -> str:
        """In words of the API, with blanks for capitals."""
        return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(self).__name__).strip()

    @property
    def client(self) -> Any:
        return self.client_of("lambda")

    def client_of(self, service: str) -> Any:
        """A client of the server as it runs now, made once: that takes longer than what is asked."""
        key = (self.server.endpoint, service)
        if key not in self._clients:
            self._clients[key] = self.server.client(service, session=self._session, read_timeout=60)
        return self._clients[key]

    def prepare(self, number: int) -> None:  # noqa: B027  # most need nothing
        """Make what it takes."""

    @abstractmethod
    def ask(self, number: int) -> None:
        """The request; its answer is the acknowledgement."""

    @abstractmethod
    def view(self, number: int) -> View:
        """What a client sees of it, once what goes on behind the answer is over."""

    @abstractmethod
    def wanted(self, number: int, before: View) -> View:
        """The view after it has succeeded, where *before* was the view."""

    def begun(self, number: int, before: View, seen: View) -> bool:
        """Whether *seen* is what may be left of a request that was not acknowledged, besides all and nothing."""
        return False

    def degraded(self, number: int, seen: View) -> bool:
        """Whether *seen* is what it may become, and says, where a disk failed behind an answer already given."""
        return False


class PublishLayerVersion(Operation):
    """A second version of a layer, of bytes that nobody has yet."""

    def content(self, number: int) -> bytes:
        return zips.of({"python/module.py": f"NUMBER = {number}\n".encode(), "data": b"2" * 5000})

    def prepare(self, number: int) -> None:
        self._publish(number, zips.of({"first": str(number).encode()}))

    def ask(self, number: int) -> None:
        self._publish(number, self.content(number))

    def view(self, number: int) -> View:
        listed = self.client.list_layer_versions(LayerName=_named("layer", number))["LayerVersions"]
        return [[each["Version"], self._bytes(each["LayerVersionArn"])] for each in listed]

    def wanted(self, number: int, before: View) -> View:
        return [[2, _sha256(self.content(number))], *before]

    def _publish(self, number: int, content: bytes) -> None:
        self.client.publish_layer_version(LayerName=_named("layer", number), Content={"ZipFile": content})

    def _bytes(self, arn: str) -> str:
        return _downloaded(self.client.get_layer_version_by_arn(Arn=arn))


class PublishLargeLayer(PublishLayerVersion):
    """One whose bytes come, and are written, in many pieces."""

    def content(self, number: int) -> bytes:
        # The same each time but for the name: every run makes the same calls.
        noise = b"".join(hashlib.sha256(b"%d %d" % (number, at)).digest() for at in range(LARGE_BYTES // 32))
        return zips.of({f"noise-{number}": noise})


class PublishKnownBytes(PublishLayerVersion):
    """One of bytes that another layer has already."""

    def prepare(self, number: int) -> None:
        super().prepare(number)
        name = f"other-{number}"
        self.client.publish_layer_version(LayerName=name, Content={"ZipFile": self.content(number)})


class PublishAtCheckpoint(PublishLayerVersion):
    """One whose commit is what fills the write-ahead log: SQLite takes it over into the database then."""

    def prepare(self, number: int) -> None:
        super().prepare(number)
        # Two short of it: a commit brings more, and none before it is to be the one.
        with closing(sqlite3.connect(self.server.state / "catalog.db", isolation_level=None)) as catalog:
            catalog.execute("PRAGMA wal_autocheckpoint = 0")
            catalog.execute("PRAGMA synchronous = OFF")
            at = 0
            while _frames(self.server.state) < _CHECKPOINT_FRAMES - 2:
                # Nobody's number; each change of it is one frame.
                at += 1
                catalog.execute(f"PRAGMA user_version = {at}")


class DeleteLayerVersion(Operation):
    """The last layer version of its bytes, which go with it."""

    def prepare(self, number: int) -> None:
        content = zips.of({"gone": str(number).encode()})
        self.client.publish_layer_version(LayerName=_named("gone", number), Content={"ZipFile": content})

    def ask(self, number: int) -> None:
        self.client.delete_layer_version(LayerName=_named("gone", number), VersionNumber=1)

    def view(self, number: int) -> View:
        try:
            found = self.client.get_layer_version(LayerName=_named("gone", number), VersionNumber=1)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return _downloaded(found)

    def wanted(self, number: int, before: View) -> View:
        return None


class _OfFunction(Operation):
    """What is seen of a function: description, code, layers, and what it answers."""

    def publish(self, number: int) -> str:
        """The ARN of a layer of its own."""
        content = zips.of({"beneath": str(number).encode()})
        answer = self.client.publish_layer_version(LayerName=_named("beneath", number), Content={"ZipFile": content})
        arn: str = answer["LayerVersionArn"]
        return arn

    def create(self, number: int, **more: Any) -> None:
        self.client.create_function(
            **{
                "FunctionName": _named("function", number), "Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE,
                "Code": {"ZipFile": _code(f"old {number}")}, "Timeout": 20,
            }
            | more
        )  # fmt: skip

    def view(self, number: int) -> View:
        name = _named("function", number)
        seen = wait_until(lambda: _settled(self.client, name), _SETTLED_S, f"{name} is settled")
        if seen["State"] is None:
            return None
        description, status = seen["Description"], [seen["State"], seen.get("LastUpdateStatus")]
        answer = self._answer(name) if seen["State"] == "Active" else None
        return {"description": description, "sha256": seen["CodeSha256"], "status": status, "answer": answer}

    def degraded(self, number: int, seen: View) -> bool:
        return seen is not None and "Failed" in seen["status"]

    def _answer(self, name: str) -> Any:
        answer = self.client.invoke(FunctionName=name, Payload=b"7")
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return said


class CreateFunction(_OfFunction):
    """A function on a layer, of code that nobody has yet."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._layer = ""

    def prepare(self, number: int) -> None:
        self._layer = self.publish(number)

    def ask(self, number: int) -> None:
        code = {"ZipFile": _code(f"new {number}")}
        self.create(number, Description="new", Code=code, Layers=[self._layer])

    def wanted(self, number: int, before: View) -> View:
        return _function("new", f"new {number}")


class UpdateFunctionCode(_OfFunction):
    """Other code for a function, whose old code nobody needs then."""

    def prepare(self, number: int) -> None:
        self.create(number, Layers=[self.publish(number)])

    def ask(self, number: int) -> None:
        self.client.update_function_code(FunctionName=_named("function", number), ZipFile=_code(f"new {number}"))

    def wanted(self, number: int, before: View) -> View:
        return _function("", f"new {number}")


class UpdateFunctionConfiguration(_OfFunction):
    """A function's layers and description."""

    def prepare(self, number: int) -> None:
        self.create(number, Layers=[self.publish(number)])

    def ask(self, number: int) -> None:
        name = _named("function", number)
        self.client.update_function_configuration(FunctionName=name, Layers=[], Description="changed")

    def wanted(self, number: int, before: View) -> View:
        return _function("changed", f"old {number}", opt=[])


class PublishVersion(_OfFunction):
    """A version of a function."""

    def prepare(self, number: int) -> None:
        self.create(number, Layers=[self.publish(number)])
        super().view(number)

    def ask(self, number: int) -> None:
        self.client.publish_version(FunctionName=_named("function", number))

    def view(self, number: int) -> View:
        listed = self.client.list_versions_by_function(FunctionName=_named("function", number))["Versions"]
        return [each["Version"] for each in listed]

    def wanted(self, number: int, before: View) -> View:
        return [*before, "1"]


class DeleteFunction(_OfFunction):
    """A function, and the code that nobody else has."""

    def prepare(self, number: int) -> None:
        self.create(number, Layers=[self.publish(number)])

    def ask(self, number: int) -> None:
        self.client.delete_function(FunctionName=_named("function", number))

    def wanted(self, number: int, before: View) -> View:
        return None


class PutLogEvents(Operation):
    """Events in a stream of a group that is made for it."""

    synced = False

    def prepare(self, number: int) -> None:
        logs = self.client_of("logs")
        logs.create_log_group(logGroupName=_named("group", number))
        logs.create_log_stream(logGroupName=_named("group", number), logStreamName="stream")

    def ask(self, number: int) -> None:
        now_ms = time.time_ns() // 1_000_000
        events = [{"timestamp": now_ms + at, "message": message} for at, message in enumerate(_messages(number))]
        self.client_of("logs").put_log_events(
            logGroupName=_named("group", number), logStreamName="stream", logEvents=events
        )

    def view(self, number: int) -> View:
        found = self.client_of("logs").filter_log_events(logGroupName=_named("group", number))["events"]
        return [each["message"] for each in found]

    def wanted(self, number: int, before: View) -> View:
        return [*before, *_messages(number)]

    def begun(self, number: int, before: View, seen: View) -> bool:
        """Each event is there whole or not; of several, the first may be (docs/formats/logs.md)."""
        return bool(seen == self.wanted(number, before)[: len(seen)])


class CreateLogGroup(Operation):
    """A group, with how long it is kept."""

    def ask(self, number: int) -> None:
        self.client_of("logs").create_log_group(logGroupName=_named("kept", number), tags={"number": str(number)})

    def view(self, number: int) -> View:
        logs = self.client_of("logs")
        found = logs.describe_log_groups(logGroupNamePrefix=_named("kept", number))["logGroups"]
        return [logs.list_tags_for_resource(resourceArn=each["logGroupArn"])["tags"] for each in found]

    def wanted(self, number: int, before: View) -> View:
        return [{"number": str(number)}]


class CreateRole(Operation):
    """A role, of a service beside Lambda: a question that is written down to be asked again."""

    def ask(self, number: int) -> None:
        self.client_of("iam").create_role(RoleName=_named("role", number), AssumeRolePolicyDocument="{}")

    def view(self, number: int) -> View:
        iam = self.client_of("iam")
        try:
            return iam.get_role(RoleName=_named("role", number))["Role"]["RoleName"]
        except iam.exceptions.NoSuchEntityException:
            return None

    def wanted(self, number: int, before: View) -> View:
        return _named("role", number)


OPERATIONS: Final[tuple[Callable[[Server], Operation], ...]] = (
    PublishLayerVersion,
    PublishLargeLayer,
    PublishKnownBytes,
    PublishAtCheckpoint,
    DeleteLayerVersion,
    CreateFunction,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    PublishVersion,
    DeleteFunction,
    PutLogEvents,
    CreateLogGroup,
    CreateRole,
)


def _named(what: str, number: int) -> str:
    # Of one length, so that no name is the beginning of another.
    return f"{what}-{number:06d}"


def _frames(state: Path) -> int:
    """How many frames the write-ahead log has: mxFrame of its index, https://sqlite.org/walformat.html."""
    with (state / "catalog.db-shm").open("rb") as index:
        header = index.read(20)
    return int.from_bytes(header[16:], "little")


def _messages(number: int) -> list[str]:
    # Half of them is more than one.
    return [f"event {at} of {number}: {'.' * 300}" for at in range(3)]


def _code(tag: str) -> bytes:
    return archive(f"import os\ndef handler(event, context): return [{tag!r}, sorted(os.listdir('/opt'))]")


def _function(description: str, tag: str, opt: list[str] | None = None) -> View:
    seen_in_opt = ["beneath"] if opt is None else opt
    sha256 = base64.b64encode(hashlib.sha256(_code(tag)).digest()).decode()
    return {
        "description": description,
        "sha256": sha256,
        "status": ["Active", "Successful"],
        "answer": [tag, seen_in_opt],
    }


def _settled(client: Any, name: str) -> Any:
    """Its configuration, once it is not about to change; with a State of None where there is no such function."""
    try:
        found = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return {"State": None}
    except ClientError:
        return None
    return None if found["State"] == "Pending" or found.get("LastUpdateStatus") == "InProgress" else found


def _downloaded(layer_version: Any) -> str:
    location = layer_version["Content"]["Location"]
    with urllib.request.urlopen(location, timeout=20) as answer:  # noqa: S310  # the server's own address
        return _sha256(answer.read())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
