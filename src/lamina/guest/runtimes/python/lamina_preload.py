"""Preloaded layers: a runtime that has imported some modules and then becomes one function's after another, by forks.

It waits as a template of SnapStart does, and moves into environments the same way. But the function comes later, with
code and variables that none of the imports could see; so it watches what they look at, and says so: the server then
keeps functions away for which that would have been something else.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys

import lamina_template
import runtime_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

_LOG_FD = 62
# Where a fork hears its order, and where it then talks with the server, as one that a zygote has forked.
_ORDER_FD = _LOG_FD + 2
_TALK_FD = _LOG_FD + 3
_ANSWERS_FD = _LOG_FD + 4
_TMP_FD = _LOG_FD + 5
_DESCRIPTORS_MAX = 1024
_SAID_MAX = 300


def wait_for_function(modules: list[str], known: frozenset[str]) -> None:
    """Import *modules* and serve as a template; returns in a function's environment, with its variables.

    *known* are the modules that every environment has before it begins.
    """
    control = socket.socket(fileno=int(os.environ.pop("_LAMINA_TEMPLATE_FD")))
    descriptors = _descriptors()
    before = dict(os.environ)
    with _Watching() as watching:
        failures = [failure for failure in map(_import, modules) if failure]
    gc.collect()
    changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
    removed = [name for name in before if name not in os.environ]
    found = [*failures, *lamina_template.hindrances(), *_left_behind(descriptors)]
    if watching.everything:
        found.append("all environment variables are read during the import")
    report = {
        "hindrances": found,
        "names": sorted(_new(known) | watching.missing),
        "read": sorted(watching.read),
    }

    def enter(_order: dict[str, Any], fds: list[int]) -> None:
        _become(fds, changed, removed)

    lamina_template.serve(control, report, enter)
    for name in ("lamina_preload", "lamina_template"):
        del sys.modules[name]


def _import(name: str) -> str:
    """Import a module; why that does not work, or nothing."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - functions that import it are to see what it is
        return ("the import of %s fails: %s: %s" % (name, type(error).__name__, error))[:_SAID_MAX]
    return ""


def _new(known: frozenset[str]) -> set[str]:
    """The names under which something else could have been found that was imported since."""
    return {name.partition(".")[0] for name in sys.modules if name not in known} - known


class _Watching:
    """While it is entered: which modules are looked for in vain, and which environment variables are read."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.read: set[str] = set()
        self.everything = False

    def __enter__(self) -> Self:
        environ: Any = type(os.environ)
        self._get, self._iterate = environ.__getitem__, environ.__iter__

        def get(variables: Any, name: Any) -> Any:
            self.read.add(os.fsdecode(name))
            return self._get(variables, name)

        def iterate(variables: Any) -> Any:
            self.everything = True
            return self._iterate(variables)

        environ.__getitem__, environ.__iter__ = get, iterate
        # Behind all others: whoever is asked last has what nobody else had.
        sys.meta_path.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        environ: Any = type(os.environ)
        environ.__getitem__, environ.__iter__ = self._get, self._iterate
        sys.meta_path.remove(self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """The finder's part: it has nothing."""
        if path is None:
            self.missing.add(name)


def _descriptors() -> set[str]:
    # The listing's own is closed again when the others are looked at.
    return {name for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)}


def _left_behind(descriptors: set[str]) -> list[str]:
    """What an import has left that forks would share, or would not have."""
    found = []
    opened = sorted(_descriptors() - descriptors)
    if opened:
        found.append("open after the import: " + os.readlink("/proc/self/fd/" + opened[0]))
    try:
        os.waitpid(-1, os.WNOHANG)
        found.append("a process is started by the import")
    except ChildProcessError:
        pass
    return found


def _become(fds: list[int], changed: dict[str, str], removed: list[str]) -> None:
    """Move into the environment of *fds*, wait until it is a function's, and have its variables, limits and /tmp.

    What the imports have *changed* or *removed* of the environment variables, they would have here, too.
    """
    *namespaces, log, order_fd, talk, answers = fds
    tmp = lamina_template.open_tmp()
    lamina_template.move_in(namespaces, log)
    # Twice: what it has kept open for the template is dropped.
    runtime_client.forget_connection()
    runtime_client.forget_connection()
    _keep(order_fd, talk, answers, tmp)
    lamina_template.draw_anew()
    # numpy's own generator would draw the same in all forks.
    numpy_random = sys.modules.get("numpy.random.mtrand")
    if numpy_random is not None:
        numpy_random.seed()
    for finder in sys.meta_path:
        if hasattr(finder, "judge_anew"):
            finder.judge_anew()
    os.write(_ANSWERS_FD, b".")
    order = _read_order()
    lamina_template.limit(order["limits"])
    if tmp != -1:
        lamina_template.copy_tmp(_TMP_FD)
    frames = "%d %d" % (_TALK_FD, _ANSWERS_FD)
    _set_variables({**order["environ"], **changed, "_LAMINA_FRAMES_FD": frames}, removed)
    code_finder: Any = sys.path_importer_cache.get(order["working_folder"])
    if code_finder is not None:
        code_finder.invalidate_caches()
    os.chdir(order["working_folder"])


def _keep(order_fd: int, talk: int, answers: int, tmp: int) -> None:
    """Move these to where they are known, out of each other's way, and close all others but the streams."""
    high = [os.dup(fd) if fd != -1 else -1 for fd in (order_fd, talk, answers, tmp)]
    for fd, number in zip(high, (_ORDER_FD, _TALK_FD, _ANSWERS_FD, _TMP_FD)):
        if fd != -1:
            os.dup2(fd, number, inheritable=False)
    os.closerange(3, _LOG_FD)
    os.closerange(_LOG_FD + 1, _ORDER_FD)
    os.closerange(_TMP_FD if tmp == -1 else _TMP_FD + 1, _DESCRIPTORS_MAX)


def _read_order() -> dict[str, Any]:
    pieces = []
    while True:
        piece = os.read(_ORDER_FD, 65536)
        if not piece:
            break
        pieces.append(piece)
    os.close(_ORDER_FD)
    if not pieces:
        os._exit(0)
    order: dict[str, Any] = json.loads(b"".join(pieces))
    return order


def _set_variables(variables: dict[str, str], removed: list[str]) -> None:
    for name in [name for name in os.environ if name not in variables]:
        del os.environ[name]
    for name, value in variables.items():
        if name in removed:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value
