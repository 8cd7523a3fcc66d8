"""What differs between two layers, as their users would tell it."""

from __future__ import annotations

from dataclasses import replace

from lamina.workshop.artifacts import Artifact
from lamina.workshop.diffing import Difference, Way, compare, text_difference
from lamina.workshop.sources import unpacked
from tests.support import zips
from tests.support.zips import Item
from tests.unit.workshop.bad_layers import node, one, package


def _layer(*parts: Item | dict[str, bytes], name: str = "layer") -> Artifact:
    return unpacked(one(*parts)[0], name)


def _files(found: Difference) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(change.way.value, change.path, change.about) for change in found.files]


def test_the_same_things_do_not_differ_however_they_were_packed() -> None:
    content = {"python/a.py": b"a", "python/b.py": b"b"}
    packed = zips.archive(
        zips.folder("python/"), *(Item(name, data, method=zips.STORED) for name, data in reversed(content.items()))
    )
    assert compare(_layer(content), unpacked(packed, "other")).is_empty


def test_files_that_came_went_and_changed() -> None:
    before = _layer(
        {"python/same.py": b"s", "python/gone.py": b"g", "python/edited.py": b"1"},
        Item("bin/run", b"#!", mode=0o100644),
        zips.link("bin/link", "run"),
        zips.Item("data", b"file"),
    )
    after = _layer(
        {"python/same.py": b"s", "python/new.py": b"n", "python/edited.py": b"2", "data/inside": b""},
        Item("bin/run", b"#!", mode=0o100755),
        zips.link("bin/link", "walk"),
    )
    assert _files(compare(before, after)) == [
        ("changed", "bin/link", ("target",)),
        ("changed", "bin/run", ("mode",)),
        ("changed", "data", ("kind",)),
        ("added", "data/inside", ()),
        ("changed", "python/edited.py", ("content",)),
        ("removed", "python/gone.py", ()),
        ("added", "python/new.py", ()),
    ]


def test_a_new_version_of_a_package_explains_its_files() -> None:
    before = _layer(package("Yaml", "5.1", content=b"5"), package("left", "1"), node("a"), {"python/own.py": b"1"})
    after = _layer(package("yaml", "6.0", content=b"six"), package("right", "1"), node("a"), {"python/own.py": b"2"})
    found = compare(before, after)
    assert [(change.name, change.way, change.before, change.after) for change in found.packages] == [
        ("left", Way.REMOVED, ("1",), ()),
        ("right", Way.ADDED, (), ("1",)),
        ("yaml", Way.CHANGED, ("5.1",), ("6.0",)),
    ]
    assert [change.path for change in found.other_files] == ["python/own.py"]


def test_a_package_spelled_anew_is_one_that_changed() -> None:
    found = compare(_layer(package("my_tool", "1")), _layer(package("My.Tool", "2")))
    assert [(change.way, change.before, change.after) for change in found.packages] == [(Way.CHANGED, ("1",), ("2",))]


def test_the_lines_of_a_text_that_differ() -> None:
    before = _layer({"python/a.py": b"one\ntwo\n", "data": b"\0\1", "gone.txt": b"last\n"}, name="old")
    after = _layer({"python/a.py": b"one\n2\n", "data": b"\0\2"}, name="new")
    texts = {change.path: text_difference(before, after, change) for change in compare(before, after).files}
    assert texts == {
        "data": None,
        "gone.txt": ["--- old/gone.txt", "+++ /dev/null", "@@ -1 +0,0 @@", "-last"],
        "python/a.py": ["--- old/python/a.py", "+++ new/python/a.py", "@@ -1,2 +1,2 @@", " one", "-two", "+2"],
    }


def test_what_they_were_published_for_is_compared_when_both_say() -> None:
    before, after = _layer({"a": b""}), _layer({"a": b""})
    told = replace(before, runtimes=("python3.11",), architectures=("x86_64",))
    assert compare(told, after).attributes == {}
    assert compare(told, replace(after, runtimes=("python3.12",), architectures=("x86_64",))).attributes == {
        "runtimes": ("python3.11", "python3.12")
    }
