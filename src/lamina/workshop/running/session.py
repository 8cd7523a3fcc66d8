"""A handler with its layers on a server: put there, run, brought up to date when its files have changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lamina.workshop import sources
from lamina.workshop.artifacts import Artifact, Role
from lamina.workshop.downloads import Downloads
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.errors import WorkshopError
from lamina.workshop.running import choosing, debugging
from lamina.workshop.running.local_api import Answered, LocalApi
from lamina.workshop.running.packing import Added, packed

FUNCTION: Final = "run"
_ROLE: Final = "arn:aws:iam::000000000000:role/run"
_HANDLERS: Final = (
    "A handler is FILE.FUNCTION, such as app.handler for handler() in app.py; --code names the folder that the file is "
    "in, "
)
_BUCKET: Final = "local"
_LOOK_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run. `code` and `layers` as the user named them, `code` None for a function that has none.

    `debug_port` is inside, None for no debugger. `memory_mb` and `timeout_s` are None for AWS's defaults, `runtime` for
    what suits.
    """

    handler: str
    code: str | None
    layers: tuple[str, ...] = ()
    runtime: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int | None = None
    timeout_s: int | None = None
    debug_port: int | None = None

    @property
    def watched(self) -> tuple[Path, ...]:
        """Its files and folders on this machine, the code first."""
        return tuple(path for path in map(Path, filter(None, (self.code, *self.layers))) if path.exists())

    @property
    def mappings(self) -> tuple[tuple[str, str], ...]:
        """Where a debugger finds the folders that the function sees: its path inside, and the path here."""
        folders = [("/opt", layer) for layer in self.layers if Path(layer).is_dir()]
        code = [("/var/task", self.code)] if self.code and Path(self.code).is_dir() else []
        return tuple((inside, str(Path(here).absolute())) for inside, here in (*code, *folders))


@dataclass(slots=True)
class Session:
    """*wanted* on the server at *api*, whose S3 is the folder *archives*. Layers named by an ARN come from *endpoint*.

    `ready` are the server's runtimes; `runtime` is the one chosen, after `put`.
    """

    wanted: Wanted
    api: LocalApi
    archives: Path
    endpoint: Endpoint
    downloads: Downloads
    ready: Sequence[str]
    runtime: str = ""
    _code: str = ""
    _layers: list[str] = field(default_factory=list)
    _arns: dict[str, str] = field(default_factory=dict)

    def put(self) -> None:
        """Have the server hold all of it. Raises WorkshopError."""
        wanted = self.wanted
        code = self._load_code()
        layers = [self._load(layer) for layer in wanted.layers]
        self.runtime = wanted.runtime or self._suitable(code, layers)
        variables = dict(wanted.variables)
        below: Mapping[str, Added] = {}
        if wanted.debug_port is not None:
            below = debugging.below_layers(self.runtime, wanted.debug_port, variables.get(debugging.WRAPPER))
            variables |= debugging.variables()
        self._layers = self._publish(layers, below)
        self._code = self._keep(self._archive_code(code))
        request: dict[str, Any] = {
            "FunctionName": FUNCTION,
            "Runtime": self.runtime,
            "Handler": wanted.handler,
            "Role": _ROLE,
            "Code": self._content(self._code),
            "Layers": self._layers,
            "Environment": {"Variables": variables},
        }
        memory_mb, timeout_s = wanted.memory_mb, wanted.timeout_s
        if wanted.debug_port is not None:
            memory_mb, timeout_s = max(memory_mb or 0, debugging.MEMORY_MB_MIN), debugging.TIMEOUT_S
        request |= {} if memory_mb is None else {"MemorySize": memory_mb}
        request |= {} if timeout_s is None else {"Timeout": timeout_s}
        self.api.create_function(request)

    def bring_up_to_date(self) -> None:
        """Have the server hold what the files are now. Raises WorkshopError, and what was there before stays."""
        layers = self._publish([self._load(layer) for layer in self.wanted.layers], {})
        code = self._keep(self._archive_code(self._load_code()))
        if layers != self._layers:
            self.api.update_configuration(FUNCTION, {"Layers": layers})
            self._wait_settled()
            self._layers = layers
        if code != self._code:
            self.api.update_code(FUNCTION, self._content(code))
            self._wait_settled()
            self._code = code

    def invoke(self, event: bytes) -> Answered:
        """Run it once."""
        return self.api.invoke(FUNCTION, event)

    def _load(self, layer: str) -> Artifact:
        return sources.load(layer, self.endpoint, Role.LAYER, self.downloads)

    def _load_code(self) -> Artifact:
        if self.wanted.code is None:
            return _EMPTY
        return sources.load(self.wanted.code, self.endpoint, Role.FUNCTION, self.downloads)

    def _archive_code(self, code: Artifact) -> bytes:
        # No archive may be empty.
        return self._archive(self.wanted.code or "", code, {} if self.wanted.code else {".empty": Added(b"")})

    def _suitable(self, code: Artifact, layers: Sequence[Artifact]) -> str:
        declared = [code.runtimes, *(layer.runtimes for layer in layers)]
        if self.wanted.code is None:
            paths = (entry.path for layer in layers for entry in layer.entries)
            found = choosing.runtime_of_layers(paths, self.ready, declared)
            wrong, hint = "no runtime here suits these layers", ""
        else:
            paths = (entry.path for entry in code.files)
            found = choosing.runtime_for(self.wanted.handler, paths, self.ready, declared)
            wrong, hint = f"no runtime here suits the handler {self.wanted.handler} of {self.wanted.code}", _HANDLERS
        if found is None:
            raise WorkshopError(wrong, f"{hint}--runtime names one. There are {', '.join(sorted(self.ready))}.")
        return found

    def _publish(self, layers: Sequence[Artifact], below: Mapping[str, Added]) -> list[str]:
        """The ARNs of *layers*, each published unless its archive was before."""
        named = list(zip(self.wanted.layers, layers, strict=True))
        keys = [self._keep(self._archive(*each, {} if index else below)) for index, each in enumerate(named)]
        if below and not named:
            keys = [self._keep(packed(_EMPTY, below))]
        for index, key in enumerate(keys):
            if key not in self._arns:
                self._arns[key] = self.api.publish_layer(f"layer-{index + 1}", self._content(key))
        return [self._arns[key] for key in keys]

    def _archive(self, source: str, artifact: Artifact, below: Mapping[str, Added]) -> bytes:
        """The bytes of *artifact*, those it came with where it is an archive and nothing is added."""
        if artifact.digest is not None and not below:
            kept = self.downloads.folder / f"{artifact.digest.hex}.zip"
            path = Path(source) if Path(source).is_file() else kept
            try:
                return path.read_bytes()
            except OSError as error:
                raise WorkshopError(f"{source} cannot be read: {error.strerror}") from error
        return packed(artifact, below)

    def _keep(self, archive: bytes) -> str:
        key = f"{hashlib.sha256(archive).hexdigest()}.zip"
        path = self.archives / key
        if not path.exists():
            path.write_bytes(archive)
        return key

    def _content(self, key: str) -> dict[str, str]:
        return {"S3Bucket": _BUCKET, "S3Key": key}

    def _wait_settled(self, wait: Callable[[float], None] = time.sleep) -> None:
        while (status := self.api.settled(FUNCTION)) is None:
            wait(_LOOK_EVERY_S)
        if status == "Failed":
            raise WorkshopError("the server could not take what has changed")


def _nothing(path: str) -> bytes:
    raise KeyError(path)


_EMPTY: Final = Artifact("", Role.LAYER, (), 0, _nothing)
