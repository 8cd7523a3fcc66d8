"""What an installer writes into a folder of Python packages, made the same whoever installed and where. Pure."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from lamina.workshop.building.pieces import Package, Piece

_METADATA: Final = re.compile(r"(?P<folder>[^/]+)\.dist-info/(?P<file>.+)")
_MADE_UP: Final = frozenset(("uv_cache.json", "uv_build.json"))
# uv writes the second where the interpreter's path is too long for a first line, or has a space in it.
_SHEBANG: Final = re.compile(rb"#!/bin/sh\n'''exec' [^\n]*\n' '''\n|#![^\n]*\n")


def settle(pieces: Iterable[Piece], prefix: str, interpreter: str) -> list[Piece]:
    """*pieces* below *prefix*, as an installer left them, with each one's package and nothing of this machine.

    Scripts begin with *interpreter*; each RECORD lists what is there, sorted.
    """
    found = {piece.path.removeprefix(prefix): piece for piece in pieces}
    kept = {
        inner: _with_interpreter(piece, interpreter) if inner.startswith("bin/") else piece
        for inner, piece in found.items()
        if not _is_of_this_machine(inner, piece)
    }
    for inner in list(kept):
        if inner.endswith(".dist-info/RECORD"):
            rows = list(_rows(kept[inner], kept))
            package = _package(inner, kept)
            for row in rows:
                kept[row] = _of(kept[row], package)
            kept[inner] = kept[inner].holding(_record(inner, rows, kept))
    return list(kept.values())


def written_again(pieces: Iterable[Piece]) -> list[Piece]:
    """*pieces*, of which some have gone or changed, with every RECORD telling of what is there now."""
    found = {piece.path: piece for piece in pieces}
    for path in [path for path in found if path.endswith(".dist-info/RECORD")]:
        root = path.removesuffix("/RECORD").rpartition("/")[0] + "/"
        inner = {path.removeprefix(root): piece for path, piece in found.items() if path.startswith(root)}
        record = path.removeprefix(root)
        found[path] = found[path].holding(_record(record, _rows(found[path], inner), inner))
    return list(found.values())


def _is_of_this_machine(inner: str, piece: Piece) -> bool:
    parts = _METADATA.fullmatch(inner)
    if parts is None:
        return inner == ".lock"
    if parts["file"] == "direct_url.json":
        return str(json.loads(piece.read()).get("url", "")).startswith("file:")
    return parts["file"] in _MADE_UP


def _with_interpreter(piece: Piece, interpreter: str) -> Piece:
    if piece.target is not None:
        return piece
    content = piece.read()
    first = _SHEBANG.match(content)
    if first is None or b"python" not in first[0]:
        return piece
    return piece.holding(f"#!{interpreter}\n".encode() + content[first.end() :])


def _rows(record: Piece, pieces: Mapping[str, Piece]) -> Iterator[str]:
    """The paths that *record* lists and that are there."""
    for row in csv.reader(io.StringIO(record.read().decode())):
        if row and row[0] in pieces:
            yield row[0]


def _record(inner: str, rows: Iterable[str], pieces: Mapping[str, Piece]) -> bytes:
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    for row in sorted(set(rows) | {inner}):
        if row == inner:
            lines.writerow((row, "", ""))
            continue
        content = pieces[row].read()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.writerow((row, f"sha256={digest}", len(content)))
    return out.getvalue().encode()


def _package(record: str, pieces: Mapping[str, Piece]) -> Package:
    """The package as its metadata spell it; as the folder does, where there are none."""
    folder = record.removesuffix("/RECORD")
    name, _, version = folder.removesuffix(".dist-info").partition("-")
    metadata = pieces.get(f"{folder}/METADATA")
    if metadata is not None:
        head = metadata.read().partition(b"\n\n")[0].decode("utf-8", "replace")
        fields = dict(line.split(": ", 1) for line in head.splitlines() if re.match(r"(Name|Version): ", line))
        name, version = fields.get("Name", name).strip(), fields.get("Version", version).strip()
    return Package(name, version)


def _of(piece: Piece, package: Package) -> Piece:
    return replace(piece, package=package)
