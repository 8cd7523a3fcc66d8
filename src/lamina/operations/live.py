"""Layers under development: folders that are looked at before each invocation of a function that has them.

A live layer is a layer version like any other, published from its folder once. While it is live, functions that have it
get an archive of what is in the folder at that moment in its place: another tree, so another environment. It is no part
of anything that lasts, and no function with one is published.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lamina import errors
from lamina.environments.spec import EnvironmentSpec
from lamina.functions.versions import FunctionVersion
from lamina.layers import archive as archives
from lamina.names import Digest, FunctionArn, LayerVersionArn
from lamina.operations.reclaiming import Reclaimer
from lamina.store import Blobs, folders
from lamina.store.folders import Look


@dataclass(slots=True)
class _Live:
    """A folder, how it was when it was last archived, and that archive, which is held."""

    folder: Path
    seen: Look | None = None
    digest: Digest | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveLayers:
    """The live layers of a server. *changed* is told of a function whose environments are of no use any more."""

    def __init__(self, blobs: Blobs, reclaimer: Reclaimer, changed: Callable[[FunctionArn], None]) -> None:
        self._blobs = blobs
        self._reclaimer = reclaimer
        self._changed = changed
        self._live: dict[LayerVersionArn, _Live] = {}

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return bool(self._live)

    def begin(self, arn: LayerVersionArn, folder: Path) -> None:
        """Have the layer version *arn* be what is in *folder*."""
        self._live[arn] = _Live(folder)

    async def end(self, arn: LayerVersionArn) -> None:
        """From now on *arn* is what was published. Ending what has ended is harmless."""
        live = self._live.pop(arn, None)
        if live is not None:
            async with live.lock:
                if live.digest is not None:
                    await asyncio.to_thread(self._let_go, live.digest)

    def check_publishable(self, version: FunctionVersion) -> None:
        """Raise an error if *version* has a live layer: what is published does not change."""
        for layer in version.configuration.layers:
            if layer.arn in self._live:
                raise errors.invalid_parameter_value(
                    f"{layer.arn} is a live layer, which no published version has. Publish the layer, and attach that."
                )

    async def applied(self, version: FunctionVersion, spec: EnvironmentSpec) -> EnvironmentSpec:
        """*spec* of *version*, with its live layers as they are now. AWS's error for what cannot be a layer."""
        layers = list(spec.layers)
        outdated = False
        for index, layer in enumerate(version.configuration.layers):
            live = self._live.get(layer.arn)
            if live is not None:
                before = live.digest
                layers[index] = await self._current(layer.arn, live)
                outdated = outdated or before != layers[index]
        if tuple(layers) == spec.layers:
            return spec
        if outdated:
            self._changed(version.arn.qualified(version.version))
        return replace(spec, layers=tuple(layers))

    async def _current(self, arn: LayerVersionArn, live: _Live) -> Digest:
        async with live.lock:
            try:
                return await asyncio.to_thread(self._archived, live)
            except archives.ArchiveError as error:
                raise error.api_error from error
            except (OSError, ValueError) as error:
                raise errors.invalid_parameter_value(f"The live layer {arn} cannot be read: {error}") from error

    def _archived(self, live: _Live) -> Digest:
        """The archive of the folder as it is now, stored and held in the place of the one before."""
        # Looked at first: what changes while it is read is seen by the next look.
        seen = folders.look(live.folder, time.time_ns())
        if live.digest is not None and live.seen is not None and live.seen.settled and live.seen.files == seen.files:
            return live.digest
        data = folders.archive(live.folder)
        archives.verify(data, archives.inspect(data))
        digest = Digest.of(data)
        if digest != live.digest:
            self._reclaimer.hold([digest])
            try:
                self._blobs.put(data)
            except BaseException:
                self._reclaimer.release([digest])
                raise
            before, live.digest = live.digest, digest
            if before is not None:
                self._let_go(before)
        live.seen = seen
        return digest

    def _let_go(self, digest: Digest) -> None:
        self._reclaimer.release([digest])
        self._reclaimer.reclaim([digest])
