"""Bills of materials are the same for the same artifacts, and say what lies where and who needs whom."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lamina.workshop.artifacts import Artifact, Role
from lamina.workshop.inventory.cyclonedx import document
from lamina.workshop.inventory.licence_list import by_licence
from lamina.workshop.sources import unpacked
from tests.support import zips
from tests.unit.workshop.bad_layers import node, one, package

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:own:7"


def _layer(*contents: dict[str, bytes], name: str = "some/where/layer.zip") -> Artifact:
    return unpacked(one(*contents)[0], name)


def _needs(*artifacts: Artifact) -> dict[str, list[str]]:
    edges = document(artifacts, "1")["dependencies"]
    return {edge["ref"]: edge["dependsOn"] for edge in edges if ":" in edge["ref"]}


def _component(bill: dict[str, Any], ref: str) -> dict[str, Any]:
    (found,) = [each for each in bill["components"] if each["bom-ref"] == ref]
    return dict(found)


def test_the_same_artifacts_give_the_same_bill_wherever_they_lie() -> None:
    content = package("a", "1")
    bills = [document([_layer(content, name=name)], "1") for name in ("layer.zip", "/else/where/layer.zip")]
    assert json.dumps(bills[0]) == json.dumps(bills[1])
    other = document([_layer(package("a", "2"))], "1")
    assert other["serialNumber"] != bills[0]["serialNumber"]
    dated = document([_layer(content)], "1", "2030-01-01T00:00:00Z")
    assert dated["metadata"].pop("timestamp") == "2030-01-01T00:00:00Z"
    assert dated == bills[0]


def test_a_layer_is_told_with_the_digest_of_its_archive_and_its_version() -> None:
    layer = replace(_layer(package("a", "1"), name=ARN), arn=ARN)
    bill = document([layer], "1")
    told = _component(bill, "layer1")
    assert (told["name"], told["version"]) == ("own", "7")
    assert told["hashes"] == [{"alg": "SHA-256", "content": str(layer.digest)}]
    assert {"name": "lamina:arn", "value": ARN} in told["properties"]
    record = "python/a-1.dist-info/METADATA"
    assert {"ref": "layer1", "dependsOn": [f"layer1:{record}"]} in bill["dependencies"]
    assert _component(bill, f"layer1:{record}") == {
        "type": "library",
        "bom-ref": f"layer1:{record}",
        "name": "a",
        "version": "1",
        "purl": "pkg:pypi/a@1",
        "evidence": {"occurrences": [{"location": f"/opt/{record}"}]},
    }


def test_licences_are_one_expression_or_several_licences() -> None:
    def licences(*lines: str) -> Any:
        text = "\n".join(["Name: a", "Version: 1", *lines, "", ""]).encode()
        bill = document([_layer({"python/a-1.dist-info/METADATA": text})], "1")
        return bill["components"][1]["licenses"]

    assert licences("License-Expression: MIT OR ISC") == [{"expression": "MIT OR ISC"}]
    assert licences("Classifier: License :: BSD License", "Classifier: License :: MIT License") == [
        {"license": {"name": "BSD License", "acknowledgement": "declared"}},
        {"license": {"id": "MIT", "acknowledgement": "declared"}},
    ]


def test_python_needs_what_it_requires_across_artifacts_and_of_extras_those_asked_for() -> None:
    requires = (
        "B_b>=1",
        "missing",
        "c; extra == 'more'",
        "d; extra == 'never'",
        "e; python_version < '3'",
        f"f; {'(' * 5000}",
    )
    base = _layer(package("a", "1", *requires), package("c", "1"), package("d", "1"), package("e", "1"))
    above = _layer(package("b.b", "1"), package("asks", "1", "a[More]"))
    found = _needs(base, above)
    assert found["layer1:python/a-1.dist-info/METADATA"] == [
        "layer1:python/c-1.dist-info/METADATA",
        "layer1:python/e-1.dist-info/METADATA",
        "layer2:python/b.b-1.dist-info/METADATA",
    ]
    assert found["layer2:python/asks-1.dist-info/METADATA"] == ["layer1:python/a-1.dist-info/METADATA"]


def test_a_package_of_the_same_layer_is_meant_before_that_of_another() -> None:
    layer = _layer(package("a", "1", "b"), package("b", "1"))
    code = unpacked(zips.of({"b-2.dist-info/METADATA": b"Name: b\nVersion: 2\n"}), "code", Role.FUNCTION)
    assert _needs(layer, code)["layer1:python/a-1.dist-info/METADATA"] == ["layer1:python/b-1.dist-info/METADATA"]
    alone = _layer(package("a", "1", "b"))
    assert _needs(alone, code)["layer1:python/a-1.dist-info/METADATA"] == ["function:b-2.dist-info/METADATA"]


def test_node_looks_inside_then_up_then_into_the_other_artifacts() -> None:
    nested = {"nodejs/node_modules/a/node_modules/b/package.json": b'{"version": "2", "dependencies": {"c": "1"}}'}
    layer = _layer(node("a", dependencies='{"b": "2"}'), node("b", dependencies='{"a": "1"}'), node("c"), nested)
    found = _needs(layer)
    inner = "layer1:nodejs/node_modules/a/node_modules/b/package.json"
    assert found["layer1:nodejs/node_modules/a/package.json"] == [inner]
    assert found[inner] == ["layer1:nodejs/node_modules/c/package.json"]
    assert found["layer1:nodejs/node_modules/b/package.json"] == ["layer1:nodejs/node_modules/a/package.json"]
    uses = unpacked(zips.of({"node_modules/x/package.json": b'{"dependencies": {"c": "1"}}'}), "code", Role.FUNCTION)
    assert _needs(layer, uses)["function:node_modules/x/package.json"] == ["layer1:nodejs/node_modules/c/package.json"]


def test_a_jar_needs_what_its_pom_says() -> None:
    def jar(name: str, pom: bytes = b"<project/>") -> bytes:
        folder = f"META-INF/maven/org.own/{name}"
        return zips.of({f"{folder}/pom.properties": b"version=1\n", f"{folder}/pom.xml": pom})

    needing = b"""<project><dependencies><dependency><groupId>org.own</groupId><artifactId>b</artifactId></dependency>
    </dependencies></project>"""
    found = _needs(_layer({"java/lib/a.jar": jar("a", needing)}), _layer({"java/lib/b.jar": jar("b")}))
    (needed,) = [others for ref, others in found.items() if ref.startswith("layer1:java/lib/a.jar")]
    assert needed == ["layer2:java/lib/b.jar!/META-INF/maven/org.own/b/pom.properties"]


def test_packages_are_listed_by_licence_and_those_without_come_last() -> None:
    licensed = b'{"name": "z", "version": "1", "license": "MIT"}'
    layer = _layer(package("a", "1"), {"nodejs/node_modules/z/package.json": licensed})
    assert by_licence([layer, layer]) == (("MIT", ("z 1",)), ("", ("a 1",)))
