"""Reading layers for a command, told while it takes time: a changing line on a terminal, a line each elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lamina.cli.steps import size

if TYPE_CHECKING:
    from lamina.workshop.artifacts import Artifact
    from lamina.workshop.downloads import Downloads
    from lamina.workshop.endpoint import Endpoint


@contextmanager
def downloads() -> Iterator[Downloads]:
    """The user's downloads, told on standard error; on a terminal whatever is done within is told of, too."""
    from rich.console import Console
    from rich.markup import escape

    from lamina.workshop.downloads import Downloads

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:

        def tell(name: str, done_bytes: int, total_bytes: int | None) -> None:
            if done_bytes == total_bytes:
                console.print(f"fetched {escape(name)}: {size(done_bytes)}")

        yield Downloads.of_the_user(tell)
        return
    with console.status("reading …") as status:

        def show(name: str, done_bytes: int, total_bytes: int | None) -> None:
            of = "" if total_bytes is None else f" of {size(total_bytes)}"
            status.update(
                f"fetching {escape(name)}: {size(done_bytes)}{of}" if done_bytes != total_bytes else "reading …"
            )

        yield Downloads.of_the_user(show)


def attached(layers: Sequence[str] | None, function: str | None, at: Endpoint, store: Downloads) -> list[Artifact]:
    """*layers*, in their order, and behind them the code of *function*, whose own layers are read if none is named."""
    from lamina.workshop.artifacts import Role
    from lamina.workshop.sources import load

    code = [] if function is None else [load(function, at, Role.FUNCTION, store)]
    sources = layers or (code[0].layers if code else ())
    return [*(load(source, at, Role.LAYER, store) for source in sources), *code]
