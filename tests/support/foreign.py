"""Moto's server: an endpoint that is not ours, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from moto.server import ThreadedMotoServer


@contextmanager
def moto() -> Iterator[str]:
    """The address of a server with nothing in it; one at a time."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        # What it keeps is kept by this process, for whichever server comes next.
        urllib3.request("POST", f"{address}/moto-api/reset")
        yield address
    finally:
        server.stop()
