"""What a layer is built for, and how uv and npm call that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lamina.functions.runtimes import Language

ARCHITECTURES: Final = ("x86_64", "arm64")
_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
_NODE_CPUS: Final = {"x86_64": "x64", "arm64": "arm64"}
# The runtimes of Amazon Linux 2, whose glibc is 2.26; of newer ones it is 2.34. uv knows nothing between 2.17 and 2.28.
_ON_AMAZON_LINUX_2: Final = {"python": (3, 11), "nodejs": (18,), "java": (17,), "ruby": (3, 2)}
_BASELINE, _CURRENT = "2_17", "2_34"


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
        newest_old = _ON_AMAZON_LINUX_2.get(self.language.family, ())
        numbers = tuple(int(part) for part in self.language.version.split(".") if part.isdigit())
        return f"{_MACHINES[self.architecture]}-manylinux_{_BASELINE if numbers <= newest_old else _CURRENT}"

    @property
    def npm_options(self) -> tuple[str, ...]:
        """Which of a package's builds npm is to take."""
        return "--os=linux", f"--cpu={_NODE_CPUS[self.architecture]}", "--libc=glibc"
