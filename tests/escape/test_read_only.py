"""Attempts to change what a function may only read."""

from __future__ import annotations

import base64
import os

import pytest

from tests.support.functions import Inside, create, layer
from tests.support.runtimes import NEWEST
from tests.support.server import Server

PLACES = [
    "/", "/opt", "/opt/python", "/var", "/var/task", "/var/runtime", "/var/lang", "/var/lang/bin",
    f"/var/lang/lib/{NEWEST}", f"/var/lang/lib/{NEWEST}/site-packages", "/usr", "/usr/bin", "/usr/lib", "/etc", "/dev",
]  # fmt: skip


def create_file(folder: str) -> None:
    with open(f"{folder}/new", "w"):
        pass


@pytest.fixture(scope="module")
def inside(prison: Server) -> Inside:
    content = layer(prison, {"python/x.py": b"x = 1", "data": b"old"})
    return Inside.on(prison, Layers=[content])


@pytest.mark.parametrize("folder", PLACES)
def test_no_file_can_be_made(inside: Inside, folder: str) -> None:
    # The kernel looks at the mount before it looks at rights.
    assert inside.refusal(create_file, folder) == "EROFS"


@pytest.mark.parametrize(
    "path", ["/opt/data", "/var/task/index.py", "/var/runtime/bootstrap.py", f"/var/lang/bin/{NEWEST}", "/etc/passwd"]
)
@pytest.mark.parametrize("how", ["open", "truncate", "unlink", "rename", "chmod", "utime", "link", "setxattr"])
def test_no_file_can_be_changed(inside: Inside, path: str, how: str) -> None:
    def change(path: str, how: str) -> None:
        import os

        if how == "open":
            os.close(os.open(path, os.O_RDWR))
        elif how == "truncate":
            os.truncate(path, 0)
        elif how == "unlink":
            os.unlink(path)
        elif how == "rename":
            os.rename(path, path + "x")
        elif how == "chmod":
            os.chmod(path, 0o777)
        elif how == "utime":
            os.utime(path)
        elif how == "link":
            os.link(path, path + "x")
        else:
            os.setxattr(path, "user.x", b"x")

    assert inside.refusal(change, path, how) in ("EROFS", "EPERM") if how == "unlink" else "EROFS"


def test_errno_is_that_of_aws(inside: Inside) -> None:
    def number() -> int | None:
        import os

        try:
            os.mkdir("/opt/x")
        except OSError as error:
            return error.errno
        return None

    assert inside.run(number) == 30


def test_a_hard_link_into_tmp_is_no_way_to_write(inside: Inside) -> None:
    def link(path: str) -> None:
        import os

        os.link(path, "/tmp/linked")

    assert inside.refusal(link, "/opt/data") in ("EXDEV", "EPERM")
    assert inside.refusal(link, "/var/task/index.py") in ("EXDEV", "EPERM")


def test_a_file_opened_for_reading_cannot_be_opened_again_for_writing(inside: Inside) -> None:
    def reopen(path: str) -> None:
        import os

        reading = os.open(path, os.O_RDONLY)
        os.close(os.open(f"/proc/self/fd/{reading}", os.O_RDWR))

    assert inside.refusal(reopen, "/opt/data") in ("EROFS", "EACCES")
    assert inside.refusal(reopen, "/var/task/index.py") in ("EROFS", "EACCES")


def test_memory_of_a_layers_file_is_private(inside: Inside) -> None:
    def overwrite() -> str:
        import mmap

        with open("/opt/data", "rb") as file:
            private = mmap.mmap(file.fileno(), 3, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
            private[:] = b"new"
        with open("/opt/data") as file:
            return file.read()

    assert inside.run(overwrite) == "old"

    def shared() -> None:
        import mmap

        with open("/opt/data", "rb") as file:
            mmap.mmap(file.fileno(), 3, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)

    assert inside.refusal(shared) == "EACCES"


def test_devices_cannot_be_made(inside: Inside) -> None:
    def make() -> None:
        import os
        import stat

        os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(7, 0))

    assert inside.refusal(make) == "EPERM"


def test_byte_code_beside_the_code_is_not_written(prison: Server) -> None:
    function = create(
        prison, {"index.py": b"import other\ndef handler(e, c): return other.__cached__", "other.py": b""}
    )
    assert function.value().startswith("/var/task/__pycache__/other.")
    sha256 = function.client.get_function_configuration(FunctionName=function.name)["CodeSha256"]
    tree = prison.state / "trees/v1" / base64.b64decode(sha256).hex()
    assert sorted(os.listdir(tree)) == ["index.py", "other.py"]


def test_a_working_folder_that_is_deleted_harms_nobody(inside: Inside) -> None:
    def delete_and_stay() -> list[str]:
        import os

        os.makedirs("/tmp/gone", exist_ok=True)
        os.chdir("/tmp/gone")
        os.rmdir("/tmp/gone")
        return os.listdir("/var/task")

    assert "index.py" in inside.run(delete_and_stay)
    assert "index.py" in inside.run(delete_and_stay)
