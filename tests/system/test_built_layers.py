"""Layers that `lamina build` made of real packages, published and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.builds import ARCHITECTURE, build, contents, sources
from tests.support.functions import create, layer
from tests.support.java import classes
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

_PYTHON = b"""
import cryptography.fernet, numpy, pandas, requests

def handler(event, context):
    secret = cryptography.fernet.Fernet(cryptography.fernet.Fernet.generate_key())
    frame = pandas.DataFrame({"n": numpy.arange(event)})
    return {
        "sum": int(frame["n"].sum()),
        "kept": secret.decrypt(secret.encrypt(b"secret")).decode(),
        "prepared": requests.Request("GET", "http://example.com", params={"n": event}).prepare().url,
        "from": sorted({module.__file__.split("/")[1] for module in (cryptography, numpy, pandas, requests)}),
    }
"""


def _built(folder: Path, name: str, *arguments: str) -> bytes:
    (made,) = build(folder, folder / "cache", name, *arguments, "--architecture", ARCHITECTURE)
    data: bytes = made["data"]
    return data


@pytest.mark.skipif(
    int(NEWEST.partition(".")[2]) < 12, reason="this numpy has no wheel for Amazon Linux 2, which python3.11 runs on"
)
def test_python_packages_run_even_when_stripped(shared_server: Server, tmp_path: Path) -> None:
    options = ("--runtime", NEWEST, "--strip", "tests,docs,dist-info-extras")
    built = {
        name: _built(tmp_path, name, *sources([name]), *options) for name in ("requests", "cryptography", "numbers")
    }
    names = set(contents(built["numbers"]))
    assert not [name for name in names if name.startswith("python/pandas/tests/")], "nothing imports them"
    layers = [layer(shared_server, data) for data in built.values()]
    function = create(shared_server, {"index.py": _PYTHON}, Handler="index.handler", Layers=layers, MemorySize=1024)
    assert function.value(5) == {
        "sum": 10,
        "kept": "secret",
        "prepared": "http://example.com/?n=5",
        "from": ["opt"],
    }


_NODE = b"""
const _ = require('lodash');
const sharp = require('sharp');
exports.handler = async (event) => {
  const made = sharp({ create: { width: 400, height: 200, channels: 3, background: '#3366cc' } });
  const { info } = await made.resize({ width: 100 }).png().toBuffer({ resolveWithObject: true });
  return [_.chunk(event, 2), info.height, require.resolve('lodash')];
};
"""


def test_node_packages_of_two_manifests_run_from_one_layer(server_with_installed: Server, tmp_path: Path) -> None:
    packed = layer(server_with_installed, _built(tmp_path, "pictures", *sources(["lodash", "sharp"])))
    function = create(
        server_with_installed, {"index.js": _NODE}, runtime="nodejs24.x", Layers=[packed], MemorySize=512, Timeout=30
    )
    assert function.value([1, 2, 3]) == [[[1, 2], [3]], 50, "/opt/nodejs/node_modules/lodash/lodash.js"]


_JAVA = """
package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

public class Padding implements RequestHandler<String, String> {
    @Override
    public String handleRequest(String name, Context context) {
        return Shared.padded(name);
    }
}
"""


def test_a_jar_that_maven_compiled_and_the_one_it_needs_are_a_functions_libraries(
    server_with_installed: Server, tmp_path: Path
) -> None:
    archive = _built(tmp_path, "jars", *sources(["jars"]))
    own = tmp_path / "shared.jar"
    own.write_bytes(contents(archive)["java/lib/shared-1.0.jar"])
    code = classes(server_with_installed.state, {"example/Padding.java": _JAVA}, libraries=[own])
    made: dict[str, Any] = {"runtime": "java21", "Handler": "example.Padding::handleRequest", "MemorySize": 512}
    function = create(server_with_installed, code, Layers=[layer(server_with_installed, archive)], Timeout=30, **made)
    assert function.value("lamina") == "**lamina"
