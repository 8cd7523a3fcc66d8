"""A state folder with as much in it as a large installation has, written by the rooms that the API writes it with.

One layer version and one function come by the API. What it kept of them is kept again under other names and numbers,
each with an archive of its own, thousands in a transaction: through the API it would take half an hour. Every function
has its tree, and its log group, as if it had been called.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from lamina.catalog.sql import SqlCatalog
from lamina.functions.versions import FunctionVersion
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import LayerVersion, StoredArchive
from lamina.log_store import batches
from lamina.log_store.groups import LogGroups, new_group
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.names import Digest, FunctionArn, LayerArn, Scope
from lamina.store import Trees
from lamina.store.folder_blobs import FolderBlobs
from tests.support import zips
from tests.support.functions import create, layer, wait_until
from tests.support.server import ACCOUNT, REGION, Server

HERE: Final = Scope(ACCOUNT, REGION)
VERSIONS_EACH: Final = 100
FUNCTION: Final = "pattern"
LAYER: Final = "pattern"
CODE: Final = "import part\ndef handler(event, context): return [part.WORD, event]"
# Of all layer versions, those that functions have; two to a function.
_IN_USE: Final = 2000
_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class Filled:
    """How much there is, and how many seconds it took to write."""

    functions: int
    layer_versions: int
    seconds: float


def fill(state: Path, functions: int, layer_versions: int) -> Filled:
    """Write so much into the new folder *state*."""
    began = time.monotonic()
    with Server.started(state) as server:
        arn = layer(server, {"python/part.py": b"WORD = 'pattern'\n"}, name=LAYER)
        made = create(server, CODE, name=FUNCTION, Layers=[arn])
        wait_until(lambda: made.settled, 30, "the function has settled")
        assert made.value(1) == ["pattern", 1]
    blobs, trees = FolderBlobs.open(state / "blobs"), Trees.open(state / "trees")
    with closing(SqlCatalog.open(f"sqlite:///{state / 'catalog.db'}")) as catalog:
        with catalog.reading() as transaction:
            version = transaction.layers.get(LayerArn(HERE, LAYER).version(1))
            function = transaction.functions.find(HERE, FUNCTION)
        assert version is not None
        assert function is not None
        versions = _layer_versions(state, version, layer_versions)
        used: list[LayerVersion] = []
        while written := list(islice(versions, _AT_ONCE)):
            with catalog.writing() as transaction:
                for each in written:
                    assert transaction.layers.next_number(each.arn.layer) == each.arn.number
                    transaction.layers.add(each)
            used += written[: max(0, _IN_USE - len(used))]
        named = _functions(state, function, used, functions)
        while some := list(islice(named, _AT_ONCE)):
            with catalog.writing() as transaction:
                for named_function in some:
                    transaction.functions.add(named_function, {})
            for named_function in some:
                for digest in _archives(named_function):
                    trees.ensure(digest, blobs)
    _write_logs(state, functions)
    return Filled(functions, layer_versions, round(time.monotonic() - began, 1))


def layer_name(number: int) -> str:
    return f"layer-{number:05d}"


def function_name(number: int) -> str:
    return f"function-{number:05d}"


def _layer_versions(state: Path, pattern: LayerVersion, count: int) -> Iterator[LayerVersion]:
    for number in range(count):
        archive = _kept(state, "python/part.py", f"WORD = 'layer {number}'\n")
        arn = LayerArn(HERE, layer_name(number // VERSIONS_EACH)).version(number % VERSIONS_EACH + 1)
        yield replace(pattern, arn=arn, archive=archive)


def _functions(
    state: Path, pattern: FunctionVersion, layers: list[LayerVersion], count: int
) -> Iterator[FunctionVersion]:
    for number in range(count):
        # One of its own, nearly, and every other function one that many have.
        chosen = (layers[7 + number % (len(layers) - 7)], layers[number % 7])
        attached = tuple(AttachedLayer(each.arn, each.archive) for each in chosen)
        yield replace(
            pattern,
            arn=FunctionArn(HERE, function_name(number)),
            configuration=replace(pattern.configuration, layers=attached[: 1 + number % 2]),
            code=_kept(state, "index.py", f"{CODE}\nNUMBER = {number}\n"),
        )


def _archives(function: FunctionVersion) -> list[Digest]:
    return [function.code.digest, *(each.archive.digest for each in function.configuration.layers)]


def _kept(state: Path, name: str, text: str) -> StoredArchive:
    """An archive of one file, where the blob store has it; without the sync that an acknowledged one gets."""
    data = zips.of({name: text.encode()})
    digest = Digest.of(data)
    path = state / "blobs" / "sha256" / digest.hex[:2] / digest.hex[2:]
    path.write_bytes(data)
    path.chmod(0o400)
    return StoredArchive(digest, len(data), len(text))


def _write_logs(state: Path, functions: int) -> None:
    groups = LogGroups(state / "logs" / "v1")
    with closing(LogWriter(groups)) as writer:
        for number in range(functions):
            name = f"/aws/lambda/{function_name(number)}"
            arn = LogGroupArn(HERE, name)
            groups.create(arn, new_group(name), sync=False)
            now = time.time_ns() // 1_000_000
            line = batches.lines(json.dumps({"said": number}).encode() + b"\n")
            writer.append(arn, batches.batch("2026/01/01/[$LATEST]0", now, [(now, line)]))
