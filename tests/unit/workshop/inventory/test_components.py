"""What is there is told by the records of each language's tools, inside of jars, too."""

from __future__ import annotations

import pytest

from lamina.workshop.artifacts import Role
from lamina.workshop.inventory import poms
from lamina.workshop.inventory.components import Component, components
from lamina.workshop.inventory.purls import purl
from lamina.workshop.packages import Ecosystem
from lamina.workshop.sources import unpacked
from tests.support import zips

POM = b"""<project><parent><groupId>org.up</groupId></parent>
<licenses><license><name>The Apache License, Version 2.0</name></license></licenses>
<dependencies>
 <dependency><groupId>org.other</groupId><artifactId>needed</artifactId></dependency>
 <dependency><groupId>${project.groupId}</groupId><artifactId>run</artifactId><scope>runtime</scope></dependency>
 <dependency><groupId>junit</groupId><artifactId>junit</artifactId><scope>test</scope></dependency>
 <dependency><groupId>org.other</groupId><artifactId>may</artifactId><optional>true</optional></dependency>
</dependencies></project>"""
MAVEN = "META-INF/maven/org.own/tool/"
PROPERTIES = b"#Created by Apache Maven\ngroupId=org.own\nartifactId=tool\nversion=1.2\n"


def _all(contents: dict[str, bytes], role: Role = Role.LAYER) -> tuple[Component, ...]:
    return components(unpacked(zips.of(contents), "it", role))


def _one(contents: dict[str, bytes]) -> Component:
    (found,) = _all(contents)
    return found


def _distribution(*lines: str) -> list[str]:
    text = "\n".join(["Name: a", "Version: 1", *lines, "", ""])
    return [licence.text for licence in _one({"python/a-1.dist-info/METADATA": text.encode()}).licences]


def test_a_distributions_expression_comes_before_what_is_older() -> None:
    mit = "Classifier: License :: OSI Approved :: MIT License"
    assert _distribution("License-Expression: ISC", "License: MIT", mit) == ["ISC"]
    assert _distribution("License: Apache-2.0", mit) == ["Apache-2.0"]
    assert _distribution("License: as you like it", mit, "Classifier: License :: OSI Approved") == ["MIT"]
    assert _distribution("License: as you like it") == ["as you like it"]
    assert _distribution("Classifier: Topic :: Security", "License: UNKNOWN") == []


@pytest.mark.parametrize(
    ("licence", "found"),
    [
        ('"license": "MIT"', ["MIT"]),
        ('"license": "SEE LICENSE IN own.txt"', ["SEE LICENSE IN own.txt"]),
        ('"license": {"type": "ISC", "url": "u"}', ["ISC"]),
        ('"licenses": [{"type": "MIT"}, {"type": "ISC"}, 3]', ["MIT", "ISC"]),
        ('"license": ["MIT"]', []),
    ],
)
def test_node_has_had_several_ways_to_declare_a_licence(licence: str, found: list[str]) -> None:
    text = f'{{"name": "@Scope/real", "version": "2.0", {licence}, "optionalDependencies": {{"b": "1"}}}}'
    package = _one({"nodejs/node_modules/alias/package.json": text.encode()})
    assert (package.group, package.name, package.requires) == ("@Scope", "real", ("b",))
    assert [one.text for one in package.licences] == found


def test_a_jar_is_what_maven_wrote_into_it() -> None:
    jar = zips.of({f"{MAVEN}pom.properties": PROPERTIES, f"{MAVEN}pom.xml": POM})
    found = _one({"java/lib/whatever.jar": jar})
    assert (found.group, found.name, found.version) == ("org.own", "tool", "1.2")
    assert found.record == f"java/lib/whatever.jar!/{MAVEN}pom.properties"
    assert [licence.text for licence in found.licences] == ["Apache-2.0"]
    assert found.requires == ("org.other:needed", "org.own:run")


def test_what_was_shaded_into_a_jar_or_into_code_is_found() -> None:
    shaded = {f"META-INF/maven/org.own/{name}/pom.properties": b"version=3\n" for name in ("app", "lib")}
    for found in (_all({"java/lib/app.jar": zips.of(shaded)}), _all(shaded, Role.FUNCTION)):
        assert [(each.group, each.name, each.version) for each in found] == [
            ("org.own", "app", "3"),
            ("org.own", "lib", "3"),
        ]


def test_without_maven_a_manifest_or_a_name_has_to_do() -> None:
    manifest = (
        b"Manifest-Version: 1.0\r\nImplementation-Vendor-Id: org.own\r\nImplementation-Version: 2.0\r\n .Final\r\n"
        b"Bundle-License: https://www.apache.org/licenses/LICENSE-2.0.txt;x=1, http://own\r\n\r\nName: a/\r\nX: y\r\n"
    )
    told = _one({"lib/tool-1.jar": zips.of({"META-INF/MANIFEST.MF": manifest})})
    assert (told.group, told.name, told.version) == ("org.own", "tool", "2.0.Final")
    assert [licence.text for licence in told.licences] == ["Apache-2.0", "http://own"]
    assert told.record == "lib/tool-1.jar!/META-INF/MANIFEST.MF"
    broken = _one({"java/lib/tool-1.jar": b"no archive"})
    assert (broken.group, broken.name, broken.version, broken.record) == ("", "tool", "1", "java/lib/tool-1.jar")


def test_a_licence_that_the_pom_leaves_to_its_parent_is_in_the_manifest() -> None:
    manifest = b"Bundle-License: MIT\n"
    jar = zips.of({f"{MAVEN}pom.properties": PROPERTIES, "META-INF/MANIFEST.MF": manifest})
    assert [licence.text for licence in _one({"java/lib/tool.jar": jar}).licences] == ["MIT"]


def test_a_gem_says_so_in_ruby() -> None:
    spec = b"""Gem::Specification.new do |s|
  s.licenses = ["MIT".freeze, "Ruby".freeze]
  s.add_runtime_dependency(%q<rack>.freeze, [">= 2"])
  s.add_dependency("rake", "~> 13")
  s.add_development_dependency("minitest")
"""
    gem = _one({"ruby/gems/3.3.0/specifications/puma-6.4.0-java.gemspec": spec})
    assert ([licence.text for licence in gem.licences], gem.requires) == (["MIT", "Ruby"], ("rack", "rake"))


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"<project",
        b'<!DOCTYPE p [<!ENTITY a "aa">]><project><licenses><license><name>&a;</name></license></licenses></project>',
        b'<?xml version="1.0" encoding="no-such"?><project/>',
        b"<a>" * 100_000,
    ],
)
def test_a_pom_that_is_none_says_nothing(hostile: bytes) -> None:
    assert poms.read(hostile) == poms.Pom()


@pytest.mark.parametrize(
    ("ecosystem", "group", "name", "version", "expected"),
    [
        (Ecosystem.PYTHON, "", "Typing_Extensions", "4.0+local", "pkg:pypi/typing-extensions@4.0%2Blocal"),
        (Ecosystem.NODE, "@img", "sharp", "1.0", "pkg:npm/%40img/sharp@1.0"),
        (Ecosystem.NODE, "", "half\ud800", "1", "pkg:npm/half%3F@1"),
        (Ecosystem.JAVA, "org.own", "Tool", "1", "pkg:maven/org.own/Tool@1"),
        (Ecosystem.JAVA, "", "tool", "", "pkg:generic/tool"),
        (Ecosystem.RUBY, "", "nokogiri", "1.16.0-x86_64-linux", "pkg:gem/nokogiri@1.16.0?platform=x86_64-linux"),
    ],
)
def test_package_urls_are_spelled_as_each_type_has_them(
    ecosystem: Ecosystem, group: str, name: str, version: str, expected: str
) -> None:
    assert purl(ecosystem, group, name, version) == expected
