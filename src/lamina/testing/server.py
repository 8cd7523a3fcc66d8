"""A running server for tests, and what they do most with it. Ends with the process that began it, however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lamina.interrupts import uninterrupted

REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/test"
_STOP_SECONDS_MAX: Final = 30
_WHERE: Final = ("--host", "127.0.0.1", "--port", "0")
# The server is told when its parent has gone; nobody else would stop it.
_UP: Final = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv.pop(1)): sys.exit()
from lamina.cli import main
main()
"""


class NotStarted(Exception):
    """The server did not start; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Lamina:
    """A server at `endpoint`, with a state of its own."""

    endpoint: str
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _layers: dict[tuple[str, bytes], str] = field(default_factory=dict, repr=False)

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that lead any AWS SDK and the aws command there."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str = "lambda", *, account: str | None = None) -> Any:
        """A boto3 client of "lambda" or "logs"; of another *account* (12 digits) where one is given."""
        key = f"{service} {account}"
        if key not in self._clients:
            import boto3
            from botocore.config import Config

            self._clients[key] = boto3.session.Session().client(
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id=account or "test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=1000),
            )
        return self._clients[key]

    def layer_from(self, folder: str | Path, name: str | None = None, *, runtimes: Sequence[str] = ()) -> str:
        """The ARN of a layer version that holds what is in *folder* (what would be in /opt), or in a zip.

        Its name is the folder's unless given. Published once for the same content.
        """
        path = Path(folder)
        called = name or "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in path.stem)
        content = _archive(path, "layer")
        if (called, content) not in self._layers:
            declared = {"CompatibleRuntimes": list(runtimes)} if runtimes else {}
            answer = self.client().publish_layer_version(LayerName=called, Content={"ZipFile": content}, **declared)
            self._layers[called, content] = answer["LayerVersionArn"]
        return self._layers[called, content]

    def function_from(
        self, folder: str | Path, name: str, *, handler: str, runtime: str, layers: Sequence[str] = (), **more: Any
    ) -> str:
        """The ARN of a function *name* with the code in *folder*, or in a zip; *more* as for CreateFunction."""
        request = {
            "FunctionName": name,
            "Runtime": runtime,
            "Handler": handler,
            "Role": ROLE,
            "Code": {"ZipFile": _archive(Path(folder), "function")},
            "Layers": list(layers),
        }
        arn: str = self.client().create_function(**(request | more))["FunctionArn"]
        return arn


@contextlib.contextmanager
def running(environ: Mapping[str, str] = os.environ) -> Iterator[Lamina]:
    """A server for the time of the `with`, on a free port and with settings from *environ*. Raises NotStarted."""
    with tempfile.TemporaryDirectory(prefix="lamina-test-", ignore_cleanup_errors=True) as folder:
        state, log = Path(folder) / "state", Path(folder) / "log"
        # Nobody wants to wait for a function that has just been created.
        told = {"LAMBDA_SYNCHRONOUS_CREATE": "1", **environ}
        with contextlib.ExitStack() as started:
            with log.open("wb") as said, uninterrupted():
                server = subprocess.Popen(
                    [sys.executable, "-c", _UP, str(os.getpid()), "up", "--quiet", *_WHERE, "--state", str(state)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                    env=told,
                    # A Ctrl-C is for the tests, which then stop it.
                    start_new_session=True,
                )
                started.callback(_stop, server)
            assert server.stdout is not None
            endpoint = server.stdout.readline().strip().rpartition("=")[2]
            if not endpoint:
                raise NotStarted(log.read_text(errors="replace").strip() or "the server said nothing")
            yield Lamina(endpoint)


def _stop(server: subprocess.Popen[str]) -> None:
    with server:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            server.kill()


def _archive(path: Path, role: str) -> bytes:
    """The archive of a folder, or the archive that *path* is; *role*: "layer" or "function"."""
    # Not before the server was told to start, which takes longer.
    from lamina.workshop import sources
    from lamina.workshop.artifacts import Role
    from lamina.workshop.running.packing import packed

    if path.is_file():
        return path.read_bytes()
    return packed(sources.folder(path, str(path), Role(role)), compressed=True)
