"""TLS by files of a certificate and its key, looked at again with each connection: whoever renews them tells nobody."""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

_log = logging.getLogger(__name__)

_Seen = tuple[tuple[int, int, int], ...]


class Certificates:
    """TLS 1.2 or later with the chain and the key in two files of PEM. Raises OSError where they are no pair."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._seen = self._look()
        self._current = self._read()
        # What it was made with stays with a context, so that another one is put in its place for each connection.
        self.context = self._read()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._current = self._read()
            except OSError as error:
                # One of the two is there and the other to come, most likely: that is another change.
                _log.error("%s and %s are no certificate and its key: %s; those before stay", *self._files, error)
        connection.context = self._current

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._files, password=_ask_nobody)
        return context

    def _look(self) -> _Seen:
        seen = []
        for path in self._files:
            try:
                found = os.stat(path)
            except OSError:
                seen.append((0, 0, 0))
            else:
                seen.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return tuple(seen)


def _ask_nobody() -> str:
    raise OSError("the key has a password, and there is nobody to ask for it")
