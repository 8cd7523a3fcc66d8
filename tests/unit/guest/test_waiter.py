"""The program that is process 1 of environments: a file that the kernel executes, on each kind of processor."""

from __future__ import annotations

import struct

import pytest

from lamina.guest.waiter import program

pytestmark = pytest.mark.anybody

_HEADER, _SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_SEGMENT_LOADED, _READ, _EXECUTE = 1, 4, 1
# struct sigaction of the kernel's: SIG_IGN is 1.
_ACTION = struct.pack("<QQQQ", 1, 0, 0, 0)
# mov eax, NUMBER; movz x8, NUMBER: rt_sigaction, prctl, then pause or ppoll.
_CALLS = {
    "x86_64": [b"\xb8" + struct.pack("<I", number) for number in (13, 157, 34)],
    "aarch64": [struct.pack("<I", 0xD2800000 | number << 5 | 8) for number in (134, 167, 73)],
}


@pytest.mark.parametrize(("machine", "kind"), [("x86_64", 62), ("aarch64", 183)])
def test_it_is_one_segment_that_is_read_and_executed_and_never_written(machine: str, kind: int) -> None:
    file = program(machine)
    identity, category, made_for, _, entry, segments, sections, _, own, each, count, *_ = _HEADER.unpack_from(file)
    assert identity[:7] == b"\x7fELF\x02\x01\x01"
    assert (category, made_for, sections, own, each, count) == (2, kind, 0, _HEADER.size, _SEGMENT.size, 1)
    what, rights, offset, address, _, in_file, in_memory, alignment = _SEGMENT.unpack_from(file, segments)
    assert (what, rights) == (_SEGMENT_LOADED, _READ | _EXECUTE)
    assert offset == 0
    assert in_file == in_memory == len(file)
    # The largest page that aarch64 has; the address has to agree with the offset to that.
    assert alignment == 65536
    assert address % alignment == offset % alignment
    assert entry == address + _HEADER.size + _SEGMENT.size


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_it_calls_the_kernel_three_times_and_then_waits_again(machine: str) -> None:
    code = program(machine)[_HEADER.size + _SEGMENT.size :]
    places = [code.index(call) for call in _CALLS[machine]]
    assert places == sorted(places)
    enter = {"x86_64": b"\x0f\x05", "aarch64": struct.pack("<I", 0xD4000001)}[machine]
    assert code.count(enter) == 3
    # Back before the last call, but behind the one before that.
    target = _jump(machine, code.removesuffix(_ACTION))
    assert code.index(enter, places[1]) < target <= places[2]


def _jump(machine: str, code: bytes) -> int:
    """Where the last instruction of *code* leads to."""
    if machine == "x86_64":
        opcode, distance = struct.unpack("<Bb", code[-2:])
        assert opcode == 0xEB
        return len(code) + int(distance)
    (word,) = struct.unpack("<I", code[-4:])
    assert word >> 26 == 0b000101
    distance = word & 0x3FFFFFF
    return len(code) - 4 + 4 * int(distance - (distance >> 25 << 26))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_what_is_to_be_done_with_children_that_end_is_behind_the_code(machine: str) -> None:
    code = program(machine)[_HEADER.size + _SEGMENT.size :]
    if machine == "x86_64":
        at = code.index(b"\x48\x8d\x35")  # lea rsi, [rip + distance]
        found = at + 7 + struct.unpack_from("<i", code, at + 3)[0]
    else:
        (word,) = struct.unpack_from("<I", code, 4)
        assert word & 0x9F00001F == 0x10000001  # adr x1, distance
        found = 4 + (word >> 5 & 0x7FFFF) * 4 + (word >> 29 & 3)
    assert code[found:] == _ACTION
