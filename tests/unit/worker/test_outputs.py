"""What extensions write, cut anywhere, is lines."""

from __future__ import annotations

import asyncio
import os
import time

from hypothesis import given, settings
from hypothesis.strategies import binary, lists

from lamina.worker.outputs import LINE_BYTES_MAX, ExtensionOutput, Lines


@settings(max_examples=200, deadline=None, database=None)
@given(lists(binary(max_size=20)))
def test_cut_anywhere_nothing_is_lost(pieces: list[bytes]) -> None:
    lines = Lines()
    told = [line for piece in pieces for line in lines.feed(piece)]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in told)
    assert b"".join(told) + lines.flush() == b"".join(pieces)


def test_a_line_without_end_is_cut_and_takes_time_in_proportion() -> None:
    lines = Lines()
    began = time.process_time()
    told = [line for _ in range(LINE_BYTES_MAX * 2) for line in lines.feed(b"x")]
    assert time.process_time() - began < 5
    assert [len(line) for line in told] == [LINE_BYTES_MAX] * 2


def test_what_is_left_in_the_pipe_is_taken_at_the_end() -> None:
    async def run() -> list[bytes]:
        read, write = os.pipe()
        told: list[bytes] = []
        output = ExtensionOutput(read, told.extend)
        os.write(write, b"one\ntwo\nno end")
        os.close(write)
        output.close()
        return told

    assert asyncio.run(run()) == [b"one\n", b"two\n", b"no end"]
