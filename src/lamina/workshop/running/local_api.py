"""The few calls of the Lambda API that it takes to run a function, to a server at a Unix socket.

boto3 knows no Unix sockets, and takes longer to be imported than the function to run.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lamina import unix_sockets
from lamina.workshop.errors import WorkshopError

_FUNCTIONS: Final = "/2015-03-31/functions"
_LAYERS: Final = "/2018-10-31/layers"


class Refused(WorkshopError):
    """What the server would not do, in AWS's words."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an invocation came to. `function_error` is X-Amz-Function-Error, None where it went well."""

    payload: bytes
    function_error: str | None


@dataclass(frozen=True, slots=True)
class LocalApi:
    """The server at the Unix socket *address*."""

    address: Path

    def publish_layer(self, name: str, content: Mapping[str, Any]) -> str:
        """Publish a layer version, and give its ARN. Raises Refused, as all of them do."""
        arn: str = self._ask("POST", f"{_LAYERS}/{name}/versions", {"Content": content})["LayerVersionArn"]
        return arn

    def create_function(self, request: Mapping[str, Any]) -> None:
        self._ask("POST", _FUNCTIONS, request)

    def update_code(self, function: str, content: Mapping[str, Any]) -> None:
        self._ask("PUT", f"{_FUNCTIONS}/{function}/code", content)

    def update_configuration(self, function: str, request: Mapping[str, Any]) -> None:
        self._ask("PUT", f"{_FUNCTIONS}/{function}/configuration", request)

    def settled(self, function: str) -> str | None:
        """Whether a change is done: "Successful" or "Failed", None while it is under way."""
        told = self._ask("GET", f"{_FUNCTIONS}/{function}/configuration", None)
        if told["State"] == "Pending" or told["LastUpdateStatus"] == "InProgress":
            return None
        return str(told["LastUpdateStatus"])

    def invoke(self, function: str, event: bytes) -> Answered:
        """Run it and wait, however long it takes."""
        status, headers, body = self._exchange("POST", f"{_FUNCTIONS}/{function}/invocations", event)
        if status != http.client.OK:
            raise _refused(body)
        return Answered(body, headers.get("X-Amz-Function-Error"))

    def _ask(self, method: str, path: str, request: Mapping[str, Any] | None) -> Any:
        body = b"" if request is None else json.dumps(request).encode()
        status, _, answer = self._exchange(method, path, body)
        if status >= http.client.BAD_REQUEST:
            raise _refused(answer)
        return json.loads(answer)

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection.sock:
            with unix_sockets.address(self.address) as address:
                connection.sock.connect(address)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            with connection.getresponse() as answer:
                return answer.status, dict(answer.getheaders()), answer.read()


def _refused(body: bytes) -> Refused:
    told = json.loads(body)
    return Refused(told.get("message") or told.get("Message") or body.decode(errors="replace"))
