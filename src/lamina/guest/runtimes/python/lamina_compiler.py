"""Compiles the Python sources of one archive, `/var/task` here, by the interpreter that will import them.

It is an environment's runtime like any other, with no more rights than a function: what it reads may be made to break a
compiler. An event is a JSON list of paths below /var/task; the answer has one frame for each of the first of them, as
many as were ready when it was long enough: four bytes for the length (little-endian), then the content of the .pyc
file. A length of 0 says that there is none. Whoever asked asks again for the rest.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import struct
import time
import warnings

import runtime_client

_ROOT = "/var/task"
# Of layers, for which it matters: the interpreter corrects it in every code object as it imports the others.
_SEEN_AT = "/opt"
# PEP 552: never compared with its source, which cannot change.
_HEADER = importlib.util.MAGIC_NUMBER + struct.pack("<I", 1)
_ENOUGH_BYTES = 1024 * 1024
_ENOUGH_SECONDS = 2.0
# What does not fit into an answer together with that.
_FILE_BYTES_MAX = 4 * 1024 * 1024


def main() -> None:
    _give_way()
    # An import that warns would do so no more: such a source is left for each environment to compile, as on AWS.
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", SyntaxWarning)
    runtime_client.initialize_client("lamina-compiler")
    while True:
        event, headers = runtime_client.next()
        frames = _frames(json.loads(event))
        request_id = str(headers["Lambda-Runtime-Aws-Request-Id"])
        runtime_client.post_invocation_result(request_id, frames, "application/octet-stream")


def _give_way() -> None:
    """Use the processors when nobody else does."""
    os.nice(19)
    try:
        # Where the kernel shares them among sessions first, and this is the only process of its own.
        with open("/proc/self/autogroup", "w") as file:
            file.write("19")
    except OSError:
        pass


def _frames(paths: list[str]) -> bytes:
    answer = bytearray()
    began = time.monotonic()
    for path in paths:
        compiled = _compile(path)
        answer += struct.pack("<I", len(compiled)) + compiled
        if len(answer) > _ENOUGH_BYTES or time.monotonic() - began > _ENOUGH_SECONDS:
            break
    return bytes(answer)


def _compile(path: str) -> bytes:
    try:
        with open(os.path.join(_ROOT, path), "rb") as file:
            source = file.read()
        code = compile(source, os.path.join(_SEEN_AT, path), "exec", dont_inherit=True)
        compiled = _HEADER + importlib.util.source_hash(source) + marshal.dumps(code)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, its import says so
        return b""
    return compiled if len(compiled) <= _FILE_BYTES_MAX else b""


main()
