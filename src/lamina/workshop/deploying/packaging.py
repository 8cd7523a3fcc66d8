"""What a template has on the disk, made into archives and put into a bucket, each under its digest."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lamina.names import Digest
from lamina.stacks.packaging import Local
from lamina.workshop.artifacts import Role
from lamina.workshop.building import builder
from lamina.workshop.building.builds import Builds
from lamina.workshop.building.inputs import LAYOUT
from lamina.workshop.building.tools import Tools
from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError
from lamina.workshop.recipes import Recipe
from lamina.workshop.running.packing import packed
from lamina.workshop.sources import folder

_MANIFESTS: Final = (
    "requirements.txt",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "package.json",
    "pom.xml",
    "Gemfile",
)


@dataclass(frozen=True, slots=True)
class Package:
    """The archive of one resource's content. `notes` are sentences that its maker should read."""

    logical_id: str
    content: bytes
    digest: Digest
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Where it is put: the same content is one object."""
        return f"lamina/{self.digest.hex}.zip"


def package(one: Local, base: Path, builds: Builds, tools: Tools) -> Package:
    """The archive of *one*, whose path is relative to *base*. Layers that declare packages are built. WorkshopError."""
    path = base / one.path
    if path.is_file():
        content = path.read_bytes()
        return Package(one.logical_id, content, Digest.of(content))
    if not path.is_dir():
        raise WorkshopError(f"{one.logical_id}: there is no {path}", "Paths are relative to the template's folder.")
    names = {entry.name for entry in path.iterdir()}
    manifests = [name for name in _MANIFESTS if name in names]
    if one.is_layer and manifests and names.isdisjoint(LAYOUT):
        return _built(one, path, manifests[0], builds, tools)
    content = packed(folder(path, one.path, Role.LAYER if one.is_layer else Role.FUNCTION), compressed=True)
    notes = () if one.is_layer or not manifests else (_NOT_INSTALLED.format(one.logical_id, manifests[0]),)
    return Package(one.logical_id, content, Digest.of(content), notes)


_NOT_INSTALLED: Final = "{}: what {} names is not installed with the code; a layer is the place for it"


def _built(one: Local, path: Path, manifest: str, builds: Builds, tools: Tools) -> Package:
    with _beside(one, path, manifest) as others:
        inputs = (path / manifest, *others)
        recipe = Recipe(one.logical_id, inputs, one.runtimes, one.architectures)
        built = builder.build(recipe, builds, tools)
    (layer,) = built.layers
    return Package(one.logical_id, layer.file.read_bytes(), layer.digest, built.notes)


@contextmanager
def _beside(one: Local, path: Path, manifest: str) -> Iterator[tuple[Path, ...]]:
    """A folder with the modules that lie beside the *manifest* of a layer that SAM would build for Python, if any."""
    others = [
        entry for entry in sorted(path.iterdir()) if entry.name != manifest and not entry.name.startswith((".", "__"))
    ]
    if not others or not (one.method or "").startswith("python"):
        yield ()
        return
    with tempfile.TemporaryDirectory() as made:
        python = Path(made) / "python"
        python.mkdir()
        for entry in others:
            if entry.is_dir():
                shutil.copytree(entry, python / entry.name, symlinks=True)
            else:
                shutil.copy2(entry, python / entry.name)
        yield (Path(made),)


def own_bucket(storage: Endpoint, tokens: Endpoint) -> str:
    """The bucket of Lamina's in this account and region, made if it is not there."""
    identity = tokens.client("sts")
    with tokens.asking():
        account = identity.get_caller_identity()["Account"]
    client = storage.client("s3")
    region = client.meta.region_name
    name = f"lamina-deploy-{account}-{region}"
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with storage.asking():
        if not _is_there(client, Bucket=name):
            client.create_bucket(Bucket=name, **where)
    return name


def upload(storage: Endpoint, bucket: str, key: str, content: bytes) -> bool:
    """Whether *content* had to be sent to be in *bucket* under *key*."""
    client = storage.client("s3")
    with storage.asking():
        if _is_there(client, Bucket=bucket, Key=key):
            return False
        client.put_object(Bucket=bucket, Key=key, Body=content)
    return True


def _is_there(client: Any, **what: str) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - not for those that upload nothing

    try:
        (client.head_object if "Key" in what else client.head_bucket)(**what)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise EndpointError(str(error)) from error
    return True
