"""Folders as archives, on a real disk."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from lamina.layers import archive as archives
from lamina.store import folders


def test_an_archive_of_a_folder_is_one_that_may_be_uploaded_and_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "run").chmod(0o755)
    (tmp_path / "bin" / "link").symlink_to("run")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "empty").mkdir()
    data = folders.archive(tmp_path)
    assert data == folders.archive(tmp_path)
    archives.verify(data, archives.inspect(data))
    found = zipfile.ZipFile(io.BytesIO(data))
    assert found.namelist() == ["bin/", "bin/link", "bin/run", "empty/"]
    assert found.read("bin/link") == b"run"
    assert found.getinfo("bin/run").external_attr >> 16 & 0o777 == 0o755


def test_a_look_tells_each_change_and_whether_it_proves_anything(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    first = folders.look(tmp_path, time.time_ns())
    assert not first.settled, "it may change again within the same tick of the clock"
    later = folders.look(tmp_path, file.stat().st_ctime_ns + 1_000_000_000)
    assert later.settled
    assert later.files == first.files
    before = file.stat()
    file.write_text("new")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.chmod(file, 0o600)
    assert folders.look(tmp_path, 0).files != first.files


def test_what_no_archive_holds_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is a device, a pipe or a socket"):
        folders.archive(tmp_path)
    with pytest.raises(FileNotFoundError):
        folders.look(tmp_path / "gone", 0)
