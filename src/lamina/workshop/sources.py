"""From what a user types to an artifact: a zip, a folder, or what an endpoint has under an ARN or a name."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lamina.layers.archive import Archive, ArchiveError, Kind, content, given_modes, inspect, verify
from lamina.names import Digest, LayerVersionArn
from lamina.workshop.artifacts import Artifact, Entry, Role
from lamina.workshop.downloads import Downloads
from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError

# An archive that is too large is looked at too, so that a tool can say by how much; one past this is not worth memory.
_UNZIPPED_BYTES_MAX: Final = 4 << 30
_LAYER: Final = re.compile(
    r"(?P<layer>arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:layer:[a-zA-Z0-9-_]+|[a-zA-Z0-9-_]+)"
    r"(?::(?P<version>\d+))?"
)
_FUNCTION_ARN: Final = re.compile(r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:.+")


class SourceError(WorkshopError):
    """What the user named cannot be had as a layer or a function's code."""


class ArchiveRefused(SourceError):
    """It is a file, and no archive that a server would take; `reason` says why, as the server's own reader found."""

    def __init__(self, name: str, reason: ArchiveError) -> None:
        super().__init__(f"{name}: {reason}", f"`lamina check {name}` tells more.")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Published:
    """A layer version of an endpoint, whose archive is in `file`. What its publisher did not say is None."""

    arn: LayerVersionArn
    file: Path
    created: str
    runtimes: tuple[str, ...] | None
    architectures: tuple[str, ...] | None
    description: str | None
    license_info: str | None


def load(source: str, endpoint: Endpoint, role: Role = Role.LAYER, downloads: Downloads | None = None) -> Artifact:
    """What *source* names: a zip file or a folder; else at *endpoint* a layer version's ARN, `NAME:VERSION` or `NAME`
    (the newest), or as *role* wants a function's name or ARN.

    What is on the disk comes first: a layer of the same name is reached by its ARN. Raises SourceError, or
    EndpointError for what the endpoint said. Nothing is asked of the endpoint for what is on the disk.
    """
    path = Path(source)
    if path.is_dir():
        return folder(path, source, role)
    if path.exists():
        return archive(path, source, role)
    if source.endswith((".zip", ".jar")) or ("/" in source and not source.startswith("arn:")):
        raise SourceError(f"there is no {source}", "A layer is a zip file, a folder, an ARN, NAME or NAME:VERSION.")
    store = downloads or Downloads.of_the_user()
    return _published_layer(source, endpoint, store) if role is Role.LAYER else _function(source, endpoint, store)


def archive(path: Path, name: str, role: Role = Role.LAYER) -> Artifact:
    """The archive in the file at *path*. Raises ArchiveRefused for what a server would refuse whatever its size."""
    try:
        return unpacked(path.read_bytes(), name, role)
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}") from error


def unpacked(data: bytes, name: str, role: Role = Role.LAYER) -> Artifact:
    """The archive whose bytes are *data*, every one of them checked. Raises ArchiveRefused."""
    view = memoryview(data)
    try:
        found = inspect(view, allowed_bytes=_UNZIPPED_BYTES_MAX)
        verify(view, found)
        modes = given_modes(view)
    except ArchiveError as error:
        raise ArchiveRefused(name, error) from error
    by_path = {entry.path: entry for entry in found.files}
    return Artifact(
        name,
        role,
        _entries(found, modes),
        found.unzipped_bytes,
        lambda path: content(view, by_path[path]),
        zipped_bytes=len(data),
        digest=Digest.of(data),
    )


def folder(path: Path, name: str, role: Role = Role.LAYER) -> Artifact:
    """The folder at *path*, as its archive would be: what is below it lands in /opt, or /var/task."""
    strange: list[str] = []
    try:
        entries = tuple(sorted(_walk(path, "", strange), key=lambda entry: entry.path))
    except OSError as error:
        raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from error
    files = {entry.path for entry in entries if entry.kind is Kind.FILE}

    def read(inner: str) -> bytes:
        if inner not in files:
            raise KeyError(inner)
        try:
            return (path / inner).read_bytes()
        except OSError as error:
            raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from error

    size = sum(entry.size for entry in entries)
    return Artifact(name, role, entries, size, read, strange=tuple(sorted(strange)))


def _entries(found: Archive, modes: dict[str, int]) -> tuple[Entry, ...]:
    entries = (
        Entry(entry.path, entry.kind, entry.size, modes.get(entry.path, entry.mode), entry.target)
        for entry in found.entries
    )
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _walk(root: Path, below: str, strange: list[str]) -> Iterator[Entry]:
    """What is below *below*; the paths of what is neither file, folder nor link are added to *strange*."""
    with os.scandir(root / below) as found:
        for item in found:
            inner = f"{below}/{item.name}" if below else item.name
            status = item.stat(follow_symlinks=False)
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                target = os.readlink(item.path)
                yield Entry(inner, Kind.LINK, len(os.fsencode(target)), mode, target)
            elif stat.S_ISDIR(status.st_mode):
                yield Entry(inner, Kind.FOLDER, 0, mode)
                yield from _walk(root, inner, strange)
            elif stat.S_ISREG(status.st_mode):
                yield Entry(inner, Kind.FILE, status.st_size, mode)
            else:
                strange.append(inner)


def _published_layer(source: str, endpoint: Endpoint, downloads: Downloads) -> Artifact:
    published = fetch_layer(source, endpoint, downloads)
    return replace(
        archive(published.file, source),
        arn=str(published.arn),
        runtimes=published.runtimes,
        architectures=published.architectures,
    )


def fetch_layer(source: str, endpoint: Endpoint, downloads: Downloads) -> Published:
    """The layer version that *source* names at *endpoint*, its archive downloaded unless it is there already."""
    named = _LAYER.fullmatch(source)
    if named is None:
        raise SourceError(
            f"{source!r} is neither a file nor a folder, and no name of a layer",
            "A layer is a zip file, a folder, an ARN, NAME or NAME:VERSION.",
        )
    client = endpoint.client(region=named["region"])
    with _finding(source, endpoint, client):
        number = int(named["version"]) if named["version"] else _newest(client, named["layer"], source)
        answer = client.get_layer_version(LayerName=named["layer"], VersionNumber=number)
    code = answer["Content"]
    return Published(
        LayerVersionArn.parse(answer["LayerVersionArn"]),
        downloads.fetch(code["Location"], code["CodeSha256"], source),
        answer["CreatedDate"],
        _given(answer, "CompatibleRuntimes"),
        _given(answer, "CompatibleArchitectures"),
        answer.get("Description") or None,
        answer.get("LicenseInfo"),
    )


def _newest(client: Any, layer: str, source: str) -> int:
    versions = client.list_layer_versions(LayerName=layer, MaxItems=1)["LayerVersions"]
    if not versions:
        raise _missing(source, client)
    return int(versions[0]["Version"])


def _function(source: str, endpoint: Endpoint, downloads: Downloads) -> Artifact:
    named = _FUNCTION_ARN.fullmatch(source)
    client = endpoint.client(region=named["region"] if named else None)
    with _finding(source, endpoint, client):
        answer = client.get_function(FunctionName=source)
    configuration = answer["Configuration"]
    if configuration.get("PackageType", "Zip") != "Zip":
        raise SourceError(f"{source} is made from a container image", "Images have no layers.")
    file = downloads.fetch(answer["Code"]["Location"], configuration["CodeSha256"], source)
    found = archive(file, source, Role.FUNCTION)
    return replace(
        found,
        arn=configuration["FunctionArn"],
        runtimes=(configuration["Runtime"],) if configuration.get("Runtime") else None,
        architectures=_given(configuration, "Architectures"),
        layers=tuple(layer["Arn"] for layer in configuration.get("Layers", ())),
    )


@contextmanager
def _finding(source: str, endpoint: Endpoint, client: Any) -> Iterator[None]:
    try:
        with endpoint.asking():
            yield
    except EndpointError as error:
        if error.api_code == "ResourceNotFoundException":
            raise _missing(source, client) from error
        if error.api_code is None and not source.startswith("arn:"):
            # Most likely a path that was mistyped: whoever meant a name sees that it is about one.
            message = f"{source} is no file and no folder, and cannot be looked up as a name: {error}"
            raise SourceError(message, error.hint, error.code) from error
        raise


def _missing(source: str, client: Any) -> SourceError:
    return SourceError(f"there is no {source}: no file, no folder, and nothing at {client.meta.endpoint_url}")


def _given(answer: dict[str, Any], member: str) -> tuple[str, ...] | None:
    return tuple(answer[member]) if answer.get(member) else None
