"""The operations over a catalog and a store in memory, with activations that can be held up."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lamina.catalog.port import Catalog
from lamina.catalog.sql import SqlCatalog
from lamina.environments.spec import EnvironmentSpec
from lamina.invocations.calls import Invocation, Outcome
from lamina.names import Digest, Scope
from lamina.operations.activations import Activations
from lamina.operations.aliases import AliasOperations
from lamina.operations.call import Call
from lamina.operations.content import Contents, Download
from lamina.operations.functions import FunctionOperations
from lamina.operations.granting import granting
from lamina.operations.invocations import InvocationOperations
from lamina.operations.layer_permissions import LayerPermissionOperations
from lamina.operations.layers import LayerOperations
from lamina.operations.markers import Markers
from lamina.operations.mirroring import Mirroring
from lamina.operations.permissions import PermissionOperations
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.s3 import S3Archives
from lamina.operations.stamps import Stamps
from lamina.operations.streaming import StreamingOperations
from lamina.operations.table import handlers
from lamina.operations.tags import TagOperations
from lamina.operations.uploads import Uploads
from lamina.operations.versions import VersionOperations
from lamina.sandbox.contents import InterpreterLayout
from lamina.store import Blobs
from lamina.store.object_blobs import ObjectBlobs
from lamina.worker import kits
from lamina.worker.runtimes import Runtimes

HERE = Scope("123456789012", "eu-west-1")
ROLE = "arn:aws:iam::123456789012:role/r"
SECRET = b"s" * 32
INTERPRETER = InterpreterLayout(
    version="3.12",
    release="3.12.1",
    prefix=Path("/p"),
    executable=Path("/p/bin/python3.12"),
    standard_library=Path("/p/lib/python3.12"),
    shared_library=None,
    standalone=True,
    has_site_packages=True,
)


def zipped(**files: str) -> bytes:
    """A zip archive of *files*, whenever it is asked for; a double underscore in a name stands for a dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            # Of a name alone zipfile would make an entry of this very second, and other bytes in the next.
            entry = zipfile.ZipInfo(name.replace("__", "."))
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


CODE = zipped(app__py="def handler(event, context): return event")


class FakeTrees:
    """Trees that take no disk: which digests were prepared, and whether preparing may go on."""

    def __init__(self) -> None:
        self.ready: set[Digest] = set()
        self.open = threading.Event()
        self.open.set()
        self.failure: Exception | None = None

    def prepare(self, digest: Digest) -> None:
        assert self.open.wait(30)
        if self.failure is not None:
            raise self.failure
        self.ready.add(digest)

    def delete(self, digest: Digest) -> None:
        self.ready.discard(digest)

    def digests(self) -> list[Digest]:
        return list(self.ready)


@dataclass
class FakeWorker:
    """Answers every event with itself, unless told what to raise; keeps what it was given."""

    installed: Sequence[str] = ("python3.12",)
    failure: Exception | None = None
    given: list[tuple[EnvironmentSpec, Invocation]] = field(default_factory=list)

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        self.given.append((spec, invocation))
        if self.failure is not None:
            raise self.failure
        return Outcome(invocation.payload, log_tail=b"the log")

    async def runtimes(self) -> Runtimes:
        return Runtimes({runtime: kits.python(runtime, INTERPRETER) for runtime in self.installed}, INTERPRETER)


@dataclass
class House:
    """Everything a test calls or looks into."""

    synchronous: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=lambda: SqlCatalog.open("sqlite://"))
    blobs: Blobs = field(default_factory=ObjectBlobs.in_memory)
    trees: FakeTrees = field(default_factory=FakeTrees)
    worker: FakeWorker = field(default_factory=FakeWorker)
    now: float = 1_767_323_045.678
    draw: float = 0.5
    scope: Scope = HERE

    def __post_init__(self) -> None:
        stamps = Stamps(lambda: self.now)
        self.reclaimer = Reclaimer(self.catalog, [self.trees, self.blobs])
        self.activations = Activations(self.catalog, self.reclaimer, self.trees.prepare, stamps)
        self.contents = Contents(self.blobs, SECRET, stamps.seconds)
        uploads, markers = Uploads(self.blobs, self.reclaimer, S3Archives(self.environ)), Markers(SECRET)
        self.mirroring = Mirroring(self.catalog, uploads, stamps)
        functions = FunctionOperations(
            self.catalog,
            uploads,
            self.contents,
            markers,
            self.reclaimer,
            self.activations,
            stamps,
            synchronous=self.synchronous,
        )
        invocations = InvocationOperations(self.catalog, self.activations, self.worker, draw=lambda: self.draw)
        answering = handlers(
            layers=LayerOperations(self.catalog, uploads, self.contents, markers, self.reclaimer, stamps),
            layer_permissions=LayerPermissionOperations(self.catalog, stamps),
            functions=functions,
            versions=VersionOperations(self.catalog, markers, self.activations, stamps),
            aliases=AliasOperations(self.catalog, markers, stamps),
            permissions=PermissionOperations(self.catalog, stamps),
            tags=TagOperations(self.catalog, self.activations, stamps),
            invocations=invocations,
            streaming=StreamingOperations(invocations),
        )
        self.handlers = granting(self.catalog, answering)

    def call(self, operation: str, *, scope: Scope | None = None, **request: Any) -> Any:
        """The operation's output."""
        call = Call("request-id", scope or self.scope, "http://lamina.test:4566", {})
        return self.handlers[operation](call, request)

    def layer(self, name: str, content: str = "x", **request: Any) -> str:
        """Publish a version of *name*; its ARN."""
        output = self.call("PublishLayerVersion", LayerName=name, Content={"ZipFile": zipped(file=content)}, **request)
        return str(output["LayerVersionArn"])

    def function(self, name: str, **request: Any) -> Any:
        """Create a function and wait until it is active; its configuration then."""
        basics: dict[str, Any] = {
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": CODE},
        }
        self.call("CreateFunction", FunctionName=name, **(basics | request))
        self.settle()
        return self.call("GetFunctionConfiguration", FunctionName=name)

    def settle(self) -> None:
        """Wait until nothing is Pending or InProgress."""
        with self.catalog.reading() as transaction:
            waiting = transaction.functions.unsettled()
        for version in waiting:
            self.activations.wait_settled(version, timeout_s=30)

    def download(self, location: str) -> Download:
        parts = urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}" == "http://lamina.test:4566"
        return self.contents.download(parts.path, dict(parse_qsl(parts.query)))

    def close(self) -> None:
        self.trees.open.set()
        self.activations.close()
        self.catalog.close()
