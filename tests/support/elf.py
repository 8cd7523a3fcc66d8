"""ELF files that ask for whatever a test wants, and hold nothing else."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

X86_64, AARCH64, I386 = 62, 183, 3
_BASE = 0x400000


def elf(
    machine: int = X86_64,
    needed: Sequence[str] = ("libc.so.6",),
    versions: Mapping[str, Sequence[str]] | None = None,
    run_path: str | None = None,
    interpreter: str | None = None,
) -> bytes:
    """A shared library; *versions* are those wanted of each library, such as {"libc.so.6": ["GLIBC_2.28"]}."""
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text) - 1

    dynamic = [(1, string(name)) for name in needed]
    if run_path is not None:
        dynamic.append((29, string(run_path)))
    wanted = versions or {}
    needs = bytearray()
    for number, (library, symbols) in enumerate(wanted.items()):
        last = number == len(wanted) - 1
        needs += struct.pack("<HHIII", 1, len(symbols), string(library), 16, 0 if last else 16 + 16 * len(symbols))
        for index, name in enumerate(symbols):
            following = 0 if index == len(symbols) - 1 else 16
            needs += struct.pack("<IHHII", 0, 0, index + 2, string(name), following)
    interp = (interpreter or "").encode() + b"\0"
    segments = 2 + (interpreter is not None)
    at = 64 + 56 * segments
    strings_at = at
    dynamic_at = _aligned(strings_at + len(strings))
    dynamic += [(5, _BASE + strings_at), (10, len(strings)), (0, 0)]
    dynamic_bytes = b"".join(struct.pack("<QQ", tag, value) for tag, value in dynamic)
    needs_at = _aligned(dynamic_at + len(dynamic_bytes))
    interp_at = needs_at + len(needs)
    names = b"\0.dynstr\0.dynamic\0.gnu.version_r\0.shstrtab\0"
    names_at = _aligned(interp_at + len(interp))
    sections_at = _aligned(names_at + len(names))
    total = sections_at + 64 * 5
    data = bytearray(total)
    data[:64] = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, sections_at, 0, 64, 56, segments, 64, 5, 4
    )
    headers = [
        struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, total, total, 0x1000),
        struct.pack(
            "<IIQQQQQQ",
            2,
            6,
            dynamic_at,
            _BASE + dynamic_at,
            _BASE + dynamic_at,
            len(dynamic_bytes),
            len(dynamic_bytes),
            8,
        ),
    ]
    if interpreter is not None:
        headers.append(
            struct.pack("<IIQQQQQQ", 3, 4, interp_at, _BASE + interp_at, _BASE + interp_at, len(interp), len(interp), 1)
        )
    sections = [
        (0, 0, 0, 0, 0, 0),
        (1, 3, strings_at, len(strings), 0, 0),
        (9, 6, dynamic_at, len(dynamic_bytes), 1, 16),
        (18, 0x6FFFFFFE, needs_at, len(needs), 1, 0),
        (33, 3, names_at, len(names), 0, 0),
    ]
    parts: list[tuple[int, bytes]] = [
        (64, b"".join(headers)),
        (strings_at, bytes(strings)),
        (dynamic_at, dynamic_bytes),
        (needs_at, bytes(needs)),
        (interp_at, interp),
        (names_at, names),
    ]
    for offset, part in parts:
        data[offset : offset + len(part)] = part
    for number, (name_at, kind, offset, size, link, entry_size) in enumerate(sections):
        info = len(wanted) if kind == 0x6FFFFFFE else 0
        address = _BASE + offset if offset else 0
        header = struct.pack("<IIQQQQIIQQ", name_at, kind, 2, address, offset, size, link, info, 8, entry_size)
        data[sections_at + 64 * number : sections_at + 64 * (number + 1)] = header
    return bytes(data)


def _aligned(offset: int) -> int:
    return offset + -offset % 16
