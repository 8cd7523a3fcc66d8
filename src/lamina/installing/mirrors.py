"""Where to fetch from: the registries of the lock, or what the machine's own package clients were told to use instead.

A company's machines often reach a mirror and nothing else, and pip, npm and Maven have been told of it. Whoever can
install a package with those can install a runtime, with no setting of ours.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

from lamina.installing.lock import LOCK, Registry

# All of Central's files, as a mirror's <mirrorOf> may say it.
_MIRRORS_CENTRAL: Final = {"*", "central", "external:*", "external:http:*"}


@dataclass(frozen=True, slots=True)
class Source:
    """A registry's address, without a slash at its end; what to send to be let in; and who said so, for a message."""

    address: str
    user: str = ""
    password: str = ""
    token: str = ""
    said_by: str = LOCK.name


def sources(
    defaults: Mapping[Registry, str], environ: Mapping[str, str], read: Callable[[Path], str | None]
) -> dict[Registry, Source]:
    """Each registry's source. *read* gives a configuration file's text, or None where there is none."""
    home = Path(environ.get("HOME", "/nonexistent"))
    told = {
        Registry.PYPI: _pypi(environ, home, read),
        Registry.NPM: _npm(environ, home, read),
        Registry.MAVEN: _maven(environ, home, read),
    }
    return {registry: told[registry] or _split(address, LOCK.name) for registry, address in defaults.items()}


def read_file(path: Path) -> str | None:
    """The text of *path*, or None: what others configured is not ours to complain of."""
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


def _pypi(environ: Mapping[str, str], home: Path, read: Callable[[Path], str | None]) -> Source | None:
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if environ.get(variable):
            # uv's may begin with a name for the index.
            return _split(re.sub(r"^[\w-]+=", "", environ[variable]), variable)
    config = Path(environ.get("XDG_CONFIG_HOME", home / ".config"))
    files = [config / "pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")]
    if environ.get("PIP_CONFIG_FILE"):
        # It counts for more than the user's, as that does for more than the machine's.
        files.insert(0, Path(environ["PIP_CONFIG_FILE"]))
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(read(path) or "")
            address = parser.get("global", "index-url", fallback="").strip()
        except configparser.Error:
            continue
        if address:
            return _split(address, str(path))
    return None


def _npm(environ: Mapping[str, str], home: Path, read: Callable[[Path], str | None]) -> Source | None:
    path = home / ".npmrc"
    settings = dict(_npmrc(read(path) or "", environ))
    address, said_by = settings.get("registry", ""), str(path)
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if environ.get(variable):
            address, said_by = environ[variable], variable
    if not address:
        return None
    source = _split(address, said_by)
    # A token belongs to a registry's address without its scheme, or to a folder above it.
    parts = urlsplit(source.address)
    folders = parts.path.split("/")
    scopes = [f"//{parts.netloc}{'/'.join(folders[:depth])}" for depth in range(len(folders), 0, -1)]
    token = next(filter(None, (settings.get(f"{scope}/:_authToken") for scope in scopes)), "")
    return replace(source, token=token)


def _npmrc(text: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith((";", "#")):
            filled = re.sub(r"\$\{(\w+)\}", lambda found: environ.get(found[1], ""), value.strip().strip("\"'"))
            yield key.strip(), filled


def _maven(environ: Mapping[str, str], home: Path, read: Callable[[Path], str | None]) -> Source | None:
    if environ.get("LAMINA_MAVEN_REPOSITORY"):
        return _split(environ["LAMINA_MAVEN_REPOSITORY"], "LAMINA_MAVEN_REPOSITORY")
    path = home / ".m2/settings.xml"
    try:
        root = ET.fromstring(read(path) or "<settings/>")  # noqa: S314  # the user's own file
    except ET.ParseError:
        return None
    for element in root.iter():
        # Settings are written with and without a namespace.
        element.tag = element.tag.rpartition("}")[2]
    servers = {server.findtext("id", "").strip(): server for server in root.iterfind("servers/server")}
    for mirror in root.iterfind("mirrors/mirror"):
        mirrored = {name.strip() for name in mirror.findtext("mirrorOf", "").split(",")}
        address = mirror.findtext("url", "").strip()
        if address and mirrored & _MIRRORS_CENTRAL and "!central" not in mirrored:
            source = _split(address, str(path))
            server = servers.get(mirror.findtext("id", "").strip())
            if server is None:
                return source
            user, password = (server.findtext(name, "").strip() for name in ("username", "password"))
            return replace(source, user=user, password=password)
    return None


def _split(address: str, said_by: str) -> Source:
    """*address* with its user and password taken out, so that no message shows them."""
    parts = urlsplit(address.strip())
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    plain = urlunsplit((parts.scheme, (f"[{host}]" if ":" in host else host) + port, parts.path.rstrip("/"), "", ""))
    return Source(plain, unquote(parts.username or ""), unquote(parts.password or ""), said_by=said_by)
