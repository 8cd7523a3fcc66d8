"""What makes layers visible in a project."""

from __future__ import annotations

from pathlib import Path

from lamina.layers.archive import Kind
from lamina.workshop.artifacts import Entry
from lamina.workshop.linking.plans import PTH, Environment, Layer, Link, describe_jars, jars, plan_node, plan_python

PACKAGES = Path("/venv/site-packages")
ENVIRONMENT = Environment(PACKAGES, "3.12")


def layer(name: str, *files: str) -> Layer:
    folders = {str(parent) for file in files for parent in Path(file).parents if str(parent) != "."}
    entries = [Entry(path, Kind.FOLDER, 0, 0o755) for path in folders]
    entries += [Entry(path, Kind.FILE, 1, 0o644) for path in files]
    return Layer(Path("/layers") / name, tuple(sorted(entries, key=lambda entry: entry.path)))


ONE = layer("one", "python/a.py", "python/lib/python3.12/site-packages/p/__init__.py")
TWO = layer("two", "python/a.py", "python/lib/python3.11/site-packages/q.py")


def test_python_looks_through_the_layers_as_in_a_function() -> None:
    plan = plan_python([ONE, TWO], ENVIRONMENT, ())
    assert plan.file == PACKAGES / PTH
    assert plan.lines == (
        "/layers/one/python/lib/python3.12/site-packages",
        "/layers/two/python",
        "/layers/one/python",
    )


def test_sources_without_types_are_linked_as_stubs_the_last_layers_first() -> None:
    plan = plan_python([ONE, TWO], ENVIRONMENT, ())
    assert plan.links == (
        Link(PACKAGES / "p-stubs/__init__.pyi", Path("/layers/one/python/lib/python3.12/site-packages/p/__init__.py")),
        Link(PACKAGES / "a-stubs/__init__.pyi", Path("/layers/two/python/a.py")),
    )
    assert plan_python([TWO], ENVIRONMENT, {"a-stubs"}).links == ()


def test_what_has_types_of_its_own_needs_no_stubs() -> None:
    typed = (
        "typed/__init__.py",
        "typed/py.typed",
        "stubbed/__init__.py",
        "stubbed-stubs/__init__.pyi",
        "m.py",
        "m.pyi",
    )
    plan = plan_python([layer("l", *(f"python/{name}" for name in typed))], ENVIRONMENT, ())
    assert plan.links == ()


def test_a_packages_stubs_are_all_its_sources_and_its_own_stubs_among_them() -> None:
    files = ("p/__init__.py", "p/sub/x.py", "p/y.py", "p/y.pyi", "p/data.txt", "script")
    plan = plan_python([layer("l", *(f"python/{name}" for name in files))], ENVIRONMENT, ())
    targets = {link.path.relative_to(PACKAGES).as_posix(): link.target.name for link in plan.links}
    assert targets == {
        "p-stubs/__init__.pyi": "__init__.py",
        "p-stubs/sub/x.pyi": "x.py",
        "p-stubs/y.pyi": "y.pyi",
    }


def test_without_pythons_folder_nothing_is_made() -> None:
    assert plan_python([layer("l", "bin/tool")], ENVIRONMENT, ()).file is None


def test_packages_of_node_are_linked_where_there_are_none() -> None:
    modules = "nodejs/node_modules"
    one = layer("one", f"{modules}/a/index.js", f"{modules}/@s/b/index.js", f"{modules}/.bin/x", f"{modules}/c/i.js")
    two = layer("two", f"{modules}/a/index.js")
    plan = plan_node([one, two], Path("/p/node_modules"), {"c"})
    assert plan.links == (
        Link(Path("/p/node_modules/a"), Path("/layers/two/nodejs/node_modules/a")),
        Link(Path("/p/node_modules/@s/b"), Path("/layers/one/nodejs/node_modules/@s/b")),
    )


def test_java_archives_are_told_in_each_form() -> None:
    one = layer("one", "java/lib/b.jar", "java/lib/a.jar", "java/lib/readme")
    two = layer("two", "java/lib/a.jar")
    found = jars([one, two])
    assert found == [Path("/layers/two/java/lib/a.jar"), Path("/layers/one/java/lib/b.jar")]
    classpath = "export CLASSPATH=/layers/two/java/lib/a.jar:/layers/one/java/lib/b.jar"
    assert describe_jars(found, "classpath") == classpath
    assert 'compileOnly(files("/layers/one/java/lib/b.jar"))' in describe_jars(found, "gradle")
    assert "<systemPath>/layers/one/java/lib/b.jar</systemPath>" in describe_jars(found, "maven")
