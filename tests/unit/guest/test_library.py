"""The standard library read ahead: whoever imports it sees nothing of that but the time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lamina.worker.standard_library import READ_AHEAD

from .interpreters import FOUND, GUEST, run, with_each

NEWEST = list(FOUND)[-1]

_SOME = ["encodings.idna", "html.parser", "http.cookiejar", "importlib.util", "inspect", "tarfile", "urllib.request"]
# Reads ahead as a zygote does, if told to; sees *folder* where a function's code is; runs what it is told; prints.
_PROGRAM = """
import importlib, json, os, select, signal, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from guest import library
sys.path.pop(0)
for name in [name for name in sys.modules if name.startswith("guest")]:
    del sys.modules[name]
library._UNCHANGING = (sys.argv[2], sys.base_prefix)
ahead = library.Library.read(json.loads(sys.argv[3]))
whole = len(ahead._modules)
sys.meta_path.insert(0, ahead)
sys.path[:] = [sys.argv[2], *filter(None, sys.path)]
def look():
    plain = {name for name, module in sys.modules.items() if getattr(module, "__spec__", None) is not None}
    inner = {name for name in plain if name.rpartition(".")[0] in plain and hasattr(
        sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2])}
    return [sorted(plain), sorted(inner)]
exec(sys.argv[4])
"""


def _run(runtime: str, folder: Path, names: list[str], code: str) -> Any:
    return json.loads(run(runtime, _PROGRAM, str(GUEST.parent), str(folder), json.dumps(names), code))


@with_each
def test_all_of_it_is_read_without_a_warning_and_nothing_shows(runtime: str, tmp_path: Path) -> None:
    ready, nothing = (
        _run(runtime, tmp_path, names, "print(json.dumps([whole, look()]))") for names in (list(READ_AHEAD), [])
    )
    assert ready[0] > 100
    assert nothing == [0, ready[1]]


@with_each
def test_after_an_import_there_is_what_there_would_be(runtime: str, tmp_path: Path) -> None:
    code = f"""
seen = []
for name in {_SOME}:
    importlib.import_module(name)
    seen.append(look())
import email.message
assert type(email.message.__spec__.loader).__name__ == "SourceFileLoader"
print(json.dumps([whole - len(ahead._modules), seen]))
"""
    ready, fresh = (_run(runtime, tmp_path, names, code) for names in (list(READ_AHEAD), []))
    assert ready[1] == fresh[1]
    assert ready[0] > 50


def test_a_submodule_is_no_attribute_before_it_is_imported(tmp_path: Path) -> None:
    code = """
import urllib
before = hasattr(urllib, "request")
import urllib.request
print(json.dumps([before, urllib.request is sys.modules["urllib.request"], len(ahead._modules) < whole]))
"""
    assert _run(NEWEST, tmp_path, list(READ_AHEAD), code) == [False, True, True]


@pytest.mark.parametrize("own", ["queue.py", "queue/__init__.py"])
def test_a_functions_module_wins_over_the_librarys(own: str, tmp_path: Path) -> None:
    file = tmp_path / own
    file.parent.mkdir(exist_ok=True)
    file.write_text("origin = 'mine'\nclass Queue: pass\nclass Empty(Exception): pass\n")
    code = """
import queue, tempfile
is_the_librarys = tempfile.__file__.startswith(os.path.dirname(os.__file__))
print(json.dumps([queue.origin, is_the_librarys, len(ahead._modules) == whole]))
"""
    # Nothing was taken: whichever of them imports a queue must get this one.
    assert _run(NEWEST, tmp_path, list(READ_AHEAD), code) == ["mine", True, True]


def test_a_folder_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "template.txt").touch()
    (tmp_path / "secrets.json").touch()
    code = "import email.message; print(json.dumps(len(ahead._modules) < whole))"
    assert _run(NEWEST, tmp_path, list(READ_AHEAD), code) is True


@pytest.mark.parametrize("path", ["'/dev'", "''", "sys.executable"])
def test_where_what_is_there_may_change_imports_go_their_usual_way(path: str, tmp_path: Path) -> None:
    code = f"""
sys.path.insert(0, {path})
import email.message
print(json.dumps(len(ahead._modules) == whole))
"""
    assert _run(NEWEST, tmp_path, list(READ_AHEAD), code) is True


def test_what_was_found_but_not_imported_can_still_be(tmp_path: Path) -> None:
    code = """
import importlib.util
found = importlib.util.find_spec("queue")
import queue
other = importlib.util.module_from_spec(found)
found.loader.exec_module(other)
source = importlib.util.find_spec("tempfile").loader.get_source("tempfile")
works = issubclass(other.LifoQueue, other.Queue)
print(json.dumps([other is queue, other.__file__ == queue.__file__, works, len(source)]))
"""
    *seen, length = _run(NEWEST, tmp_path, list(READ_AHEAD), code)
    assert seen == [False, True, True]
    assert length > 0


def test_a_module_imported_again_is_another(tmp_path: Path) -> None:
    code = """
import queue
first = sys.modules.pop("queue")
import queue
print(json.dumps(first is queue))
"""
    assert _run(NEWEST, tmp_path, list(READ_AHEAD), code) is False
