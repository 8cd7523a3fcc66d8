"""`lamina sbom` as a person types it, on the real requests package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.cli.failures import Failure
from lamina.names import Digest
from tests.support import fetching
from tests.support.command_line import Run
from tests.support.functions import unique
from tests.support.server import Server

pytestmark = pytest.mark.anybody


def test_the_bill_of_a_published_layer_is_that_of_its_archive(tmp_path: Path, shared_server: Server) -> None:
    run = Run(tmp_path)
    data = fetching.layer_of(fetching.wheels("requests", "3.12"), "python")
    run.write("requests.zip", data)
    done = run("sbom", "requests.zip")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("sbom", "requests.zip").stdout == done.stdout
    bill = json.loads(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"], "timestamp" in bill["metadata"]) == ("CycloneDX", "1.6", False)
    layer, *held = bill["components"]
    assert layer["hashes"] == [{"alg": "SHA-256", "content": str(Digest.of(data))}]
    by_name = {each["name"]: each for each in held}
    assert set(by_name) == {"certifi", "charset-normalizer", "idna", "requests", "urllib3"}
    assert by_name["requests"]["licenses"] == [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}]
    assert by_name["requests"]["purl"] == f"pkg:pypi/requests@{by_name['requests']['version']}"
    needs = {edge["ref"]: edge["dependsOn"] for edge in bill["dependencies"]}
    others = sorted(each["bom-ref"] for name, each in by_name.items() if name != "requests")
    assert needs[by_name["requests"]["bom-ref"]] == others

    name = unique("billed")
    shared_server.client().publish_layer_version(LayerName=name, Content={"ZipFile": data})
    published = json.loads(run("sbom", name, "--timestamp", server=shared_server).stdout)
    assert published["metadata"]["timestamp"].endswith("Z")
    assert published["components"][1:] == held
    assert (published["components"][0]["name"], published["components"][0]["version"]) == (name, "1")

    table = run("sbom", "requests.zip", "--licences").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["Apache-2.0", "BSD-3-Clause", "MIT", "MPL-2.0"]
    assert "requests " in table[0]
    nothing = run("sbom")
    assert (nothing.returncode, nothing.stdout) == (Failure.USAGE, "")
    assert "there is nothing to account for" in nothing.stderr
