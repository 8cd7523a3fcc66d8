"""What a layer can do without, and what is imported all the same."""

from __future__ import annotations

import pytest

from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.building.stripping import Strip, strip

PACKAGE = Package("demo", "1")


def _left(files: dict[str, str], *kinds: Strip) -> set[str]:
    pieces = [Piece(path, PACKAGE, data=content.encode()) for path, content in files.items()]
    return {piece.path for piece in strip(pieces, kinds).pieces}


def test_only_what_was_asked_for_goes() -> None:
    files = {"python/demo/tests/test_a.py": "", "python/demo/docs/a.rst": "", "python/demo/a.py": ""}
    assert _left(files, Strip.TESTS) == {"python/demo/docs/a.rst", "python/demo/a.py"}
    assert _left(files, Strip.DOCS) == {"python/demo/tests/test_a.py", "python/demo/a.py"}
    assert _left(files) == set(files)


@pytest.mark.parametrize(
    "importing",
    [
        "import demo.tests.base",
        "from demo.tests import base",
        "from demo import tests",
        "from .tests.base import Base",
        "from . import tests",
        "def late():\n    from .tests import base",
        "import importlib\nimportlib.import_module('demo.tests.base')",
        "import importlib\nimportlib.import_module('.tests', __package__)",
    ],
)
def test_a_folder_that_is_imported_stays(importing: str) -> None:
    files = {"python/demo/__init__.py": importing, "python/demo/tests/base.py": ""}
    assert _left(files, Strip.TESTS) == set(files)


@pytest.mark.parametrize(
    "naming",
    ["# see demo.tests", "import os.tests", "from ..tests import base", "from demo.testsuite import x", "def tests("],
)
def test_a_folder_that_is_only_mentioned_goes(naming: str) -> None:
    files = {"python/demo/inner/__init__.py": naming, "python/demo/inner/tests/base.py": ""}
    assert _left(files, Strip.TESTS) == {"python/demo/inner/__init__.py"}


def test_what_an_imported_folder_imports_stays_too() -> None:
    files = {
        "python/demo/__init__.py": "from demo.tests import base",
        "python/demo/tests/base.py": "import other.tests",
        "python/other/tests/__init__.py": "",
        "python/third/tests/__init__.py": "import demo.tests",
    }
    assert _left(files, Strip.TESTS) == set(files) - {"python/third/tests/__init__.py"}


def test_a_program_of_a_package_is_not_stripped() -> None:
    files = {
        "python/demo-1.dist-info/entry_points.txt": "[console_scripts]\ndemo = demo.tests.run:main\n",
        "python/demo/tests/run.py": "",
    }
    assert _left(files, Strip.TESTS) == set(files)


def test_packages_below_a_pythons_own_folder_are_stripped_too() -> None:
    path = "python/lib/python3.12/site-packages/demo"
    files = {f"{path}/__init__.py": "from demo.docs import x", f"{path}/docs/x.py": "", f"{path}/tests/t.py": ""}
    assert _left(files, Strip.TESTS, Strip.DOCS) == {f"{path}/__init__.py", f"{path}/docs/x.py"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("index.js", "require('./test/helper')"),
        ("index.mjs", 'import "./test/helper.js"'),
        ("lib/a.js", "require('../test')"),
        ("package.json", '{"main": "./test/index.js"}'),
        ("package.json", '{"exports": {".": {"import": "./test/index.mjs"}}}'),
    ],
)
def test_what_javascript_loads_stays(file: str, content: str) -> None:
    files = {f"nodejs/node_modules/demo/{file}": content, "nodejs/node_modules/demo/test/helper.js": ""}
    assert _left(files, Strip.TESTS) == set(files)


def test_what_javascript_does_not_load_goes() -> None:
    files = {
        "nodejs/node_modules/demo/index.js": "require('./latest/a')",
        "nodejs/node_modules/demo/package.json": '{"main": "index.js", "scripts": {"test": "node test/run.js"}}',
        "nodejs/node_modules/demo/test/run.js": "",
        "nodejs/node_modules/test/index.js": "a package of that name",
        "nodejs/node_modules/@scope/docs/index.js": "another",
    }
    assert _left(files, Strip.TESTS, Strip.DOCS) == set(files) - {"nodejs/node_modules/demo/test/run.js"}


def test_folders_elsewhere_are_their_owners_business() -> None:
    files = {"bin/tests/run": "", "lib/docs/a": "", "java/lib/tests/a.jar": ""}
    assert _left(files, *Strip) == set(files)


def test_licences_and_what_is_asked_for_at_run_time_stay_of_the_metadata() -> None:
    info = "python/demo-1.dist-info"
    kept = {f"{info}/{name}" for name in ("METADATA", "RECORD", "entry_points.txt", "licenses/LICENSE", "COPYING.txt")}
    gone = {f"{info}/{name}" for name in ("INSTALLER", "REQUESTED", "WHEEL", "sboms/demo.json")}
    pieces = [Piece(path, PACKAGE, data=b"Name: demo\n\nA long README\n") for path in kept | gone]
    stripped = strip(pieces, [Strip.EXTRAS])
    assert {piece.path for piece in stripped.pieces} == kept
    assert stripped.files == len(gone)
    assert {piece.path: piece.read() for piece in stripped.pieces}[f"{info}/METADATA"] == b"Name: demo\n"


def test_it_is_told_what_was_kept() -> None:
    pieces = [
        Piece("python/demo/__init__.py", PACKAGE, data=b"import demo.docs"),
        Piece("python/demo/docs/__init__.py", PACKAGE, data=b""),
    ]
    assert strip(pieces, [Strip.DOCS]).imported == ("python/demo/docs",)
