"""Files from the registries, each checked against the lock's digest before anybody reads it.

A connection that breaks is taken up where it broke, and so is a download that an earlier run left: a file's name in the
folder of downloads is its digest, so that what is there can only be the beginning of what is wanted, and whether it is
shows at the end.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout, make_headers

from lamina.installing.errors import InstallFailed
from lamina.installing.lock import LOCK, Artifact, Registry
from lamina.installing.mirrors import Source
from lamina.installing.registries import INDEX_ACCEPTS, maven_address, npm_address, pypi_files, pypi_index

_CHUNK_BYTES: Final = 1 << 18
# As often as this in a row, a connection may break before anything new has come over it.
_FRUITLESS_MAX: Final = 3
_TIMES_OUT: Final = Timeout(connect=10, read=30)
_RETRIES: Final = Retry(
    total=4, connect=1, read=1, status_forcelist=(408, 429, 500, 502, 503, 504), backoff_factor=0.3, backoff_max=5
)


class DigestDiffers(InstallFailed):
    """What arrived is not what the lock promises."""

    def __init__(self, artifact: Artifact, source: Source, found: str) -> None:
        super().__init__(
            f"{artifact.name} from {source.address} is not the file that was locked: {found}",
            f"It was damaged on its way, or a mirror or a proxy serves another file under its name. {_whose(source)}",
        )


class Fetcher:
    """Fetches artifacts into a folder. Keeps connections open between files; to be used from one thread."""

    def __init__(
        self, sources: Mapping[Registry, Source], downloads: Path, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._sources = sources
        self._downloads = downloads
        self._environ = environ
        self._pools: dict[str, urllib3.PoolManager] = {}

    def fetch(self, artifact: Artifact, arrived: Callable[[int], None]) -> Path:
        """The file of *artifact*, whole and checked. *arrived* is told how many bytes of it are there, as they come.

        Raises InstallFailed, and OSError when the disk cannot take it.
        """
        source = self._sources[artifact.registry]
        path = self._downloads / hashlib.sha256(artifact.integrity.encode()).hexdigest()
        path.touch()
        fruitless = 0
        while (have := path.stat().st_size) < artifact.size_bytes:
            try:
                self._continue(artifact, source, path, have, arrived)
            except (HTTPError, ConnectionError, TimeoutError) as error:
                arrived_now = path.stat().st_size
                fruitless = fruitless + 1 if arrived_now <= have else 0
                if fruitless == _FRUITLESS_MAX:
                    if arrived_now == 0:
                        path.unlink()
                    kept = "What has arrived is kept: the same command goes on from there. " if arrived_now else ""
                    raise InstallFailed(
                        f"{artifact.name} could not be fetched from {source.address}: {_reason(error)}",
                        kept + _whose(source),
                    ) from error
        arrived(have)
        found = _integrity(path, artifact.integrity.partition("-")[0])
        if found != artifact.integrity:
            path.unlink()
            raise DigestDiffers(artifact, source, f"it has {found}, not {artifact.integrity}")
        return path

    def close(self) -> None:
        """Give up every connection."""
        for pool in self._pools.values():
            pool.clear()

    def _continue(
        self, artifact: Artifact, source: Source, path: Path, have: int, arrived: Callable[[int], None]
    ) -> None:
        """Fetch what is missing of a file of which *have* bytes are there, or as much as gets through."""
        address = self._address(artifact, source)
        response = self._get(source, address, {"Range": f"bytes={have}-"} if have else {})
        try:
            if response.status not in (200, 206):
                raise _refused(artifact, source, response.status)
            # A server that knows no ranges begins again, and so do we.
            begin = have if response.status == 206 else 0
            with path.open("r+b") as file:
                file.truncate(begin)
                file.seek(begin)
                for chunk in response.stream(_CHUNK_BYTES, decode_content=False):
                    file.write(chunk)
                    arrived(file.tell())
                    if file.tell() > artifact.size_bytes:
                        path.unlink()
                        raise DigestDiffers(artifact, source, f"it is longer than {artifact.size_bytes} bytes")
        finally:
            # One that was read to its end has given its connection back already.
            response.close()

    def _address(self, artifact: Artifact, source: Source) -> str:
        if artifact.registry is Registry.NPM:
            return npm_address(source.address, artifact)
        if artifact.registry is Registry.MAVEN:
            return maven_address(source.address, artifact)
        index = pypi_index(source.address, artifact)
        response = self._get(source, index, {"Accept": INDEX_ACCEPTS})
        try:
            if response.status != 200:
                raise _refused(artifact, source, response.status)
            content_type = response.headers.get("content-type", "")
            body = response.read(decode_content=True).decode("utf-8", "replace")
            address = pypi_files(index, content_type, body).get(artifact.file)
        except (ValueError, LookupError, TypeError) as error:
            raise InstallFailed(f"{index} is no list of a package's files: {error!r}", _whose(source)) from error
        finally:
            response.close()
        if address is None:
            raise InstallFailed(f"{index} does not list {artifact.file}", _whose(source))
        return address.partition("#")[0]

    def _get(self, source: Source, address: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        sent = {"User-Agent": "lamina", "Accept-Encoding": "identity", **headers}
        # A registry's list may lead to another host, which the password is not for; urllib3 sees to redirects.
        if urlsplit(address).netloc == urlsplit(source.address).netloc:
            if source.token:
                sent["Authorization"] = f"Bearer {source.token}"
            elif source.user:
                sent |= make_headers(basic_auth=f"{source.user}:{source.password}")
        return self._pool(address).request(
            "GET", address, headers=sent, preload_content=False, timeout=_TIMES_OUT, retries=_RETRIES
        )

    def _pool(self, address: str) -> urllib3.PoolManager:
        parts = urlsplit(address)
        proxies = getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy and proxy_bypass(parts.hostname or ""):
            proxy = None
        if (proxy or "") not in self._pools:
            authorities = self._environ.get("PIP_CERT") or self._environ.get("REQUESTS_CA_BUNDLE")
            self._pools[proxy or ""] = (
                urllib3.ProxyManager(proxy, ca_certs=authorities)
                if proxy
                else urllib3.PoolManager(ca_certs=authorities)
            )
        return self._pools[proxy or ""]


def _integrity(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


def _refused(artifact: Artifact, source: Source, status: int) -> InstallFailed:
    meaning = {401: "it wants a password", 403: "it does not let us", 404: "it does not have it"}.get(status, "")
    saying = f" ({meaning})" if meaning else ""
    return InstallFailed(f"{source.address} answered {status} for {artifact.name}{saying}", _whose(source))


def _whose(source: Source) -> str:
    if source.said_by == LOCK.name:
        return (
            "It is the public registry. Where pip, npm or Maven is told of a mirror, that is asked (docs/COMMANDS.md)."
        )
    return f"The address is from {source.said_by}."


def _reason(error: Exception) -> str:
    """What went wrong, without the pools and objects that urllib3 puts around it."""
    inner = getattr(error, "reason", None) or error
    return re.sub(r"<[^>]*>:? ?|^\w*(Connection|Pool)\([^)]*\): ", "", str(inner)) or type(inner).__name__
