"""kill -9 at any moment: what was acknowledged is there, whole; what was not is there whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from lamina.catalog.layers import CompatibleWith
from lamina.catalog.sql import SqlCatalog
from lamina.names import Digest, LayerArn, Scope
from lamina.operations.activations import Activations
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.stamps import Stamps
from lamina.store import FolderBlobs, Trees

ROUNDS = 12
HERE = Scope("123456789012", "eu-west-1")

# Publishes, creates, updates and deletes until it is killed, and tells what was acknowledged: each in one write, so
# that no line is half there.
SERVER = """
import io, itertools, os, sys, zipfile
from pathlib import Path
from lamina.catalog.sql import SqlCatalog
from lamina.names import Scope
from lamina.operations.activations import Activations
from lamina.operations.call import Call
from lamina.operations.content import Contents
from lamina.operations.functions import FunctionOperations
from lamina.operations.layers import LayerOperations
from lamina.operations.markers import Markers
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.s3 import S3Archives
from lamina.operations.stamps import Stamps
from lamina.operations.uploads import Uploads
from lamina.store import FolderBlobs, Trees

def zipped(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("file", text)
    return buffer.getvalue()

root, round_ = Path(sys.argv[1]), sys.argv[2]
catalog, blobs, trees = SqlCatalog.open(f"sqlite:///{root}/c.db"), FolderBlobs.open(root / "b"), Trees.open(root / "t")
stamps = Stamps()
reclaimer = Reclaimer(catalog, [trees, blobs])
activations = Activations(catalog, reclaimer, lambda digest: trees.ensure(digest, blobs), stamps)
uploads, contents = Uploads(blobs, reclaimer, S3Archives({})), Contents(blobs, b"s", stamps.seconds)
markers = Markers(b"s")
layers = LayerOperations(catalog, uploads, contents, markers, reclaimer, stamps)
functions = FunctionOperations(catalog, uploads, contents, markers, reclaimer, activations, stamps)
call = Call("r", Scope("123456789012", "eu-west-1"), "http://x", {})
print("ready", flush=True)
for index in itertools.count():
    name = f"f-{round_}-{index}"
    layer = layers.publish_layer_version(
        call, {"LayerName": "base", "Content": {"ZipFile": zipped(f"{round_} {index % 3}")}}
    )
    print(f"layer {layer['Version']}", flush=True)
    functions.create_function(call, {
        "FunctionName": name, "Runtime": "python3.12", "Handler": "h", "Role": "r",
        "Code": {"ZipFile": zipped(name)}, "Layers": [layer["LayerVersionArn"]],
    })
    print(f"function {name}", flush=True)
    if index % 3 == 2:
        layers.delete_layer_version(call, {"LayerName": "base", "VersionNumber": layer["Version"]})
        print(f"deleted {layer['Version']}", flush=True)
"""


def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(tmp_path: Path) -> None:
    dice = random.Random(4566)
    published: set[int] = set()
    deleted: set[int] = set()
    functions: set[str] = set()
    for round_ in range(ROUNDS):
        command = [sys.executable, "-c", SERVER, str(tmp_path), str(round_)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        # Not to wait for anything: to die at a moment nobody chose.
        time.sleep(dice.uniform(0.0, 0.25))
        server.kill()
        for line in server.stdout.read().splitlines():
            what, _, name = line.partition(" ")
            if what == "function":
                functions.add(name)
            else:
                (published if what == "layer" else deleted).add(int(name))
        server.stdout.close()
        server.wait()
        # The last deletion may have been recorded just before it could be told.
        untold = published - deleted - _check(tmp_path, deleted, functions)
        assert len(untold) <= 1
        deleted |= untold


def _check(root: Path, deleted: set[int], functions: set[str]) -> set[int]:
    """Look at everything a killed server left, then tidy up as a starting one does; what layers are there."""
    catalog, blobs, trees = (
        SqlCatalog.open(f"sqlite:///{root}/c.db"),
        FolderBlobs.open(root / "b"),
        Trees.open(root / "t"),
    )
    reclaimer = Reclaimer(catalog, [trees, blobs])
    activations = Activations(catalog, reclaimer, lambda digest: trees.ensure(digest, blobs), Stamps())
    try:
        with catalog.reading() as transaction:
            listed = transaction.layers.versions(LayerArn(HERE, "base"), CompatibleWith(), below=None, limit=10**6)
            found = transaction.functions.latest(HERE, after=None, limit=10**6)
            waiting = transaction.functions.unsettled()
            used = transaction.archives.all_in_use()
        numbers = {version.arn.number for version in listed}
        assert not deleted & numbers
        assert functions <= {function.arn.name for function in found}
        for digest in used:
            assert Digest.of(blobs.read(digest)) == digest
        for version in waiting:
            settled = activations.wait_settled(version, timeout_s=30)
            assert settled is not None
            assert settled.status.state == "Active"
        reclaimer.sweep()
        assert set(blobs.digests()) == used
        assert set(trees.digests()) <= used
        return numbers
    finally:
        activations.close()
        catalog.close()
