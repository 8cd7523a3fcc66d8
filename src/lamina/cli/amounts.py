"""How much was read so far, on a terminal, for as long as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(saying: str) -> Iterator[Callable[[int], object]]:
    """What is told of bytes as they are read; shown behind *saying* on standard error where that is a terminal."""
    from rich.console import Console

    from lamina.cli.steps import size

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    done = 0
    with console.status(f"{saying} …") as status:

        def read(further: int) -> None:
            nonlocal done
            done += further
            status.update(f"{saying} … {size(done)}")

        yield read
