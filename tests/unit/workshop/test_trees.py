"""What a function sees of several layers."""

from __future__ import annotations

from lamina.workshop.artifacts import Artifact, Kind, Role
from lamina.workshop.sources import unpacked
from lamina.workshop.trees import Branch, grow
from tests.support import zips
from tests.unit.workshop.bad_layers import one, package


def _layer(name: str, content: dict[str, bytes], role: Role = Role.LAYER) -> Artifact:
    return unpacked(zips.of(content), name, role)


def _at(branch: Branch, path: str) -> Branch:
    for name in path.split("/"):
        (branch,) = [child for child in branch.children if child.name == name]
    return branch


def test_layers_lie_over_each_other_and_the_last_wins() -> None:
    below = _layer("below", {"bin/run": b"1", "bin/only": b"below", "lib/deep/file": b""})
    above = _layer("above", {"bin/run": b"22", "lib/deep": b"now a file"})
    (root,) = grow([below, above])
    assert (root.name, root.files, root.sources) == ("/opt", 3, ("below", "above"))
    run = _at(root, "bin/run")
    assert (run.size_bytes, run.sources, run.hidden) == (2, ("above",), ("below",))
    assert _at(root, "bin").sources == ("below", "above")
    deep = _at(root, "lib/deep")
    assert (deep.kind, deep.children, deep.hidden) == (Kind.FILE, (), ("below",))
    assert root.size_bytes == 2 + 5 + 10


def test_the_order_of_the_layers_decides() -> None:
    one_, other = _layer("one", {"a": b"1"}), _layer("other", {"a": b"2"})
    assert _at(grow([other, one_])[0], "a").sources == ("one",)


def test_a_folder_that_is_all_one_package_is_known_as_it() -> None:
    layer = unpacked(one(package("yaml", "6.0"), package("idna", "3"), {"python/own.py": b""})[0], "layer")
    (root,) = grow([layer])
    found = {child.name: child.package.version if child.package else None for child in _at(root, "python").children}
    assert found == {"yaml": "6.0", "yaml-6.0.dist-info": "6.0", "idna": "3", "idna-3.dist-info": "3", "own.py": None}
    assert _at(root, "python").package is None


def test_code_is_a_tree_of_its_own() -> None:
    layer, code = _layer("layer", {"a": b""}), _layer("code", {"app.py": b"1"}, Role.FUNCTION)
    opt, task = grow([layer], code)
    assert [branch.name for branch in (opt, task)] == ["/opt", "/var/task"]
    assert [child.name for child in task.children] == ["app.py"]
    assert [branch.name for branch in grow([], code)] == ["/var/task"]
