"""The server's own door for its own user: a Unix socket in the state folder, where folders and files may be named.

Whoever may connect may have the server read anything that it can read itself, and speaks for every account. So nobody
may but its user, and root: the socket's mode says so, and so does that of the state folder. One request is one line of
JSON, and so is its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from lamina import errors, unix_sockets
from lamina.layers import sizes
from lamina.layers.archive import ArchiveError
from lamina.names import LayerVersionArn, Scope
from lamina.operations.call import Call
from lamina.operations.layers import LayerOperations
from lamina.operations.live import LiveLayers
from lamina.operations.mirroring import Mirroring
from lamina.store import folders

SOCKET: Final = "control.sock"


class Control:
    """Answers there, or says `{"error"}`:

    * `{"live": FOLDER, "layer": NAME, "account", "region"}` with `{"arn"}`, of a layer that is live as long as the
      connection lasts;
    * `{"mirror": FILE, "arn": ARN, "attributes": {…}}` with `{"arn", "added"}`, where the latter is false for what was
      there already;
    * `{"figures": true}` with what the server has counted, as `operations.figures` makes it up.
    """

    def __init__(
        self,
        layers: LayerOperations,
        live: LiveLayers,
        mirroring: Mirroring,
        figures: Callable[[], Awaitable[Mapping[str, Any]]],
    ) -> None:
        self._layers = layers
        self._live = live
        self._mirroring = mirroring
        self._figures = figures
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def open(self, state: Path) -> None:
        """Listen in the folder *state*, which is this server's alone; what a killed one left there goes."""
        with contextlib.suppress(FileNotFoundError):
            (state / SOCKET).unlink()
        listener = socket.socket(socket.AF_UNIX)
        try:
            with unix_sockets.address(state / SOCKET) as address:
                listener.bind(address)
            (state / SOCKET).chmod(0o600)
        except BaseException:
            listener.close()
            raise
        self._server = await asyncio.start_unix_server(self._converse, sock=listener)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        arn: LayerVersionArn | None = None
        try:
            line = await reader.readline()
            answer: Mapping[str, Any]
            try:
                request = json.loads(line)
                if "figures" in request:
                    answer = await self._figures()
                elif "mirror" in request:
                    answer = await asyncio.to_thread(self._mirror, request)
                else:
                    arn = await self._begin(request)
                    answer = {"arn": str(arn)}
            except errors.ApiError as error:
                # The API says less of an archive than was found out.
                why = error.__cause__
                answer = {"error": str(why) if isinstance(why, ArchiveError) else error.message}
            except ArchiveError as error:
                answer = {"error": str(error)}
            except (OSError, ValueError, KeyError) as error:
                answer = {"error": f"what was named cannot be served: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            if arn is not None:
                # Whoever asked goes, however that comes about: that is the end of it.
                await reader.read()
        except ConnectionError:
            pass
        finally:
            self._conversations.discard(task)
            if arn is not None:
                await self._live.end(arn)
            writer.close()

    async def _begin(self, request: Mapping[str, Any]) -> LayerVersionArn:
        folder = Path(request["live"])
        call = Call(str(uuid.uuid4()), Scope(request["account"], request["region"]), "http://localhost", {})
        published = {"LayerName": request["layer"], "Content": {}}

        def publish() -> LayerVersionArn:
            published["Content"] = {"ZipFile": folders.archive(folder)}
            return LayerVersionArn.parse(self._layers.publish_layer_version(call, published)["LayerVersionArn"])

        arn = await asyncio.to_thread(publish)
        self._live.begin(arn, folder)
        return arn

    def _mirror(self, request: Mapping[str, Any]) -> dict[str, Any]:
        arn, file = LayerVersionArn.parse(request["arn"]), Path(request["mirror"])
        # Nothing that could be a layer takes more, and the rest is not worth this server's memory.
        sizes.check_unzipped(file.stat().st_size)
        added = self._mirroring.mirror(arn, file.read_bytes(), request["attributes"])
        return {"arn": str(arn), "added": added}
