"""What a compiled file asks for: its processor, its libraries, the versions of their symbols."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, Final

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.segments import InterpSegment

ELF_MAGIC: Final = b"\x7fELF"
# Mach-O in both byte orders and widths, and files that hold several of it. The last is also a Java class.
_MACH_O: Final = (
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xfe\xed\xfa\xcf",
    b"\xfe\xed\xfa\xce",
    b"\xca\xfe\xba\xbe",
)
# A damaged file may promise millions of anything, or lead in a circle.
_MOST: Final = 1000
# A parser of trusted files meets damaged ones in many ways.
_DAMAGED: Final = (
    ELFError,
    ConstructError,
    AssertionError,
    AttributeError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
_MACHINES: Final = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64"}


@dataclass(frozen=True, slots=True)
class Elf:
    """One ELF file. `machine` is Lambda's word for the processor, or ELF's ("EM_386") for one it has not.

    `needed` are sonames, `run_paths` folders with $ORIGIN as written, `versions` pairs of a symbol version's family
    and its numbers, such as ("GLIBC", (2, 28)). `interpreter` is set for programs that are linked dynamically.
    """

    machine: str
    needed: tuple[str, ...] = ()
    run_paths: tuple[str, ...] = ()
    versions: tuple[tuple[str, tuple[int, ...]], ...] = ()
    interpreter: str | None = None

    @property
    def wants_musl(self) -> bool:
        """Whether it was built for Alpine's C library, which Lambda's systems have not."""
        return any(name.startswith(("libc.musl-", "ld-musl-")) for name in self.needed) or (
            self.interpreter is not None and "ld-musl-" in self.interpreter
        )


def read_elf(data: bytes) -> Elf | None:
    """What *data* says of itself; None when it is no ELF file, or a damaged one."""
    if not data.startswith(ELF_MAGIC):
        return None
    try:
        return _read(ELFFile(BytesIO(data)))
    except _DAMAGED:
        return None


def foreign_system(data: bytes) -> str | None:
    """The system that a program or library in *data* is for when that is not Linux; None when it is, or is neither."""
    if data.startswith(_MACH_O):
        return "macOS"
    return "Windows" if data.startswith(b"MZ") else None


def _read(file: ELFFile) -> Elf:
    needed: list[str] = []
    run_paths: list[str] = []
    interpreter = None
    tag: Any  # its attributes are made of the tag's name
    for segment in islice(file.iter_segments(), _MOST):
        if isinstance(segment, InterpSegment):
            interpreter = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            for tag in islice(segment.iter_tags(), _MOST):
                if tag.entry.d_tag == "DT_NEEDED":
                    needed.append(tag.needed)
                elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                    text = tag.rpath if tag.entry.d_tag == "DT_RPATH" else tag.runpath
                    run_paths += [path for path in text.split(":") if path]
    machine = file["e_machine"]
    return Elf(
        _MACHINES.get(machine, str(machine)), tuple(needed), tuple(run_paths), tuple(_versions(file)), interpreter
    )


def _versions(file: ELFFile) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for section in islice(file.iter_sections(), _MOST):
        if isinstance(section, GNUVerNeedSection):
            for _, auxiliaries in islice(section.iter_versions(), _MOST):
                for auxiliary in islice(auxiliaries, _MOST):
                    family, _, numbers = auxiliary.name.rpartition("_")
                    if numbers.replace(".", "").isdigit():
                        found.append((family, tuple(int(part) for part in numbers.split("."))))
    return found
