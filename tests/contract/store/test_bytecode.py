"""Byte-code beside trees: whole or not there, of every source of its tree, shared only where the source is the same."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lamina.names import Digest
from lamina.store import Blobs, Trees
from lamina.store.bytecode import ByteCode, Source
from tests.support.zips import Item, archive, folder, link

TAG = "cpython-312"
PYC = b"magi"
SOURCES = archive(
    folder("python/", 0o755),
    folder("python/pkg/", 0o750),
    Item("python/pkg/__init__.py", b"x = 1\n"),
    Item("python/pkg/other.py", b"y = 2\n"),
    Item("python/pkg/__pycache__/other.cpython-312.pyc", b"the publisher's own"),
    Item("python/pkg/tests/test_x.py", b"z = 3\n"),
    Item("python/data.txt", b"no source"),
    link("python/alias.py", "pkg/other.py"),
)


@pytest.fixture
def digest(trees: Trees, blobs: Blobs) -> Digest:
    return trees.ensure(blobs.put(SOURCES), blobs).digest


@pytest.fixture
def code(tmp_path: Path, trees: Trees) -> ByteCode:
    return ByteCode.open(tmp_path / "trees/v1")


def write(code: ByteCode, digest: Digest, content: bytes = b"compiled") -> None:
    writing = code.begin(digest, TAG)
    for source in code.sources(digest, TAG):
        writing.put(source, content if source.compiled else b"")
    writing.finish()


def test_every_source_gets_a_file_and_only_what_is_imported_is_compiled(code: ByteCode, digest: Digest) -> None:
    assert [(source.path, source.compiled) for source in code.sources(digest, TAG)] == [
        ("python/alias.py", False),
        ("python/pkg/__init__.py", True),
        ("python/pkg/other.py", True),
        ("python/pkg/tests/test_x.py", False),
    ]


@pytest.mark.parametrize(
    ("path", "cached"),
    [("app.py", "__pycache__/app.cpython-312.pyc"), ("a/b.py", "a/__pycache__/b.cpython-312.pyc")],
)
def test_byte_code_has_the_name_an_interpreter_looks_for(path: str, cached: str) -> None:
    assert Source(path, 1, True).cached(TAG) == cached


def test_nothing_is_found_before_all_of_it_is_there(code: ByteCode, digest: Digest, tmp_path: Path) -> None:
    writing = code.begin(digest, TAG)
    writing.put(code.sources(digest, TAG)[0], b"compiled")
    assert code.find(digest, TAG) is None
    writing.abandon()
    assert os.listdir(tmp_path / "trees/v1/.bytecode/.incoming") == []


def test_what_was_finished_is_found_and_by_the_next_server_too(
    code: ByteCode, digest: Digest, trees: Trees, blobs: Blobs, tmp_path: Path
) -> None:
    write(code, digest)
    for each in (code, ByteCode.open(tmp_path / "trees/v1")):
        found = each.find(digest, TAG)
        assert found == f".bytecode/{digest.hex}/{TAG}"
        assert each.find(digest, "cpython-313") is None
        assert list(each.digests()) == [digest]
    made = tmp_path / "trees/v1" / f".bytecode/{digest.hex}/{TAG}" / "python/pkg"
    assert (made / "__pycache__/other.cpython-312.pyc").read_bytes() == b"compiled"
    assert (made / "tests/__pycache__/test_x.cpython-312.pyc").read_bytes() == b""


def test_its_folders_look_as_those_below_them(code: ByteCode, digest: Digest, tmp_path: Path) -> None:
    write(code, digest)
    top, below = (tmp_path / "trees/v1" / name / "python/pkg" for name in (f".bytecode/{digest.hex}/{TAG}", digest.hex))
    assert stat.S_IMODE(top.stat().st_mode) == stat.S_IMODE(below.stat().st_mode)
    assert top.stat().st_mtime_ns == below.stat().st_mtime_ns


def test_a_killed_writer_leaves_nothing(code: ByteCode, digest: Digest, tmp_path: Path) -> None:
    writing = code.begin(digest, TAG)
    ByteCode.open(tmp_path / "trees/v1")
    assert not writing.aside.exists()


def test_a_tree_without_sources_is_found_to_have_nothing_that_could_be_missing(
    code: ByteCode, trees: Trees, blobs: Blobs, tmp_path: Path
) -> None:
    digest = trees.ensure(blobs.put(archive(Item("bin/tool", b"#!/bin/sh\n"))), blobs).digest
    assert code.find(digest, TAG) is None
    write(code, digest)
    found = code.find(digest, TAG)
    assert found is not None
    assert os.listdir(tmp_path / "trees/v1" / found) == []


@pytest.mark.parametrize(
    ("shipped", "ours"),
    [
        (Item("__pycache__/app.cpython-312.pyc", PYC + b"\x01\0\0\0" + b"used unseen"), False),
        (Item("__pycache__/app.cpython-312.pyc", PYC + b"\x03\0\0\0" + b"checked"), True),
        (Item("__pycache__/app.cpython-312.pyc", PYC + b"\0\0\0\0" + b"has a time"), True),
        (Item("__pycache__/app.cpython-313.pyc", PYC + b"\x01\0\0\0" + b"another's"), True),
        (Item("__pycache__", b"a file"), False),
        (link("__pycache__", "elsewhere"), False),
        (link("__pycache__/app.cpython-312.pyc", "../elsewhere"), False),
        (folder("__pycache__/app.cpython-312.pyc/"), False),
    ],
)
def test_what_must_not_be_hidden_is_not(code: ByteCode, trees: Trees, blobs: Blobs, shipped: Item, ours: bool) -> None:
    digest = trees.ensure(blobs.put(archive(Item("app.py", b"x = 1\n"), shipped)), blobs).digest
    assert [source.path for source in code.sources(digest, TAG)] == (["app.py"] if ours else [])


def test_the_next_version_takes_over_what_did_not_change(
    code: ByteCode, digest: Digest, trees: Trees, blobs: Blobs, tmp_path: Path
) -> None:
    write(code, digest)
    changed = archive(
        Item("python/pkg/__init__.py", b"x = 1\n"),
        Item("python/pkg/other.py", b"y = 'changed'\n"),
        Item("python/pkg/new.py", b"n = 4\n"),
    )
    second = trees.ensure(blobs.put(changed), blobs).digest
    sources = code.sources(second, TAG)
    reusable = code.reusable(second, sources, digest, TAG)
    assert list(reusable) == ["python/pkg/__init__.py"]
    writing = code.begin(second, TAG)
    for source in sources:
        if source.path in reusable:
            writing.link(source, reusable[source.path])
        else:
            writing.put(source, b"newly compiled")
    writing.finish()
    name = "python/pkg/__pycache__/__init__.cpython-312.pyc"
    first, next_ = (tmp_path / f"trees/v1/.bytecode/{each.hex}/{TAG}" / name for each in (digest, second))
    assert first.samefile(next_)


def test_nothing_is_taken_over_from_a_tree_that_was_not_compiled(code: ByteCode, digest: Digest) -> None:
    assert code.reusable(digest, code.sources(digest, TAG), digest, TAG) == {}


def test_deleting_takes_the_byte_code_of_every_interpreter(code: ByteCode, digest: Digest, tmp_path: Path) -> None:
    write(code, digest)
    code.delete(digest)
    code.delete(digest)
    assert code.find(digest, TAG) is None
    assert os.listdir(tmp_path / "trees/v1/.bytecode") == [".incoming"]
    assert os.listdir(tmp_path / "trees/v1/.bytecode/.incoming") == []
