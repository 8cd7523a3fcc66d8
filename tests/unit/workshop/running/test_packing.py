"""What of a folder is run, and the archive that becomes of it."""

from __future__ import annotations

import io
import stat
import zipfile

from lamina.layers.archive import Kind
from lamina.workshop.artifacts import Artifact, Entry, Role
from lamina.workshop.running.packing import Added, carried, packed


def artifact(role: Role, *entries: Entry) -> Artifact:
    return Artifact("here", role, entries, 0, lambda path: f"content of {path}".encode())


def file(path: str, mode: int = 0o644) -> Entry:
    return Entry(path, Kind.FILE, 1, mode)


def test_an_archive_has_modes_links_and_empty_folders_and_is_the_same_each_time() -> None:
    held = artifact(
        Role.LAYER,
        file("bin/run", 0o755),
        Entry("empty", Kind.FOLDER, 0, 0o755),
        Entry("link", Kind.LINK, 7, 0o777, "bin/run"),
    )
    data = packed(held)
    assert data == packed(held)
    archive = zipfile.ZipFile(io.BytesIO(data))
    modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes == {
        "bin/run": stat.S_IFREG | 0o755,
        "empty/": stat.S_IFDIR | 0o755,
        "link": stat.S_IFLNK | 0o777,
    }
    assert archive.read("bin/run") == b"content of bin/run"
    assert archive.read("link") == b"bin/run"


def test_what_is_put_below_gives_way_to_what_is_there() -> None:
    below = {"a": Added(b"below", 0o755), "b": Added(b"below", 0o755)}
    archive = zipfile.ZipFile(io.BytesIO(packed(artifact(Role.LAYER, file("a")), below)))
    assert (archive.read("a"), archive.read("b")) == (b"content of a", b"below")


def test_of_a_projects_folder_only_what_a_function_needs_is_carried() -> None:
    entries = [
        file(path) for path in (".git/config", ".venv/lib/x.py", ".venv/pyvenv.cfg", ".venvy", "a/__pycache__/b")
    ]
    kept = artifact(Role.FUNCTION, *entries, file("app.py"))
    assert [entry.path for entry in carried(kept)] == [".venvy", "app.py"]
    assert len(carried(artifact(Role.LAYER, *entries))) == len(entries)
