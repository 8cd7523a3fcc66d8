"""Layers and functions by name, from a running server."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.workshop.artifacts import Role
from lamina.workshop.downloads import DownloadFailed, Downloads
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.sources import SourceError, load
from tests.support import zips
from tests.support.functions import create, unique
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path / "cache")


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


def _publish(server: Server, name: str, content: bytes) -> str:
    published = server.client().publish_layer_version(
        LayerName=name,
        Content={"ZipFile": zips.of({"python/a.py": content})},
        CompatibleRuntimes=["python3.12"],
        CompatibleArchitectures=["x86_64"],
    )
    return str(published["LayerVersionArn"])


def test_a_layer_is_found_by_each_of_its_names_and_downloaded_once(
    shared_server: Server, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = unique("named")
    first, second = _publish(shared_server, name, b"a = 1"), _publish(shared_server, name, b"a = 2")
    endpoint = Endpoint(shared_server.endpoint)
    layer = second.rpartition(":")[0]
    for source, arn, content in [
        (first, first, b"a = 1"),
        (f"{name}:1", first, b"a = 1"),
        (name, second, b"a = 2"),
        (layer, second, b"a = 2"),
    ]:
        found = load(source, endpoint, downloads=downloads)
        assert (found.arn, found.read("python/a.py")) == (arn, content)
        assert (found.runtimes, found.architectures) == (("python3.12",), ("x86_64",))
    kept = sorted(downloads.folder.iterdir())
    assert len(kept) == 2
    kept[0].write_bytes(b"damaged")
    for source in (first, second):
        assert load(source, endpoint, downloads=downloads).code_sha256 is not None
    assert sorted(downloads.folder.iterdir()) == kept


def test_a_function_brings_its_runtime_and_its_layers(shared_server: Server, downloads: Downloads) -> None:
    arn = _publish(shared_server, unique("layer"), b"")
    function = create(shared_server, "def handler(event, context): return 1\n", Layers=[arn])
    found = load(function.name, Endpoint(shared_server.endpoint), Role.FUNCTION, downloads)
    assert found.arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"
    assert (found.layers, found.architectures) == ((arn,), ("x86_64",))
    assert found.runtimes is not None
    assert found.runtimes[0].startswith("python3.")


def test_what_is_nowhere_is_told(shared_server: Server, downloads: Downloads) -> None:
    name = unique("missing")
    for source, role in [(name, Role.LAYER), (f"{name}:3", Role.LAYER), (name, Role.FUNCTION)]:
        with pytest.raises(SourceError, match=f"there is no {source}: no file, no folder, and nothing at http"):
            load(source, Endpoint(shared_server.endpoint), role, downloads)
    with pytest.raises(SourceError, match=r"no file and no folder, .* nothing answers at http://127.0.0.1:9"):
        load(name, Endpoint("http://127.0.0.1:9"), downloads=downloads)


def test_another_archive_than_the_one_named_is_not_kept(shared_server: Server, downloads: Downloads) -> None:
    arn = _publish(shared_server, unique("swapped"), b"")
    answer = shared_server.client().get_layer_version_by_arn(Arn=arn)
    with pytest.raises(DownloadFailed, match="is not what the endpoint named"):
        downloads.fetch(answer["Content"]["Location"], "A" * 43 + "=", arn)
    assert list(downloads.folder.iterdir()) == []
