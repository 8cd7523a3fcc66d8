"""What an environment writes: its tail for the answer, its events for the log."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable

import pytest

from lamina.logs.names import LogGroupArn
from lamina.names import Scope
from lamina.worker.logs import EnvironmentLog, LogStream
from tests.support.logs import Written

GROUP = LogGroupArn(Scope("123456789012", "eu-west-1"), "/aws/lambda/f")


class Output:
    """A log and the end of its pipe that a function writes to; its clock stands at `ms`."""

    def __init__(self, least: str | None = None) -> None:
        self._read, self.write_end = os.pipe()
        self.written = Written()
        self.ms = 1000
        stream = LogStream(GROUP, "stream", self.written, least)
        self.log = EnvironmentLog(self._read, stream, lambda: self.ms * 1_000_000)

    def write(self, data: bytes) -> None:
        assert os.write(self.write_end, data) == len(data)
        self.log.drain()

    def messages(self) -> list[str]:
        self.log.flush()
        return [message for _, message in self.written.events()]

    def end(self) -> None:
        self.log.close()
        os.close(self.write_end)
        os.close(self._read)


def logged(test: Callable[[Output], Awaitable[None]], least: str | None = None) -> None:
    async def main() -> None:
        output = Output(least)
        try:
            async with asyncio.timeout(20):
                await test(output)
        finally:
            output.end()

    asyncio.run(main())


def frame(message: bytes, ms: int) -> bytes:
    return b"\xa5\x5a\x00\x0f" + len(message).to_bytes(4, "big") + (ms * 1000).to_bytes(8, "big") + message


def test_every_line_that_is_printed_is_an_event() -> None:
    async def test(output: Output) -> None:
        output.write(b"one\n\ntwo\\n\xff\n")
        assert output.messages() == ["one\n", "\n", "two\\n\ufffd\n"]

    logged(test)


def test_a_line_is_held_back_until_it_ends_or_something_else_follows() -> None:
    async def test(output: Output) -> None:
        output.write(b"one\nbegun ")
        assert output.messages() == ["one\n"]
        output.write(b"and ended\nbegun ")
        assert output.messages() == ["one\n", "begun and ended\n"]
        output.log.platform(b"END\n")
        assert output.messages()[2:] == ["begun ", "END\n"]
        output.write(b"again" + frame(b"framed", 1000))
        assert output.messages()[4:] == ["again", "framed\n"]

    logged(test)


def test_a_framed_message_is_one_event_at_its_own_time_whatever_lines_it_has() -> None:
    async def test(output: Output) -> None:
        output.log.platform(b"START\n")
        output.ms = 2000
        output.write(frame(b"Traceback:\n  line\n", 1500) + b"printed\n" + frame(b"late", 1))
        output.log.flush()
        assert output.written.events() == [
            (1000, "START\n"),
            (1500, "Traceback:\n  line\n"),
            (2000, "printed\n"),
            (2000, "late\n"),
        ]
        (batch,) = output.written.batches
        assert batch[:2] == (GROUP, "stream")

    logged(test)


@pytest.mark.parametrize("ms", [0, 999, 5000, 2**40])
def test_no_event_stands_before_an_earlier_one_or_in_the_future(ms: int) -> None:
    async def test(output: Output) -> None:
        output.log.platform(b"START\n")
        output.write(frame(b"message", ms))
        output.ms = 0
        output.log.platform(b"END\n")
        output.log.flush()
        assert [when for when, _ in output.written.events()] == [1000, 1000, 1000]

    logged(test)


def test_what_is_very_long_is_cut_into_events_of_256_kb() -> None:
    async def test(output: Output) -> None:
        for _ in range(10):
            output.write(b"x" * 60_000)
        output.write(b"end\nnext\n")
        messages = output.messages()
        assert [len(message) for message in messages] == [262_144, 262_144, 600_000 - 2 * 262_144 + 4, 5]
        assert "".join(messages) == "x" * 600_000 + "end\nnext\n"

    logged(test)


def test_a_long_framed_message_is_cut_likewise() -> None:
    async def test(output: Output) -> None:
        data = frame(b"y" * 300_000, 1000)
        for at in range(0, len(data), 60_000):
            output.write(data[at : at + 60_000])
        assert [len(message) for message in output.messages()] == [262_144, 300_000 - 262_144 + 1]

    logged(test)


def test_the_tail_is_what_came_since_the_invocation_began() -> None:
    async def test(output: Output) -> None:
        output.log.platform(b"INIT_START\n")
        output.write(b"while starting\n")
        output.log.drain()
        output.log.begin()
        output.log.platform(b"START\n")
        output.write(b"said\n")
        output.log.drain()
        output.log.platform(b"END\n")
        assert output.log.tail() == b"START\nsaid\nEND\n"
        output.log.flush()
        assert output.written.text() == "INIT_START\nwhile starting\nSTART\nsaid\nEND\n"

    logged(test)


@pytest.mark.parametrize("size", [4095, 4096, 4097, 16384, 16385, 60000])
def test_the_tail_has_4_kb_at_most_and_they_are_the_last(size: int) -> None:
    async def test(output: Output) -> None:
        text = b"".join(b"%09d\n" % number for number in range(size // 10 + 1))[:size]
        output.write(text)
        output.log.drain()
        assert output.log.tail() == text[-4096:]
        output.log.platform(b"")
        assert "".join(output.messages()).encode() == text, "the log has all of it"

    logged(test)


def test_a_tail_gathered_piece_by_piece_is_the_same() -> None:
    async def test(output: Output) -> None:
        text = b""
        for number in range(3000):
            line = b"line %d\n" % number
            output.log.platform(line)
            text += line
            assert output.log.tail() == text[-4096:]

    logged(test)


def test_framed_messages_lose_their_frames() -> None:
    async def test(output: Output) -> None:
        message = b"[INFO]\tsaid"
        output.write(b"printed\n\xa5\x5a\x00\x0f" + len(message).to_bytes(4, "big") + bytes(8) + message)
        output.log.drain()
        assert output.log.tail() == b"printed\n[INFO]\tsaid\n"

    logged(test)


def test_one_that_never_stops_writing_does_not_hold_up_the_answer() -> None:
    async def test(output: Output) -> None:
        reads = 0

        def endless(_pipe: int, size: int) -> bytes:
            nonlocal reads
            reads += 1
            assert reads < 100
            return b"x" * size

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "read", endless)
            output.log.drain()
        assert output.log.tail() == b"x" * 4096

    logged(test)


@pytest.mark.parametrize("lines", [1, 20_000])
def test_what_the_loop_has_read_in_the_turn_of_the_answer_is_all_there_was(lines: int) -> None:
    async def test(output: Output) -> None:
        answered = asyncio.Event()
        answer, answering = os.pipe()
        loop = asyncio.get_running_loop()
        loop.add_reader(answer, answered.set)
        fcntl.fcntl(output.write_end, fcntl.F_SETPIPE_SZ, 256 * 1024)
        assert os.write(output.write_end, b"printed\n" * lines) == 8 * lines
        os.write(answering, b"!")
        await answered.wait()
        loop.remove_reader(answer)
        os.close(answer)
        os.close(answering)
        output.log.catch_up()
        output.log.platform(b"END\n")
        assert output.messages() == ["printed\n"] * lines + ["END\n"]

    logged(test)


def test_what_is_said_between_invocations_is_in_the_log() -> None:
    async def test(output: Output) -> None:
        os.write(output.write_end, b"from a thread\n")
        # The loop reads on its next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert output.written.text() == "from a thread\n"

    logged(test)


def test_the_end_of_all_writers_is_the_end_of_reading() -> None:
    async def main() -> None:
        read, write = os.pipe()
        written = Written()
        log = EnvironmentLog(read, LogStream(GROUP, "stream", written))
        os.write(write, b"last words")
        os.close(write)
        log.drain()
        assert log.tail() == b"last words"
        log.drain()
        log.close()
        assert written.text() == "last words"
        os.close(read)
        assert not asyncio.get_running_loop().remove_reader(read)

    asyncio.run(main())


def test_closing_writes_what_was_held_back() -> None:
    async def main() -> None:
        output = Output()
        output.write(b"text\xa5\x5a\x00\x0f\x00")
        output.end()
        assert output.written.text() == "text\ufffdZ\x00\x0f\x00"

    asyncio.run(main())


def test_lines_of_json_below_the_level_asked_for_are_left_out() -> None:
    async def test(output: Output) -> None:
        output.write(b'{"level":"debug"}\n{"level":"er')
        output.write(b'ror"}\nplain\n{"level":"info"}\n{"level":"debug"}')
        framed = '{"level":"debug"} of a client that keeps to its level\n'
        output.write(frame(framed.encode(), 1000))
        kept = ['{"level":"error"}\n', "plain\n", framed]
        assert output.messages() == kept
        assert output.log.tail().decode() == "".join(kept)

    logged(test, "WARN")
