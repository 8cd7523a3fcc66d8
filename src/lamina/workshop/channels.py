"""Where channels are kept: SSM's parameters at any endpoint, or a file that is committed (docs/formats/channels.md)."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from lamina.names import LayerVersionArn
from lamina.rollouts.channels import BadChannel, Channel, check_name, parameter_name
from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError

CHANNELS_FILE: Final = "lamina-channels.toml"
_FORMAT: Final = 1
_INSTEAD: Final = f"Channels can be kept in a file of the project instead: --channels {CHANNELS_FILE}"


class Register(Protocol):
    """The channels of one region. Every method raises WorkshopError."""

    @property
    def where(self) -> str:
        """Where they are kept, for a person."""

    def channels(self) -> list[Channel]:
        """All of them."""

    def put(self, channels: Sequence[Channel]) -> None:
        """Let each of *channels* point where it says, whether it is there already or not."""

    def delete(self, channels: Sequence[Channel]) -> None:
        """Forget *channels*; harmless for those that are gone."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Channels in SSM's parameters of *region*."""

    endpoint: Endpoint
    region: str

    @property
    def where(self) -> str:
        return f"SSM of {self.region}"

    def channels(self) -> list[Channel]:
        client = self._client()
        pages = client.get_paginator("get_parameters_by_path")
        with self._asking():
            found = [
                parameter
                for page in pages.paginate(Path=parameter_name(), Recursive=True)
                for parameter in page["Parameters"]
            ]
        return [_channel(parameter["Name"], parameter["Value"]) for parameter in found]

    def put(self, channels: Sequence[Channel]) -> None:
        client = self._client()
        for channel in channels:
            with self._asking():
                client.put_parameter(
                    Name=parameter_name(channel.layer.name, channel.name),
                    Value=str(channel.version),
                    Type="String",
                    Overwrite=True,
                )

    def delete(self, channels: Sequence[Channel]) -> None:
        client = self._client()
        for channel in channels:
            with self._asking():
                try:
                    client.delete_parameter(Name=parameter_name(channel.layer.name, channel.name))
                except client.exceptions.ParameterNotFound:
                    pass

    def _client(self) -> Any:
        return self.endpoint.client("ssm", region=self.region)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with self.endpoint.asking():
                yield
        except EndpointError as error:
            raise EndpointError(f"no channels in SSM: {error}", _INSTEAD, api_code=error.api_code) from error


@dataclass(frozen=True, slots=True)
class ChannelsFile:
    """Those channels in the file at *path* that are of *region*. A file that is not there has none."""

    path: Path
    region: str

    @property
    def where(self) -> str:
        return os.path.relpath(self.path)

    def channels(self) -> list[Channel]:
        return [channel for channel in self._read() if channel.layer.scope.region == self.region]

    def put(self, channels: Sequence[Channel]) -> None:
        there = {(channel.layer, channel.name): channel for channel in self._read()}
        self._write([*(there | {(channel.layer, channel.name): channel for channel in channels}).values()])

    def delete(self, channels: Sequence[Channel]) -> None:
        gone = {(channel.layer, channel.name) for channel in channels}
        self._write([channel for channel in self._read() if (channel.layer, channel.name) not in gone])

    def _read(self) -> list[Channel]:
        try:
            content = tomllib.loads(self.path.read_text())
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise WorkshopError(f"{self.where} cannot be read: {error}") from error
        if content.pop("format", None) != _FORMAT:
            raise WorkshopError(f"{self.where} has not `format = {_FORMAT}`, which its first line says")
        found = []
        for region, layers in content.items():
            for layer, channels in _table(self.where, region, layers).items():
                for name, version in _table(self.where, f"{region}.{layer}", channels).items():
                    channel = _channel(f"{self.where}: {region}/{layer}/{name}", version)
                    if (channel.layer.scope.region, channel.layer.name) != (region, layer):
                        raise WorkshopError(f"{self.where}: [{region}.{layer}] names {channel.version}")
                    found.append(channel)
        return found

    def _write(self, channels: Sequence[Channel]) -> None:
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, prefix=".lamina-", delete=False) as aside:
                try:
                    aside.write(self._comment() + printed(channels))
                    aside.flush()
                    os.fchmod(aside.fileno(), self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644)
                    os.fsync(aside.fileno())
                    Path(aside.name).replace(self.path)
                except BaseException:
                    Path(aside.name).unlink()
                    raise
        except OSError as error:
            raise WorkshopError(f"{self.where} cannot be written: {error.strerror}") from error

    def _comment(self) -> str:
        """The comment at the file's head, which is its owner's to keep."""
        if not self.path.exists():
            return "# Which version of a layer each channel points at. `lamina channel` writes this file.\n"
        lines = self.path.read_text().splitlines(keepends=True)
        head = next((index for index, line in enumerate(lines) if line.strip()[:1] not in ("", "#")), len(lines))
        return "".join(lines[:head])


def printed(channels: Sequence[Channel]) -> str:
    """*channels* as the file holds them, sorted."""
    by_layer: dict[tuple[str, str], list[Channel]] = {}
    for channel in channels:
        by_layer.setdefault((channel.layer.scope.region, channel.layer.name), []).append(channel)
    lines = [f"format = {_FORMAT}\n"]
    for (region, layer), those in sorted(by_layer.items()):
        lines.append(f"\n[{region}.{layer}]\n")
        # TOML would take a point in a name for a table.
        names = {channel: f'"{channel.name}"' if "." in channel.name else channel.name for channel in those}
        lines += [f'{names[channel]} = "{channel.version}"\n' for channel in sorted(those)]
    return "".join(lines)


def find(start: Path) -> Path | None:
    """The file of channels of *start*: in it, or in the nearest folder above that has one."""
    for folder in (start, *start.parents):
        if (folder / CHANNELS_FILE).is_file():
            return folder / CHANNELS_FILE
    return None


def _table(where: str, at: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WorkshopError(f"{where}: {at} is no table")
    return value


def _channel(place: str, value: Any) -> Channel:
    """The channel at *place*, whose last part is its name. Raises WorkshopError where *value* is no layer version."""
    name = place.rpartition("/")[2]
    try:
        check_name(name)
        return Channel(name, LayerVersionArn.parse(value))
    except (BadChannel, ValueError, TypeError) as error:
        raise WorkshopError(f"{place} holds {value!r}: {error}") from None
