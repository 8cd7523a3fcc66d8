"""What a layer is built for, and how uv and npm call that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lamina.functions.runtimes import Language
from lamina.workshop.bases import base_of

ARCHITECTURES: Final = ("x86_64", "arm64")
_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
_NODE_CPUS: Final = {"x86_64": "x64", "arm64": "arm64"}
# What uv knows of the glibc that wheels ask for, by its second number.
_UV_KNOWS: Final = (17, 28, *range(31, 41))


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime, such as `python3.12`, on an architecture: `x86_64` or `arm64`."""

    runtime: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}"

    @property
    def language(self) -> Language:
        return Language.of(self.runtime)

    @property
    def uv_platform(self) -> str:
        """The newest platform tag whose wheels the runtime's C library can load, as `--python-platform` wants it."""
        newest = max(minor for minor in _UV_KNOWS if (2, minor) <= base_of(self.runtime).glibc)
        return f"{_MACHINES[self.architecture]}-manylinux_2_{newest}"

    @property
    def npm_options(self) -> tuple[str, ...]:
        """Which of a package's builds npm is to take."""
        return "--os=linux", f"--cpu={_NODE_CPUS[self.architecture]}", "--libc=glibc"
