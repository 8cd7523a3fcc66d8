"""A zip and a folder of the same things are the same artifact."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lamina.workshop.artifacts import Artifact, Entry, Kind, Role
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.running.packing import packed
from lamina.workshop.sources import ArchiveRefused, SourceError, load
from tests.support import zips

NOWHERE = Endpoint("http://127.0.0.1:9")
ITEMS = (
    zips.folder("python"),
    zips.Item("python/a.py", b"a = 1\n", mode=0o100644),
    zips.Item("bin/tool", b"#!/bin/sh\n", mode=0o104777),
    zips.link("bin/again", "tool"),
)


def _folder(root: Path) -> Path:
    for name in ("python", "bin"):
        (root / name).mkdir(parents=True)
        (root / name).chmod(0o755)
    (root / "python/a.py").write_bytes(b"a = 1\n")
    (root / "python/a.py").chmod(0o644)
    (root / "bin/tool").write_bytes(b"#!/bin/sh\n")
    (root / "bin/tool").chmod(0o4777)
    (root / "bin/again").symlink_to("tool")
    return root


@pytest.fixture(params=["zip", "folder"])
def artifact(request: pytest.FixtureRequest, tmp_path: Path) -> Artifact:
    if request.param == "folder":
        return load(str(_folder(tmp_path / "layer")), NOWHERE)
    file = tmp_path / "layer.zip"
    file.write_bytes(zips.archive(*ITEMS))
    return load(str(file), NOWHERE)


def test_it_holds_what_was_put_in(artifact: Artifact) -> None:
    link = next(entry for entry in artifact.entries if entry.kind is Kind.LINK)
    assert (link.path, link.target, link.size) == ("bin/again", "tool", 4)
    assert [entry for entry in artifact.entries if entry.kind is not Kind.LINK] == [
        Entry("bin", Kind.FOLDER, 0, 0o755),
        Entry("bin/tool", Kind.FILE, 10, 0o4777),
        Entry("python", Kind.FOLDER, 0, 0o755),
        Entry("python/a.py", Kind.FILE, 6, 0o644),
    ]
    assert artifact.unzipped_bytes == 20
    assert artifact.role is Role.LAYER


def test_it_reads_files_and_nothing_else(artifact: Artifact) -> None:
    assert artifact.read("python/a.py") == b"a = 1\n"
    for path in ("python", "bin/again", "nothing"):
        with pytest.raises(KeyError):
            artifact.read(path)


def test_an_archive_that_a_server_refuses_is_refused_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "layer.zip"
    file.write_bytes(zips.archive(zips.Item("../a", b"")))
    with pytest.raises(ArchiveRefused, match=r"entry '\.\./a': its name has a component"):
        load(str(file), NOWHERE)


def test_damage_in_the_middle_of_a_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "layer.zip"
    file.write_bytes(zips.archive(zips.Item("a", b"x", crc=1)))
    with pytest.raises(ArchiveRefused, match="its checksum is wrong"):
        load(str(file), NOWHERE)


def test_of_a_name_that_nobody_could_be_asked_about_it_is_said_that_it_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match="missing is no file and no folder, and cannot be looked up as a name: nothing"
    ):
        load("missing", NOWHERE)


@pytest.mark.parametrize("source", ["missing.zip", "./missing", "a b"])
def test_what_is_not_there_is_not_looked_for_at_an_endpoint(source: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no|neither a file nor a folder"):
        load(source, NOWHERE)


def test_a_pipe_in_a_folder_is_no_entry_and_matters_where_an_archive_is_made(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "monitor")
    (tmp_path / "app.py").write_bytes(b"")
    layer, code = load(str(tmp_path), NOWHERE), load(str(tmp_path), NOWHERE, Role.FUNCTION)
    assert [entry.path for entry in code.entries] == [".git", "app.py"]
    # Of a project's folder, version control is no part of the function.
    packed(code)
    with pytest.raises(SourceError, match=r"\.git/monitor is a device, a pipe or a socket"):
        packed(layer)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="pipe is a device, a pipe or a socket"):
        packed(load(str(tmp_path), NOWHERE, Role.FUNCTION))
