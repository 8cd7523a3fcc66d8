"""How entries lie together: every path once, and nothing below anything but a folder."""

from __future__ import annotations

from lamina.layers.archive.attributes import FOLDER_MODE
from lamina.layers.archive.directory import ENTRIES_MAX
from lamina.layers.archive.entries import Entry, Kind
from lamina.layers.archive.errors import ArchiveUnreadable, refused

# Folders that only names imply cost a path each, and one name can imply a hundred.
_PATH_CHARACTERS_MAX = 64 << 20


class Layout:
    """The tree that is growing, one entry at a time; `entries` has parents before children."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._characters = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def is_folder(self, path: str) -> bool:
        found = self._entries.get(path)
        return found is not None and found.kind is Kind.FOLDER

    def add(self, entry: Entry) -> None:
        """Put *entry* in its place, its folders before it; ArchiveUnreadable when the place is taken.

        A folder may be named again, the last one's mode counts: archives put together from several have that.
        Anything else twice is refused: which of the two is meant depends on who unpacks.
        """
        self._add_folders_above(entry)
        taken = self._entries.get(entry.path)
        if taken is None:
            self._count(entry.path)
        elif taken.kind is not Kind.FOLDER or entry.kind is not Kind.FOLDER:
            same = taken.kind is entry.kind
            raise refused(
                entry.path, "it is there twice" if same else f"it is a {taken.kind.value} and a {entry.kind.value}"
            )
        self._entries[entry.path] = entry

    def _add_folders_above(self, entry: Entry) -> None:
        missing = []
        parent = entry.path.rpartition("/")[0]
        while parent and (found := self._entries.get(parent)) is None:
            missing.append(parent)
            parent = parent.rpartition("/")[0]
        if parent and found is not None and found.kind is not Kind.FOLDER:
            raise refused(entry.path, f"it lies in {parent[:120]!r}, which is a {found.kind.value}")
        for path in reversed(missing):
            self._count(path)
            self._entries[path] = Entry(path, Kind.FOLDER, FOLDER_MODE, entry.mtime)

    def _count(self, path: str) -> None:
        self._characters += len(path)
        if len(self._entries) >= ENTRIES_MAX or self._characters > _PATH_CHARACTERS_MAX:
            raise ArchiveUnreadable("too many folders and names")
