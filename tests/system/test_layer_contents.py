"""What of a layer's archive counts, and which file wins where several bring one."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import zips
from tests.support.functions import Inside, create, layer
from tests.support.runtimes import INSTALLED, NEWEST
from tests.support.server import Server
from tests.support.zips import DOS, Item

WHICH = b"import mine\ndef handler(event, context): return mine.origin\n"


def _origin(text: str) -> bytes:
    return f"origin = {text!r}\n".encode()


@pytest.mark.parametrize("runtime", INSTALLED)
def test_code_comes_before_layers_and_site_packages_before_python(shared_server: Server, runtime: str) -> None:
    plain = layer(shared_server, {"python/mine.py": _origin("python")})
    site = layer(shared_server, {f"python/lib/{runtime}/site-packages/mine.py": _origin("site")})
    function = create(shared_server, {"index.py": WHICH}, runtime=runtime, Layers=[plain])
    assert function.value() == "python"
    function.update(Layers=[site, plain])
    assert function.value() == "site"
    function.update_code({"index.py": WHICH, "mine.py": _origin("code")})
    assert function.value() == "code"


@pytest.mark.parametrize("runtime", INSTALLED)
def test_layers_come_before_the_packages_of_the_runtime(shared_server: Server, runtime: str) -> None:
    bring = {f"python/{name}.py": _origin(f"my {name}") for name in ("boto3", "urllib3", "simplejson", "six")}
    code = """
        import boto3, six, simplejson, urllib3
        def handler(event, context):
            return [module.origin for module in (boto3, six, simplejson, urllib3)]
    """
    function = create(shared_server, code, runtime=runtime, Layers=[layer(shared_server, bring)])
    assert function.value() == ["my boto3", "my six", "my simplejson", "my urllib3"]


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize("folder", ["python", "python/lib/{}/site-packages", ""])
def test_path_files_are_honoured_in_layers_and_code(shared_server: Server, runtime: str, folder: str) -> None:
    place = folder.format(runtime)
    target = f"/opt/{place}/elsewhere" if place else "/var/task/elsewhere"
    files = {f"{place}/x.pth".lstrip("/"): b"elsewhere\n", f"{place}/elsewhere/mine.py".lstrip("/"): _origin(target)}
    layers = [layer(shared_server, files)] if place else []
    code = {"index.py": WHICH} if place else {"index.py": WHICH, **files}
    assert create(shared_server, code, runtime=runtime, Layers=layers).value() == target


def test_the_last_layer_wins_and_folders_merge(shared_server: Server) -> None:
    one = layer(shared_server, {"python/mine.py": _origin("one"), "data/one": b"1", "data/both": b"1"})
    two = layer(shared_server, {"python/mine.py": _origin("two"), "data/two": b"2", "data/both": b"2"})
    code = """
        import mine, os
        def handler(event, context):
            return [mine.origin, open("/opt/data/both").read(), sorted(os.listdir("/opt/data"))]
    """
    function = create(shared_server, code, Layers=[one, two])
    assert function.value() == ["two", "2", ["both", "one", "two"]]
    function.update(Layers=[two, one])
    assert function.value() == ["one", "1", ["both", "one", "two"]]


def test_a_file_over_a_folder_and_a_folder_over_a_file(shared_server: Server) -> None:
    one, two = layer(shared_server, {"x/inner": b"1", "y": b"1"}), layer(shared_server, {"x": b"2", "y/inner": b"2"})
    inside = Inside.on(shared_server, Layers=[one, two])

    def look() -> list[str]:
        import os

        return sorted(os.path.join(folder, name) for folder, _, files in os.walk("/opt") for name in files)

    assert inside.run(look) == ["/opt/x", "/opt/y/inner"]


def test_names_that_mean_something_to_overlays_are_ordinary_files(shared_server: Server) -> None:
    one = layer(shared_server, {"keep": b"1", "folder/inner": b"1"})
    two = layer(shared_server, {".wh.keep": b"", "folder/.wh..wh..opq": b"", "a:b,c\\d": b"2"})
    inside = Inside.on(shared_server, Layers=[one, two])

    def look() -> list[str]:
        import os

        return sorted(os.path.join(folder, name) for folder, _, files in os.walk("/opt") for name in files)

    assert inside.run(look) == [
        "/opt/.wh.keep",
        "/opt/a:b,c\\d",
        "/opt/folder/.wh..wh..opq",
        "/opt/folder/inner",
        "/opt/keep",
    ]


def test_programs_of_a_layer_are_on_the_path_and_executable(shared_server: Server) -> None:
    tool = zips.archive(Item("bin/tool", b"#!/bin/sh\necho from $0\n", mode=stat.S_IFREG | 0o755))
    inside = Inside.on(shared_server, Layers=[layer(shared_server, tool)])

    def run() -> str:
        import subprocess

        return subprocess.check_output(["tool"]).decode()

    assert inside.run(run) == "from /opt/bin/tool\n"


def test_an_archive_made_under_dos_and_names_in_utf8(shared_server: Server) -> None:
    content = zips.archive(
        Item("python/mine.py", _origin("dos"), system=DOS, mode=0),
        Item("data/日本/ü", b"", system=DOS, mode=0, flags=0x800),
    )
    inside = Inside.on(shared_server, Layers=[layer(shared_server, content)])

    def look() -> list[str]:
        import os

        modes = [oct(os.stat(path).st_mode) for path in ("/opt/python", "/opt/python/mine.py")]
        return modes + os.listdir("/opt/data")

    assert inside.run(look) == ["0o40755", "0o100644", "日本"]
    inside.function.update_code({"index.py": WHICH})
    assert inside.function.value() == "dos"


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_a_shared_library_of_a_layer_is_found_by_its_link(shared_server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int answer(void) { return 42; }\n")
    library = tmp_path / "libx.so.1.0.4"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wl,-soname,libx.so.1", "-o", library, tmp_path / "x.c"], check=True, timeout=60
    )
    content = zips.archive(
        Item("lib/libx.so.1.0.4", library.read_bytes(), mode=stat.S_IFREG | 0o755),
        zips.link("lib/libx.so.1", "libx.so.1.0.4"),
        zips.link("lib/libx.so", "libx.so.1"),
    )
    arn = layer(shared_server, content)
    for variables in ({}, {"LD_LIBRARY_PATH": "/opt/lib"}):
        inside = Inside.on(shared_server, Layers=[arn], Environment={"Variables": variables})

        def load() -> list[object]:
            import ctypes
            import os

            links = [os.readlink(f"/opt/lib/{name}") for name in ("libx.so.1", "libx.so")]
            return [ctypes.CDLL("libx.so.1").answer(), *links]

        assert inside.run(load) == [42, "libx.so.1.0.4", "libx.so.1"]


def test_a_wrapper_of_a_layer_starts_the_runtime(shared_server: Server) -> None:
    script = b'#!/bin/bash\nexport WRAPPED="$*"\nexec "$@"\n'
    wrapper = zips.archive(Item("wrap", script, mode=stat.S_IFREG | 0o755))
    function = create(
        shared_server,
        "import os\ndef handler(e, c): return os.environ['WRAPPED']",
        Layers=[layer(shared_server, wrapper)],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}},
    )
    assert function.value() == f"/var/lang/bin/{NEWEST} /var/runtime/bootstrap.py"


@pytest.mark.parametrize(("mode", "status"), [(None, 127), (0o644, 126)])
def test_a_wrapper_that_cannot_be_run_is_told_as_a_shell_does(
    shared_server: Server, mode: int | None, status: int
) -> None:
    content = zips.archive(Item("wrap" if mode else "other", b"#!/bin/sh\n", mode=stat.S_IFREG | (mode or 0o755)))
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}
    wrapped = create(
        shared_server, {"index.py": WHICH}, Layers=[layer(shared_server, content)], Environment={"Variables": variables}
    )
    answer = wrapped.call()
    assert answer.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status {status}",
    }
