"""Imports from folders of archives, with a third of the questions that CPython's own finder has for the disk.

An archive's folders hold what they hold for as long as an environment lives, and their byte-code is not checked against
sources. So a folder is listed once, by which it is known what is a file and what a folder, and a module of Python's is
one file to read. What is found, the order in which names are tried, and what modules say of where they come from are
CPython's; whatever is not a plain module or package is left to it.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import (  # type: ignore[attr-defined]
    MAGIC_NUMBER,
    FileFinder,
    SourceFileLoader,
    _compile_bytecode,
    _get_supported_file_loaders,
)
from _imp import extension_suffixes
from types import CodeType, ModuleType
from typing import Iterable

# PEP 552: the flags of byte-code that counts whatever the source says, behind the magic number.
_UNCHECKED = MAGIC_NUMBER + (1).to_bytes(4, "little")
_HEADER_BYTES = 16
_EXTENSIONS = tuple(extension_suffixes())
_CACHED = "/__pycache__/%%s.%s.pyc" % sys.implementation.cache_tag
_NOTHING: frozenset[str] = frozenset()


def know_folders(folders: Iterable[str]) -> None:
    """Have ready what the first import that looks into each of *folders* would make, though nothing is there yet."""
    for folder in folders:
        sys.path_importer_cache[folder] = FolderFinder(folder, list(sys.path_hooks))


class FolderFinder(FileFinder):
    """The finder of one folder whose files change only when the folder does, and of the packages in it.

    *hooks* are those of `sys.path_hooks` that would have made a FileFinder for either.
    """

    def __init__(self, path: str, hooks: list[object]) -> None:
        super().__init__(path, *_get_supported_file_loaders())
        self._hooks = hooks
        self._files = self._folders = _NOTHING
        self._changed_ns = -1

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """As FileFinder has it: extension modules before sources before byte-code, and a package before all of them."""
        try:
            changed_ns = os.stat(self.path).st_mtime_ns
        except OSError:
            return None
        if changed_ns != self._changed_ns:
            self._list()
            self._changed_ns = changed_ns
        name = fullname.rpartition(".")[2]
        if sys.pycache_prefix is None and not sys.flags.optimize:
            if name in self._folders:
                package = self._below(self.path + "/" + name)
                if package is not None and package._holds("__init__"):  # noqa: SLF001 - one of us
                    return _spec(fullname, package.path, "__init__", [package.path])
            elif self._holds(name):
                return _spec(fullname, self.path, name, None)
            elif not any(name + suffix in self._files for suffix in (*_EXTENSIONS, ".py", ".pyc")):
                return None
        found: ModuleSpec | None = super().find_spec(fullname, target)
        return found

    def invalidate_caches(self) -> None:
        """List the folder anew."""
        super().invalidate_caches()
        self._changed_ns = -1

    def _holds(self, name: str) -> bool:
        """Whether the module *name* is a source here."""
        return name + ".py" in self._files and not any(name + suffix in self._files for suffix in _EXTENSIONS)

    def _below(self, path: str) -> FolderFinder | None:
        """The finder of a folder in this one, listed; none where somebody else's is asked, or would be."""
        found = sys.path_importer_cache.get(path)
        if found is None and path not in sys.path_importer_cache and sys.path_hooks == self._hooks:
            found = sys.path_importer_cache[path] = FolderFinder(path, self._hooks)
        if not isinstance(found, FolderFinder):
            return None
        if found._changed_ns == -1:
            try:
                found._changed_ns = os.stat(path).st_mtime_ns
            except OSError:
                return None
            found._list()
        return found

    def _list(self) -> None:
        files, folders = set(), set()
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir():
                            folders.add(entry.name)
                        elif entry.is_file():
                            files.add(entry.name)
                    except OSError:
                        # A link that leads in circles is nothing.
                        continue
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            pass
        self._files, self._folders = frozenset(files), frozenset(folders)


def _spec(fullname: str, folder: str, name: str, locations: list[str] | None) -> ModuleSpec:
    origin = folder + "/" + name + ".py"
    spec = ModuleSpec(fullname, _Loader(fullname, origin), origin=origin)
    spec.submodule_search_locations = locations
    spec.has_location = True
    spec.cached = folder + _CACHED % name
    return spec


class _Loader(SourceFileLoader):
    """A SourceFileLoader, and nothing else any more once its module was loaded."""

    def get_code(self, fullname: str) -> CodeType | None:
        """What SourceFileLoader gives, which reads unchecked byte-code as well, after three looks at its source."""
        self.__class__ = SourceFileLoader  # type: ignore[assignment]
        folder, _, name = self.path.rpartition("/")
        cached = folder + _CACHED % name[: -len(".py")]
        data = _read(cached) if fullname == self.name else b""
        if data[:8] == _UNCHECKED and len(data) > _HEADER_BYTES:
            code: CodeType = _compile_bytecode(
                memoryview(data)[_HEADER_BYTES:], name=fullname, bytecode_path=cached, source_path=self.path
            )
            return code
        return self.get_code(fullname)


def _read(path: str) -> bytes:
    """What the file *path* holds, or nothing where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, os.fstat(fd).st_size)
    except OSError:
        return b""
    finally:
        os.close(fd)
