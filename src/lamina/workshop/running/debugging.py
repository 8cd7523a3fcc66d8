"""What makes a function wait for a debugger: AWS's own means, a wrapper script in a layer.

The script, and for Python debugpy beside it, lie below the function's first layer. debugpy's compiled parts are for the
interpreter that the workshop runs on, and left out: what is left runs on every CPython.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from lamina.functions.runtimes import Language
from lamina.workshop.errors import WorkshopError
from lamina.workshop.running.packing import Added

WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
# A debugger takes room, and whoever looks at a breakpoint takes time: AWS's longest.
MEMORY_MB_MIN: Final = 512
TIMEOUT_S: Final = 900

_FOLDER: Final = ".lamina"
_SCRIPT: Final = f"{_FOLDER}/wait-for-debugger"
_COMPILED: Final = (".so", ".pyd", ".dll", ".dylib")
_WAITING_SINCE: Final = 22
# Each is called with the program that the runtime starts with, and its arguments.
_PYTHON: Final = """\
export PYDEVD_DISABLE_FILE_VALIDATION=1
program=$1; shift
set -- "$program" /opt/{folder}/debugpy --listen 127.0.0.1:{port} --wait-for-client "$@"
"""
_NODE: Final = """\
program=$1; shift
set -- "$program" --{option}=127.0.0.1:{port} "$@"
"""


def below_layers(runtime: str, port: int, wrapper: str | None) -> Mapping[str, Added]:
    """The files of a layer that has a function of *runtime* wait, at *port* of its own loopback address.

    *wrapper* is the function's own AWS_LAMBDA_EXEC_WRAPPER. Raises WorkshopError for what cannot be debugged so.
    """
    language = Language.of(runtime)
    if language.family == "python":
        script, files = _PYTHON.format(folder=_FOLDER, port=port), _debugpy()
    elif language.family == "nodejs":
        # Before that there is no way to wait but at the first line of all, which is the runtime's.
        option = "inspect-wait" if int(language.version) >= _WAITING_SINCE else "inspect-brk"
        script, files = _NODE.format(option=option, port=port), {}
    else:
        raise WorkshopError(
            f"there is no debugger for {runtime} here", "--debug is for Python (debugpy) and Node.js (its inspector)."
        )
    if wrapper is None:
        last = f'unset {WRAPPER}\nexec "$@"\n'
    else:
        last = f'export {WRAPPER}={shlex.quote(wrapper)}\nexec "${WRAPPER}" "$@"\n'
    return {**files, _SCRIPT: Added(f"#!/bin/sh\n{script}{last}".encode(), 0o755)}


def variables() -> Mapping[str, str]:
    """What the function's environment needs beside that."""
    return {WRAPPER: f"/opt/{_SCRIPT}"}


def _debugpy() -> dict[str, Added]:
    distribution = metadata.distribution("debugpy")
    found = {}
    for file in distribution.files or ():
        inside = file.parts[0] == "debugpy" and "__pycache__" not in file.parts
        if inside and file.suffix not in _COMPILED:
            found[f"{_FOLDER}/{file.as_posix()}"] = Added(Path(str(distribution.locate_file(file))).read_bytes())
    return found
