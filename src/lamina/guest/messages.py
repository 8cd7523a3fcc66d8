"""One JSON object a packet, with file descriptors beside it, over a SOCK_SEQPACKET pair."""

from __future__ import annotations

import array
import json
import socket
from typing import Any

PACKET_BYTES_MAX = 128 * 1024
_FDS_MAX = 16
# A process that was just forked copies every page it writes to, so that a step less is worth more than its time.
_encode = json.JSONEncoder(check_circular=False).encode
_decode = json.JSONDecoder().raw_decode


def send(channel: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    channel.sendmsg([_encode(message).encode()], ancillary)


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; None once the other side is gone."""
    fds = array.array("i")
    data, ancillary, _, _ = channel.recvmsg(PACKET_BYTES_MAX, socket.CMSG_LEN(_FDS_MAX * fds.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return (_decode(data.decode())[0] if data else None), list(fds)
