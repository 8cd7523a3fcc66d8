"""Imports from folders of archives: what is found there, and what it says of itself, is what CPython's finder gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .interpreters import FOUND, GUEST, run, with_each

pytestmark = pytest.mark.anybody

NEWEST = list(FOUND)[-1]

# Runs what it is told with *folder* in front of `sys.path`, found by the guest's finder, or by CPython's.
_PROGRAM = """
import importlib, json, os, py_compile, sys
sys.path.insert(0, sys.argv[1])
from guest import folders, library
sys.path[0] = folder = sys.argv[2]
for name in [name for name in sys.modules if name.startswith("guest")]:
    del sys.modules[name]
if sys.argv[3] == "ours":
    folders.know_folders([folder])
    sys.meta_path.insert(0, library.Library({}, {}, (), ()))
def compiled(path, source, mode=py_compile.PycInvalidationMode.UNCHECKED_HASH):
    path = os.path.join(folder, path)
    now = open(path).read()
    with open(path, "w") as file: file.write(source)
    py_compile.compile(path, dfile="/elsewhere.py", invalidation_mode=mode)
    with open(path, "w") as file: file.write(now)
exec(sys.argv[4])
"""
_LOOK = """
def look(name):
    try:
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        locations = spec.submodule_search_locations
        found = [list(locations) if locations is not None else None, spec.origin, spec.cached, spec.has_location]
        module = importlib.import_module(name)
        loader = module.__spec__.loader
        code = loader.get_code(name).co_filename if hasattr(loader, "get_code") else None
        attributes = [str(getattr(module, each, None)) for each in ("__file__", "__cached__", "__package__", "origin")]
        return [*found, type(loader).__name__, module.__loader__ is loader, code, *attributes]
    except Exception as error:
        return [type(error).__name__, str(error)]
"""


def _run(runtime: str, folder: Path, finder: str, code: str) -> Any:
    return json.loads(run(runtime, _PROGRAM, str(GUEST.parent), str(folder), finder, code))


def _write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("origin = __file__\n")


@with_each
def test_whatever_lies_there_is_found_as_cpython_finds_it(runtime: str, tmp_path: Path) -> None:
    _write(tmp_path, "plain.py", "both.py", "both/__init__.py", "package/__init__.py", "package/inner/__init__.py")
    _write(tmp_path, "package/inner/deep.py", "spaces/one.py", "behind.py", "behind/notes.txt", "package/plain.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "linked").symlink_to("package")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "broken.py").write_text("def(")
    (tmp_path / "native.so").write_text("not one")
    _write(tmp_path, "native.py", "mixed/__init__.py")
    (tmp_path / "mixed" / "__init__.so").write_text("not one")
    names = ["plain", "both", "package", "package.inner.deep", "package.plain", "spaces", "spaces.one", "behind"]
    names += ["folder", "linked.inner", "loop", "broken", "native", "mixed", "missing", "package.missing", "plain.none"]
    code = f"""
import importlib.util
{_LOOK}
compiled("package/plain.py", "origin = 'byte-code'")
compiled("package/inner/__init__.py", "origin = 'byte-code'")
compiled("plain.py", "origin = 'stale'", py_compile.PycInvalidationMode.CHECKED_HASH)
open(os.path.join(folder, "__pycache__", "both.%s.pyc" % sys.implementation.cache_tag), "w").close()
print(json.dumps([[name, look(name)] for name in {names}]))
"""
    ours, cpythons = (_run(runtime, tmp_path, finder, code) for finder in ("ours", "cpython's"))
    assert ours == cpythons
    seen = dict(ours)
    assert "byte-code" in seen["package.plain"]
    assert seen["missing"] is None


def test_the_byte_code_of_a_module_is_all_that_is_opened(tmp_path: Path) -> None:
    _write(tmp_path, "package/__init__.py", "package/plain.py")
    code = """
compiled("package/__init__.py", "")
compiled("package/plain.py", "")
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if event == "open" else None)
import package.plain
print(json.dumps([os.path.relpath(path, folder).split(".")[0] for path in opened]))
"""
    assert _run(NEWEST, tmp_path, "ours", code) == ["package/__pycache__/__init__", "package/__pycache__/plain"]


@pytest.mark.parametrize("finder", ["ours", "cpython's"])
def test_what_has_come_into_a_folder_is_found(finder: str, tmp_path: Path) -> None:
    _write(tmp_path, "package/__init__.py")
    code = """
import package
for path in ("package/later.py", "later.py"):
    with open(os.path.join(folder, path), "w"): pass
    os.utime(os.path.join(folder, os.path.dirname(path)), (1, 1))
import package.later, later
print(json.dumps(sorted(os.listdir(folder))))
"""
    assert "later.py" in _run(NEWEST, tmp_path, finder, code)


@pytest.mark.parametrize("finder", ["ours", "cpython's"])
def test_a_hook_on_paths_is_asked_for_the_folders_of_packages(finder: str, tmp_path: Path) -> None:
    _write(tmp_path, "package/__init__.py", "package/plain.py")
    code = """
asked = []
def hook(path):
    asked.append(os.path.relpath(path, folder))
    raise ImportError
sys.path_hooks.insert(0, hook)
import package.plain
print(json.dumps(["package" in asked, package.plain.origin == package.plain.__file__]))
"""
    assert _run(NEWEST, tmp_path, finder, code) == [True, True]


def test_the_usual_finders_are_passed_by_unless_anything_else_is_there(tmp_path: Path) -> None:
    _write(tmp_path, "package/__init__.py", "package/plain.py", "package/other.py", "package/last.py")
    code = """
from _frozen_importlib import BuiltinImporter, FrozenImporter
from _frozen_importlib_external import PathFinder
class Own:
    find_spec = classmethod(lambda *asked: None)
asked, usual = [], PathFinder.find_spec
def look(frame, event, _):
    if event == "call" and frame.f_code is usual.__func__.__code__:
        asked.append(frame.f_locals["fullname"])
sys.meta_path[1:] = [BuiltinImporter, FrozenImporter, PathFinder, Own]
sys.setprofile(look)
import package.plain
sys.meta_path.insert(1, Own)
import package.other
sys.meta_path.remove(Own)
PathFinder.find_spec = lambda *asked: usual(*asked)
import package.last
sys.setprofile(None)
print(json.dumps(asked))
"""
    assert _run(NEWEST, tmp_path, "ours", code) == ["package", "package.other", "package.last"]


def test_before_it_is_loaded_a_module_can_be_read_by_its_loader(tmp_path: Path) -> None:
    _write(tmp_path, "plain.py")
    code = """
import importlib.util
loader = importlib.util.find_spec("plain").loader
print(json.dumps([loader.get_source("plain"), loader.is_package("plain"), loader.get_filename("plain") == loader.path]))
"""
    assert _run(NEWEST, tmp_path, "ours", code) == ["origin = __file__\n", False, True]
