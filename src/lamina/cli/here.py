"""What the commands on runtimes have to know: the state folder, this machine's architecture, every runtime's id."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated, Final

import typer

from lamina.cli.failures import Failure

_STATE: Final = "Folder that everything is kept in, the server's.  [default: as for lamina up]"
_ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}

State = Annotated[str | None, typer.Option("--state", metavar="DIR", help=_STATE)]


def state_folder(given: str | None) -> Path:
    """The state folder that *given*, or the environment, or the default names."""
    from lamina.settings import Settings

    return Settings.read(os.environ, {"state_dir": given}, root=os.geteuid() == 0).state_dir


def architecture() -> str:
    """This machine's, as Lambda names it."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise Failure(f"Lambda knows no architecture {machine}", code=Failure.NOT_POSSIBLE_HERE)
    return _ARCHITECTURES[machine]


def known_runtimes() -> list[str]:
    """Every runtime that a function may be given, oldest first within a language."""
    from botocore.loaders import Loader

    from lamina.functions.runtimes import RETIRED

    shapes = Loader().load_service_model("lambda", "service-2")["shapes"]
    return [name for name in shapes["Runtime"]["enum"] if name not in RETIRED and name != "custom"]
