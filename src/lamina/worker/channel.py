"""The worker's end of a zygote's or an environment's socket: one JSON object a packet, descriptors beside it."""

from __future__ import annotations

import array
import asyncio
import json
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# One for all, as nothing stays in it: to have room for the largest packet anew takes longer than to receive most.
_ROOM = memoryview(bytearray(128 * 1024))
_ANCILLARY_BYTES = socket.CMSG_SPACE(16 * 4) + socket.CMSG_SPACE(12)


@dataclass(frozen=True, slots=True)
class Packet:
    message: dict[str, Any]
    fds: tuple[int, ...]
    pid: int  # the sender's, as this process sees it


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """Sends at once, receives in order. Closing it is what ends the process on the other side."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._packets: asyncio.Queue[Packet | None] = asyncio.Queue()
        end.setblocking(False)
        # The kernel then tells who sent, in this process's own numbering, whatever namespace the sender is in.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._loop = asyncio.get_running_loop()
        # By its number: asyncio looks in vain for what is new to it, and says so to itself with the whole of a socket.
        self._loop.add_reader(end.fileno(), self._readable)
        self._open = True

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """Our end, and the one to hand over."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    @property
    def closed(self) -> bool:
        """Whether the other side is known to be gone, or we have closed it."""
        return not self._open

    def send(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self._socket.sendmsg([json.dumps(message).encode()], ancillary)
        except OSError as error:
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                # From here on it is known to be gone, without waiting for the loop to come by.
                while self._readable():
                    pass
            raise ChannelClosed from error

    async def receive(self) -> Packet:
        packet = await self._packets.get()
        if packet is None:
            self._packets.put_nowait(None)
            raise ChannelClosed
        return packet

    def close(self) -> None:
        """End it; what has come and was not received is thrown away."""
        self._end()
        while not self._packets.empty():
            packet = self._packets.get_nowait()
            for fd in packet.fds if packet else ():
                os.close(fd)
        self._packets.put_nowait(None)

    def _end(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._packets.put_nowait(None)

    def _readable(self) -> bool:
        """Take in one packet; False where there is none, or will never be."""
        try:
            size, ancillary, _, _ = self._socket.recvmsg_into([_ROOM], _ANCILLARY_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            size, ancillary = 0, []
        if not size:
            # What was said before is still to be received: that it could not go on, say.
            self._end()
            return False
        fds = array.array("i")
        pid = 0
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid = struct.unpack("=iII", payload)[0]
        self._packets.put_nowait(Packet(json.loads(str(_ROOM[:size], "utf-8")), tuple(fds), pid))
        return True
