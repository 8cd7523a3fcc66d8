"""`python -m lamina.companions.child FD FOLDER`: answer what comes over the socket FD, until its other end is closed.

Each message on it is a connection, with one question. When it is closed, however the server ended, this process ends.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from concurrent.futures import Future
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.companions.child import certainty
from lamina.companions.child.confining import confine
from lamina.companions.messages import LENGTH, Question, packed

if TYPE_CHECKING:
    from lamina.companions.child.house import House

_log = logging.getLogger("lamina.companions")


def main() -> None:
    """Answer, each question in a thread of its own. Never returns: nobody waits for what moto is still about."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    control = socket.socket(fileno=int(sys.argv[1]))
    confine()
    house: Future[House] = Future()
    threading.Thread(target=_open, args=(house, Path(sys.argv[2])), daemon=True).start()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            os._exit(0)
        for descriptor in descriptors:
            threading.Thread(target=_serve, args=(house, socket.socket(fileno=descriptor)), daemon=True).start()


def _open(house: Future[House], folder: Path) -> None:
    try:
        certainty.install()
        from lamina.companions.child import house as rooms  # noqa: PLC0415 - moto takes chance from where the line above put it

        house.set_result(rooms.House(folder))
    except BaseException:  # noqa: BLE001 - whatever it is, whoever waits for an answer must not wait for ever
        _log.exception("the services beside Lambda could not be started")
        os._exit(1)


def _serve(house: Future[House], connection: socket.socket) -> None:
    with connection:
        try:
            answered = house.result().answer(_read(connection))
            connection.sendall(packed(answered.head))
            connection.sendall(answered.body)
        except OSError as error:
            # Whoever asked has gone.
            _log.debug("a question was given up: %s", error)


def _read(connection: socket.socket) -> Question:
    """The question that comes over *connection*. Raises OSError for one that is cut short: half a body is none."""
    with connection.makefile("rb") as file:
        (length,) = LENGTH.unpack(_exactly(file, LENGTH.size))
        head = json.loads(_exactly(file, length))
        body = _exactly(file, head["length"])
        return Question(head["method"], head["target"], [tuple(pair) for pair in head["headers"]], (body,))


def _exactly(file: BufferedReader, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise ConnectionResetError(f"{length - len(data)} bytes of a question are missing")
    return data


if __name__ == "__main__":
    main()
