"""Packages are found by the records that each language's tools leave."""

from __future__ import annotations

from lamina.workshop.artifacts import Artifact, Role
from lamina.workshop.packages import Ecosystem, manifest, packages
from lamina.workshop.sources import unpacked
from tests.support import zips
from tests.unit.workshop.bad_layers import dist, node, one, package


def _found(artifact: Artifact) -> list[tuple[str, str, str]]:
    return [(found.ecosystem.value, found.name, found.version) for found in packages(artifact)]


def test_each_language_has_records_of_its_own() -> None:
    layer = one(
        package("Py_Tool", "1.0"),
        node("@scope/tool", "2.0"),
        {
            "java/lib/commons-lang3-3.17.0.jar": b"",
            "ruby/gems/3.3.0/specifications/rake-13.2.1.gemspec": b"",
            "ruby/gems/3.3.0/gems/rake-13.2.1/lib/rake.rb": b"rake",
            "python/old-0.1.egg-info/PKG-INFO": b"Name: old\nVersion: 0.1\n",
            "python/old-0.1.egg-info/top_level.txt": b"old\n",
            "python/old/__init__.py": b"old",
            # What a package brings inside of itself is its own.
            "python/py_tool/vendored-1.dist-info/METADATA": b"Name: vendored\n",
        },
    )[0]
    found = packages(unpacked(layer, "layer"))
    assert [(each.ecosystem, each.name, each.version) for each in found] == [
        (Ecosystem.JAVA, "commons-lang3", "3.17.0"),
        (Ecosystem.NODE, "@scope/tool", "2.0"),
        (Ecosystem.PYTHON, "old", "0.1"),
        (Ecosystem.PYTHON, "Py_Tool", "1.0"),
        (Ecosystem.RUBY, "rake", "13.2.1"),
    ]
    by_name = {each.name: each for each in found}
    assert by_name["Py_Tool"].key == "py-tool"
    assert "python/old/__init__.py" in by_name["old"].files
    assert "ruby/gems/3.3.0/gems/rake-13.2.1/lib/rake.rb" in by_name["rake"].files


def test_what_is_recorded_and_there_is_the_packages_and_so_is_its_byte_code() -> None:
    pyc = "python/a/__pycache__/__init__.cpython-312.pyc"
    layer = one(
        dist("a", "1", files=("a/__init__.py", "a/stripped.py")), {"python/a/__init__.py": b"12345", pyc: b"123"}
    )
    (found,) = packages(unpacked(layer[0], "layer"))
    assert found.files == {
        "python/a/__init__.py",
        pyc,
        *(f"python/a-1.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")),
    }
    records = sum(len(content) for content in dist("a", "1", files=("a/__init__.py", "a/stripped.py")).values())
    assert found.size_bytes == 8 + records


def test_a_functions_packages_lie_at_its_root_and_below_node_modules() -> None:
    content = {name.removeprefix("python/").removeprefix("nodejs/"): data for name, data in
               {**package("tool", "1"), **node("lodash")}.items()}  # fmt: skip
    code = unpacked(zips.of(content), "code", Role.FUNCTION)
    assert _found(code) == [("node", "lodash", "1.0.0"), ("python", "tool", "1")]


def test_a_nested_version_is_a_package_of_its_own() -> None:
    nested = {"nodejs/node_modules/a/node_modules/b/package.json": b'{"version": "2"}'}
    layer = one(node("a"), node("b"), nested)[0]
    assert _found(unpacked(layer, "layer")) == [("node", "a", "1.0.0"), ("node", "b", "2"), ("node", "b", "1.0.0")]


def test_a_record_that_is_no_json_is_still_one() -> None:
    layer = one({"nodejs/node_modules/a/package.json": b"{"})[0]
    assert _found(unpacked(layer, "layer")) == [("node", "a", "")]


def test_a_manifest_that_is_nothing_but_depth_is_none() -> None:
    path = "nodejs/node_modules/deep/package.json"
    layer = one({path: b"[" * 200_000})
    assert manifest(unpacked(layer[0], "layer"), path) == {}
