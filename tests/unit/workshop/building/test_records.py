"""What installers write, made the same whoever installed and where."""

from __future__ import annotations

import base64
import hashlib

from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.building.records import settle, written_again

UNKNOWN = Package("other files")
INFO = "python/demo_pkg-1.0.dist-info"


def _piece(path: str, data: bytes) -> Piece:
    return Piece(path, UNKNOWN, data=data)


def _installed(interpreter: str, *more: Piece) -> list[Piece]:
    record = b"demo_pkg/__init__.py,sha256=old,1\nbin/demo,sha256=old,9\ndemo_pkg-1.0.dist-info/uv_cache.json,,\n"
    return [
        _piece("python/.lock", b""),
        _piece("python/demo_pkg/__init__.py", b"x = 1\n"),
        _piece("python/bin/demo", f"#!{interpreter}\nimport sys\n".encode()),
        _piece(f"{INFO}/METADATA", b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n\nName: of a README\n"),
        _piece(f"{INFO}/uv_cache.json", b"{}"),
        _piece(f"{INFO}/RECORD", record),
        *more,
    ]


def _contents(pieces: list[Piece]) -> dict[str, bytes]:
    return {piece.path: piece.read() for piece in pieces}


def test_two_machines_leave_the_same_behind() -> None:
    one = settle(_installed("/home/one/.venv/bin/python"), "python/", "/var/lang/bin/python3.12")
    long = "/bin/sh\n'''exec' '/home/an other/bin/python' \"$0\" \"$@\"\n' '''"
    other = settle(_installed(long), "python/", "/var/lang/bin/python3.12")
    assert _contents(one) == _contents(other)
    assert _contents(one)["python/bin/demo"] == b"#!/var/lang/bin/python3.12\nimport sys\n"


def test_a_record_lists_what_is_there_sorted_with_the_digests_that_it_has() -> None:
    settled = _contents(settle(_installed("/usr/bin/python"), "python/", "/var/lang/bin/python3.12"))
    digest = hashlib.sha256(settled["python/bin/demo"]).digest()
    script = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    lines = settled[f"{INFO}/RECORD"].decode().splitlines()
    assert lines[0] == f"bin/demo,sha256={script},{len(settled['python/bin/demo'])}"
    assert [line.split(",")[0] for line in lines[1:]] == ["demo_pkg-1.0.dist-info/RECORD", "demo_pkg/__init__.py"]
    assert "python/.lock" not in settled
    assert f"{INFO}/uv_cache.json" not in settled


def test_files_belong_to_the_package_that_lists_them() -> None:
    pieces = settle(_installed("/usr/bin/python", _piece("python/stray.py", b"")), "python/", "/x")
    owners = {piece.path: str(piece.package) for piece in pieces}
    assert owners["python/bin/demo"] == "Demo.Pkg 1.0"
    assert owners["python/stray.py"] == "other files"


def test_where_a_wheel_lay_on_the_machine_is_left_out_and_where_it_lay_on_the_network_is_not() -> None:
    local = _piece(f"{INFO}/direct_url.json", b'{"url": "file:///home/one/demo.whl"}')
    remote = _piece(f"{INFO}/direct_url.json", b'{"url": "https://example.com/demo.whl"}')
    assert local.path not in _contents(settle(_installed("/x", local), "python/", "/x"))
    assert remote.path in _contents(settle(_installed("/x", remote), "python/", "/x"))


def test_scripts_of_other_languages_keep_their_first_line() -> None:
    shell = _piece("python/bin/run", b"#!/bin/sh\necho python\n")
    assert _contents(settle([shell], "python/", "/x"))["python/bin/run"] == b"#!/bin/sh\necho python\n"


def test_a_record_forgets_what_was_stripped_wherever_the_packages_lie() -> None:
    folder = "python/lib/python3.12/site-packages"
    record = b"d/__init__.py,,\nd/tests/t.py,,\nd-1.dist-info/RECORD,,\n"
    pieces = [_piece(f"{folder}/d/__init__.py", b""), _piece(f"{folder}/d-1.dist-info/RECORD", record)]
    written = _contents(written_again(pieces))[f"{folder}/d-1.dist-info/RECORD"]
    assert b"tests" not in written
    assert written.startswith(b"d-1.dist-info/RECORD,,\nd/__init__.py,sha256=")
