"""The user's standard streams, lent to a program that has others: what is typed goes there, what it says comes back.

Where the user sits at a terminal, the program gets one of its own, so that it can do nothing to the user's but show
text; else it gets pipes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from io import RawIOBase
from types import FrameType
from typing import Final

_PIECE_BYTES: Final = 16 * 1024
_LOOK_EVERY_S: Final = 0.1

PassOn = Callable[[Callable[[], bool]], None]
Streams = tuple[int, int, int]


@contextlib.contextmanager
def lent(source: int = 0, target: int = 1, complaints: int = 2) -> Iterator[tuple[Streams, PassOn]]:
    """Three streams for the program, and what to call to pass on what goes through them.

    That returns once what it is given is true and nothing more comes.
    """
    with _terminal(source, target) if os.isatty(source) else _pipes(source, target, complaints) as lending:
        yield lending


@contextlib.contextmanager
def _terminal(source: int, target: int) -> Iterator[tuple[Streams, PassOn]]:
    master, slave = os.openpty()
    before = termios.tcgetattr(source)
    resized = signal.getsignal(signal.SIGWINCH)

    def resize(_number: int = 0, _frame: FrameType | None = None) -> None:
        with contextlib.suppress(OSError):
            termios.tcsetwinsize(master, termios.tcgetwinsize(source))

    try:
        resize()
        signal.signal(signal.SIGWINCH, resize)
        tty.setraw(source)
        with open(master, "wb", 0, closefd=False) as into:
            yield (slave, slave, slave), lambda ended: _pass_on(source, into, {master: target}, ended)
    finally:
        termios.tcsetattr(source, termios.TCSAFLUSH, before)
        signal.signal(signal.SIGWINCH, resized)
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def _pipes(source: int, target: int, complaints: int) -> Iterator[tuple[Streams, PassOn]]:
    with contextlib.ExitStack() as ends:
        pipes = [os.pipe() for _ in range(3)]
        (into_read, into), (out, out_write), (err, err_write) = [
            (ends.enter_context(open(read, "rb", 0)), ends.enter_context(open(write, "wb", 0))) for read, write in pipes
        ]
        theirs = into_read.fileno(), out_write.fileno(), err_write.fileno()
        back = {out.fileno(): target, err.fileno(): complaints}
        yield theirs, lambda ended: _pass_on(source, into, back, ended)


def _pass_on(source: int, into: RawIOBase, back: Mapping[int, int], ended: Callable[[], bool]) -> None:
    """Bytes from *source* go *into* the program, what comes from each key of *back* goes to its value."""
    reading = [source, *back]
    while True:
        # Asked first: what it wrote before it ended is still to be read.
        over = ended()
        ready, _, _ = select.select(list(back) if over else reading, [], [], 0 if over else _LOOK_EVERY_S)
        if over and not ready:
            return
        for fd in ready:
            if fd != source:
                _write(back[fd], os.read(fd, _PIECE_BYTES))
            elif not _feed(source, into):
                reading.remove(source)


def _feed(source: int, into: RawIOBase) -> bool:
    """Pass on what has come; whether more may."""
    data = os.read(source, _PIECE_BYTES)
    # A program need not read to the end what it is sent.
    with contextlib.suppress(BrokenPipeError):
        _write(into.fileno(), data)
        if data:
            return True
    into.close()
    return False


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
