"""Archives that came from an endpoint, kept by their digest each fetched once (docs/formats/downloads.md)."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from lamina import user_folders
from lamina.workshop.caches import trim
from lamina.workshop.endpoint import is_this_machine
from lamina.workshop.errors import WorkshopError

_CHUNK_BYTES: Final = 1 << 18
_TIMES_OUT: Final = Timeout(connect=10, read=60)

Progress = Callable[[str, int, int | None], None]


class DownloadFailed(WorkshopError):
    """The archive did not come, or is not the one that the endpoint named."""


def _silence(name: str, done_bytes: int, total_bytes: int | None) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """The folder of what was fetched. `told` hears of each download: of what, bytes there, bytes in all if known."""

    folder: Path
    told: Progress = _silence

    @classmethod
    def of_the_user(cls, told: Progress = _silence) -> Downloads:
        """In the user's cache folder, as XDG names it."""
        return cls(user_folders.cache(os.environ) / "layers" / "v1", told)

    def fetch(self, location: str, code_sha256: str, name: str) -> Path:
        """The file at *location*, which must have *code_sha256* (base64, as the API gives it); *name* is for messages.

        Raises DownloadFailed. Interrupted, it leaves nothing behind.
        """
        wanted = base64.b64decode(code_sha256).hex()
        path = self.folder / f"{wanted}.zip"
        if path.is_file() and _sha256(path) == wanted:
            # The cache keeps what was used lately.
            with suppress(OSError):
                os.utime(path)
            return path
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".incoming-") as aside:
                found = self._receive(location, name, aside.write)
                if found != wanted:
                    raise DownloadFailed(
                        f"what came for {name} is not what the endpoint named: SHA-256 {found}, not {wanted}",
                        "It was damaged or replaced on its way; nothing was kept. Try again.",
                    )
                aside.flush()
                os.fsync(aside.fileno())
                # By a link, so that whoever fetched the same meanwhile loses nothing.
                path.unlink(missing_ok=True)
                os.link(aside.name, path)
            trim(list(self.folder.glob("*.zip")), time.time())
        except FileExistsError:
            pass
        except (HTTPError, ConnectionError, TimeoutError) as error:
            raise DownloadFailed(f"{name} could not be downloaded: {error}") from error
        except OSError as error:
            raise DownloadFailed(f"{name} could not be kept in {self.folder}: {error.strerror}") from error
        return path

    def _receive(self, location: str, name: str, write: Callable[[bytes], object]) -> str:
        """Hand what is at *location* to *write*; its SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        done = 0
        with _pool(location) as pool:
            response = pool.request("GET", location, preload_content=False, timeout=_TIMES_OUT)
            try:
                if response.status != 200:
                    raise DownloadFailed(f"{name} could not be downloaded: the server answered {response.status}")
                length = response.headers.get("content-length")
                for chunk in response.stream(_CHUNK_BYTES, decode_content=False):
                    write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    self.told(name, done, int(length) if length else None)
            finally:
                response.close()
        return digest.hexdigest()


def _pool(location: str) -> urllib3.PoolManager:
    parts = urlsplit(location)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_this_machine(location) or proxy_bypass(parts.hostname or ""):
        return urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"))
    return urllib3.ProxyManager(proxy, ca_certs=os.environ.get("AWS_CA_BUNDLE"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
