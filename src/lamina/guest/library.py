"""The standard library, read ahead by a zygote, for the forks of it to import in no time.

What was read ahead is in nobody's `sys.modules`: it stands on a shelf, and a finder in front of all others hands each
module over when it is imported, together with what that module itself imports. So `sys.modules`, and what a package has
for attributes, are at every moment what they would be in an interpreter that has read nothing ahead.

A function or a layer may bring a module of the same name. That has to win, for the library's own imports, too; so
modules are handed over only while nothing that comes before the library on `sys.path` has any of their names.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from _frozen_importlib import BuiltinImporter, FrozenImporter, ModuleSpec
from _frozen_importlib_external import PathFinder
from _imp import is_frozen
from types import ModuleType
from typing import Any, Iterable, Sequence

from .folders import FolderFinder

# The interpreter's own finders, which come behind ours.
_USUAL: list[object] = [BuiltinImporter, FrozenImporter, PathFinder]
_FIND_ON_PATH = PathFinder.__dict__["find_spec"]
# Folders in which nothing changes while an environment lives.
_UNCHANGING = ("/var/task", "/opt", "/var/runtime", "/var/lang")


class Library:
    """Modules that were read ahead, and the finder (PEP 451) that hands them over, each once."""

    def __init__(
        self,
        modules: dict[str, ModuleType],
        imports: dict[str, list[str]],
        names: Iterable[str],
        folders: Iterable[str],
    ) -> None:
        self._modules = modules
        self._imports = imports  # what each of them imports of the others, in order
        self._names = frozenset(name.partition(".")[0] for name in names)
        self._folders = frozenset(folders)
        self._judged: list[str] | None = None
        self._hidden = False

    @classmethod
    def read(cls, names: Sequence[str]) -> Library:
        """Import *names*, as far as this interpreter has them, and take them out of sight, with all that they import.

        What had been imported before stays as it is.
        """
        before = dict(sys.modules)
        imports, looked_for = _import_all(names)
        new = {name: module for name, module in sys.modules.items() if name not in before}
        # What a module of C puts there itself, such as pyexpat its `pyexpat.errors`, stays: nobody looks there for it.
        modules = {name: each for name, each in new.items() if isinstance(getattr(each, "__spec__", None), ModuleSpec)}
        for name, module in modules.items():
            del sys.modules[name]
            package, _, attribute = name.rpartition(".")
            holder = modules.get(package) or before.get(package)
            if holder is not None and holder.__dict__.get(attribute) is module:
                delattr(holder, attribute)
        needed = {name: [each for each in imports.get(name, ()) if each in modules] for name in modules}
        files = [
            module.__spec__.origin for module in modules.values() if module.__spec__ and module.__spec__.has_location
        ]
        folders = {os.path.dirname(file) for file in files if file}
        return cls(modules, needed, looked_for.union(modules), folders.intersection(sys.path))

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The finder's part: how *name* is to be had from here; None where it is not."""
        module = self._modules.get(name)
        if module is None:
            return self._found_below(name, path)
        if self._is_hidden():
            return None
        original = module.__spec__
        assert original is not None, "no other module is kept"
        spec = ModuleSpec(name, _Loader(self, original), origin=original.origin)  # type: ignore[arg-type]
        spec.submodule_search_locations = original.submodule_search_locations
        spec.cached, spec.has_location = original.cached, original.has_location
        return spec

    def judge_anew(self) -> None:
        """There may be other files in the folders of `sys.path` than when it was last looked at."""
        self._judged = None

    def take(self, name: str) -> ModuleType | None:
        """Hand *name* over: it is not here any more."""
        return self._modules.pop(name, None)

    def import_needed(self, name: str) -> None:
        """Import what the module *name* would have imported had it been executed now."""
        for each in self._imports[name]:
            if each not in sys.modules:
                importlib.import_module(each)

    def _found_below(self, name: str, path: object) -> ModuleSpec | None:
        """What the interpreter's finders would come to for a module of a package that lies in one folder of ours.

        Nearly every import is one, and they ask in four steps what one of them then tells.
        """
        if not isinstance(path, list) or len(path) != 1 or sys.meta_path[:4] != [self, *_USUAL] or is_frozen(name):
            return None
        if PathFinder.__dict__["find_spec"] is not _FIND_ON_PATH:
            return None
        finder = sys.path_importer_cache.get(path[0]) if isinstance(path[0], str) else None
        spec = finder.find_spec(name) if isinstance(finder, FolderFinder) else None
        # What has no loader is one of several folders, perhaps.
        return None if spec is None or spec.loader is None else spec

    def _is_hidden(self) -> bool:
        if not self._hidden and self._judged != sys.path:
            self._judged = list(sys.path)
            self._hidden = not self._is_clear()
        return self._hidden

    def _is_clear(self) -> bool:
        """Whether each module of the library is what an import of its name finds."""
        missing = set(self._folders)
        for entry in sys.path:
            missing.discard(entry)
            if not missing:
                return True
            if entry not in self._folders and not (entry.startswith(_UNCHANGING) and self._has_none(entry)):
                return False
        return False

    def _has_none(self, folder: str) -> bool:
        """Whether no import of a name of the library's finds anything in *folder*."""
        try:
            found = {each.partition(".")[0] for each in os.listdir(folder)}
        except FileNotFoundError:
            return True
        except OSError:
            return False
        specs = [PathFinder.find_spec(name, [folder]) for name in self._names.intersection(found)]
        # What has no loader is a folder of anything, which comes behind every module.
        return all(spec is None or spec.loader is None for spec in specs)


class _Loader:
    """Puts the module that is ready in the place of a new one; for all else it is the loader that module has."""

    def __init__(self, library: Library, original: ModuleSpec) -> None:
        self._library = library
        self._original = original
        self._ready: ModuleType | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        self._ready = self._library.take(spec.name)
        return self._ready

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._original
        if module is self._ready:
            self._library.import_needed(module.__name__)
        elif self._original.loader is not None:
            # Taken by another, since this one was asked for.
            self._original.loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_original"].loader, name)


def _import_all(names: Sequence[str]) -> tuple[dict[str, list[str]], set[str]]:
    """Import *names*; gives what each module imports that is executed for that, and what was looked for in vain."""
    imports: dict[str, list[str]] = {}
    missing: set[str] = set()
    original = builtins.__import__

    def recording(
        name: str,
        globals: Any = None,  # noqa: A002 - the names that callers may use
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        try:
            module = original(name, globals, locals, fromlist, level)
        except ImportError:
            missing.add(name)
            raise
        importer = globals or {}
        package = (importer.get("__package__") or "").split(".")
        full = ".".join(package[: len(package) + 1 - level] + [name] * bool(name)) if level else name
        imported = imports.setdefault(importer.get("__name__", ""), [])
        imported += [full, *(full + "." + each for each in fromlist or ())]
        return module

    builtins.__import__ = recording
    try:
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError:
                # This interpreter was built without it, or is of another version.
                continue
    finally:
        builtins.__import__ = original
    return imports, missing
