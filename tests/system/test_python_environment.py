"""What a Python function finds around it, for every interpreter of this machine: variables, paths, user, limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import Function, create, layer
from tests.support.runtimes import INSTALLED, NEWEST
from tests.support.server import Server

LOOK = """
import os, platform, pwd, resource, sys
at_import = dict(os.environ)
def mode(path):
    status = os.stat(path)
    return [oct(status.st_mode), status.st_uid]
def handler(event, context):
    limits = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in event}
    return {
        "environ": dict(os.environ), "at_import": at_import, "path": sys.path, "executable": sys.executable,
        "version": list(sys.version_info[:2]), "argv": sys.argv, "main": sys.modules["__main__"].__file__,
        "cwd": os.getcwd(), "uid": os.getuid(), "user": pwd.getpwuid(os.getuid()).pw_name, "limits": limits,
        "modes": {path: mode(path) for path in ("/opt", "/var/task", "/var/runtime", "/tmp", "/lambda-entrypoint.sh")},
        "clock": __import__("time").tzname[0],
        "encoding": sys.getfilesystemencoding(), "threads": len(os.listdir("/proc/self/task")),
    }
"""
LIBRARIES = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
LIMITS = {
    "NOFILE": [1024, 1024],
    "NPROC": [742, 742],
    "STACK": [8388608, -1],
    "MEMLOCK": [65536, 65536],
    "CORE": [10737418240, 10737418240],
    "AS": [-1, -1],
    "CPU": [-1, -1],
    "FSIZE": [-1, -1],
}


def _look(server: Server, runtime: str, **configuration: Any) -> tuple[Function, dict[str, Any]]:
    function = create(server, LOOK, runtime=runtime, **configuration)
    return function, function.value(list(LIMITS))


@pytest.mark.parametrize("runtime", INSTALLED)
def test_the_variables_are_those_of_aws(shared_server: Server, runtime: str) -> None:
    function, seen = _look(shared_server, runtime, Environment={"Variables": {"MINE": "a=b ü\n"}})
    environ = seen["environ"]
    for name, pattern in {
        "AWS_ACCESS_KEY_ID": r"ASIA[A-Z2-7]{16}",
        "AWS_SECRET_ACCESS_KEY": r"\S{40}",
        "AWS_SESSION_TOKEN": r"\S{100,}",
        "AWS_LAMBDA_LOG_STREAM_NAME": r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}",
        "_X_AMZN_TRACE_ID": r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01].*",
    }.items():
        assert re.fullmatch(pattern, environ.pop(name)), name
    # PEP 538: an interpreter that is started in the C locale sets it itself; AWS's images from 3.12 on have it.
    environ.pop("LC_CTYPE", None)
    assert environ == {
        "AWS_DEFAULT_REGION": "us-east-1",
        # Not there on AWS: it leads an SDK to this server.
        "AWS_ENDPOINT_URL": "http://169.254.100.1:4566",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
        "AWS_REGION": "us-east-1",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": LIBRARIES,
        "MINE": "a=b ü\n",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "PWD": "/var/task",
        "PYTHONPATH": "/var/runtime",
        "SHLVL": "0",
        "TZ": ":UTC",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "_HANDLER": "index.handler",
    }
    assert "_X_AMZN_TRACE_ID" not in seen["at_import"]


@pytest.mark.parametrize("runtime", INSTALLED)
def test_the_search_path_and_the_interpreter_are_those_of_aws(shared_server: Server, runtime: str) -> None:
    # Inside, folders that do not exist are on the path all the same, as on AWS.
    _, seen = _look(shared_server, runtime, Layers=[layer(shared_server, {"python/x.py": b""})])
    path = seen["path"]
    assert path[:5] == [
        "/var/task",
        f"/opt/python/lib/{runtime}/site-packages",
        "/opt/python",
        f"/var/lang/lib/{runtime}/site-packages",
        "/var/runtime",
    ]
    assert path[-1] == f"/var/lang/lib/{runtime}/site-packages"
    assert f"/var/lang/lib/{runtime}" in path[5:-1]
    assert not [entry for entry in path if not entry.startswith(("/var/", "/opt/"))]
    assert seen["executable"] == f"/var/lang/bin/{runtime}"
    assert f"python{seen['version'][0]}.{seen['version'][1]}" == runtime
    assert seen["main"] == "/var/runtime/bootstrap.py"
    assert seen["threads"] == 1
    assert seen["encoding"] == "utf-8"


@pytest.mark.parametrize("runtime", INSTALLED)
def test_the_user_the_folders_and_the_limits_are_those_of_aws(shared_server: Server, runtime: str) -> None:
    _, seen = _look(shared_server, runtime)
    assert re.fullmatch(r"sbx_user\d{4}", seen["user"])
    assert seen["uid"] != 0
    assert seen["cwd"] == "/var/task"
    assert seen["clock"] == "UTC"
    assert {path: mode for path, (mode, _) in seen["modes"].items()} == {
        "/opt": "0o40755",
        "/var/task": "0o40755",
        "/var/runtime": "0o40755",
        "/tmp": "0o41777",
        "/lambda-entrypoint.sh": "0o100755",
    }
    for name, (soft, hard) in LIMITS.items():
        got_soft, got_hard = seen["limits"][name]
        # An ordinary user may not raise a hard limit: what his shell has lower stays lower.
        assert got_hard == hard or 0 <= got_hard < (hard if hard >= 0 else 1 << 62), name
        assert got_soft in (soft, got_hard), name
    assert seen["limits"]["NOFILE"] == [1024, 1024]
    assert seen["limits"]["NPROC"] == [742, 742]


def _has_boto3(runtime: str) -> bool:
    """Whether the boto3 that Lamina is installed with still supports *runtime*."""
    oldest = re.search(r">=\s*3\.(\d+)", metadata.metadata("boto3")["Requires-Python"])
    return oldest is not None and int(runtime.partition(".")[2]) >= int(oldest.group(1))


@pytest.mark.parametrize("runtime", INSTALLED)
def test_22_3_the_entry_point_is_there_and_starts_the_runtime(shared_server: Server, runtime: str) -> None:
    # Run in place of the runtime's command, which a wrapper is given.
    wrapped = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/lambda-entrypoint.sh"}}
    _, seen = _look(shared_server, runtime, Environment=wrapped)
    assert seen["main"] == "/var/runtime/bootstrap.py"
    assert f"python{seen['version'][0]}.{seen['version'][1]}" == runtime


@pytest.mark.parametrize("runtime", [runtime for runtime in INSTALLED if _has_boto3(runtime)])
def test_the_packages_of_the_runtime_are_there(shared_server: Server, runtime: str) -> None:
    code = """
        import boto3, botocore, urllib3, sys
        def handler(event, context):
            boto3.client("s3")
            return [boto3.__file__, botocore.__file__, urllib3.__file__]
    """
    found = create(shared_server, code, runtime=runtime, Timeout=30).value()
    assert [path.rsplit("/", 2)[0] for path in found] == [f"/var/lang/lib/{runtime}/site-packages"] * 3


@pytest.mark.parametrize("runtime", INSTALLED)
def test_nothing_of_the_servers_or_the_machines_packages_is_there(shared_server: Server, runtime: str) -> None:
    code = """
        import importlib.util
        def handler(names, context):
            return [name for name in names if importlib.util.find_spec(name)]
    """
    names = ["lamina", "lamina_guest", "sqlalchemy", "alembic", "typer", "rich", "pytest", "obstore", "apt", "pip"]
    assert create(shared_server, code, runtime=runtime).value(names) == []


@pytest.mark.parametrize("runtime", INSTALLED)
def test_a_subprocess_has_the_interpreter_and_the_shell(shared_server: Server, runtime: str) -> None:
    code = """
        import subprocess, sys
        def handler(event, context):
            python = [sys.executable, "-c", "import ssl, sqlite3, ctypes, json, sys; print(sys.version_info[:2])"]
            shell = ["sh", "-c", "set -o pipefail; function f() { echo $1; }; f bash | cat"]
            return [subprocess.check_output(command).decode() for command in (python, shell)]
    """
    python, shell = create(shared_server, code, runtime=runtime).value()
    assert python == f"(3, {runtime.rpartition('.')[2]})\n"
    assert shell == "bash\n"


def test_two_environments_have_different_credentials_and_streams(shared_server: Server) -> None:
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME")
    one, other = (_look(shared_server, NEWEST)[1]["environ"] for _ in range(2))
    assert not [key for key in keys if one[key] == other[key]]


def test_a_users_pythonpath_switches_the_layers_off(shared_server: Server) -> None:
    with_layer = layer(shared_server, {"python/from_layer.py": b"", "mine/from_mine.py": b""})
    function, seen = _look(
        shared_server, NEWEST, Layers=[with_layer], Environment={"Variables": {"PYTHONPATH": "/opt/mine"}}
    )
    assert seen["path"][0] == "/var/task"
    assert "/opt/mine" in seen["path"]
    assert not [entry for entry in seen["path"] if entry.startswith("/opt/python")]
    assert seen["environ"]["PYTHONPATH"] == "/opt/mine"
    function.update_code("import from_mine\ndef handler(e, c): return from_mine.__file__")
    assert function.value() == "/opt/mine/from_mine.py"
    function.update_code("import from_layer\ndef handler(e, c): return 1")
    assert function.call().value["errorType"] == "Runtime.ImportModuleError"


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize(
    "variables",
    [
        {"LD_LIBRARY_PATH": "/opt/lib:/elsewhere"},
        {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        {"TZ": "Europe/Berlin"},
        {"PATH": "/opt/mine"},
        {"LANG": "C"},
        {"OPENSSL_CONF": "/opt/openssl.cnf"},
    ],
    ids="+".join,
)
def test_what_an_interpreter_reads_as_it_starts_may_be_set(
    shared_server: Server, runtime: str, variables: dict[str, str]
) -> None:
    _, seen = _look(shared_server, runtime, Environment={"Variables": variables})
    for name, value in variables.items():
        assert seen["environ"][name].startswith(value)
    assert seen["path"][:2] == ["/var/task", f"/opt/python/lib/{runtime}/site-packages"]
    assert seen["clock"] == ("CET" if "TZ" in variables else "UTC")


# What was there before anything was imported; whether the library is read ahead; whose tempfile is imported.
_HANDED_OVER = b"""
import sys
before = sorted({"email", "http.cookiejar", "ssl", "tarfile", "tempfile", "urllib.request"}.intersection(sys.modules))
import email.message, ssl, tarfile, urllib.request
import origin
def handler(event, context):
    return {
        "ahead": "Library" in str(sys.meta_path[0]), "before": before,
        "modules": [origin.of, sys.modules["tempfile"].__file__, urllib.response.tempfile.__file__],
    }
"""


def _values(function: Function, event: Any = None) -> Iterator[Any]:
    """What it returns, in a new environment each time."""
    for turn in range(20):
        function.update(Description=str(turn))
        yield function.value(event)


@pytest.mark.parametrize("runtime", INSTALLED)
def test_the_standard_library_is_read_ahead_and_looks_as_if_it_were_not(shared_server: Server, runtime: str) -> None:
    code = {"index.py": _HANDED_OVER, "origin.py": b"import tempfile\nof = tempfile.__file__\n"}
    function = create(shared_server, code, runtime=runtime)
    # A zygote reads it once it has nothing else to do.
    seen = next(value for value in _values(function) if value["ahead"])
    assert seen["before"] == []
    assert set(seen["modules"]) == {f"/var/lang/lib/{runtime}/tempfile.py"}


@pytest.mark.parametrize("runtime", INSTALLED)
def test_no_two_environments_draw_the_same_numbers(shared_server: Server, runtime: str) -> None:
    drawing = """
        import random, ssl, tempfile
        def handler(event, context):
            name = tempfile.NamedTemporaryFile().name
            return [ssl.RAND_bytes(16).hex(), random.random(), name]
    """
    drawn = [create(shared_server, drawing, runtime=runtime).value() for _ in range(3)]
    for kind in zip(*drawn, strict=True):
        assert len(set(kind)) == 3


@pytest.mark.parametrize("place", ["code", "layer"])
def test_a_module_of_the_librarys_name_wins_where_it_is_read_ahead(shared_server: Server, place: str) -> None:
    own = b"class _TemporaryFileWrapper: pass\n"
    code = {"index.py": _HANDED_OVER, "origin.py": b"import tempfile\nof = tempfile.__file__\n"}
    layers = []
    if place == "code":
        code["tempfile.py"] = own
    else:
        layers.append(layer(shared_server, {"python/tempfile/__init__.py": own}))
    function = create(shared_server, code, runtime=NEWEST, Layers=layers)
    seen = next(value for value in _values(function) if value["ahead"])
    # For the library's own modules, too.
    assert set(seen["modules"]) == {"/var/task/tempfile.py" if place == "code" else "/opt/python/tempfile/__init__.py"}


def test_a_runtime_that_is_not_installed_says_what_is(shared_server: Server) -> None:
    missing = "python3.14" if "python3.14" not in INSTALLED else "python3.10"
    if missing in INSTALLED:
        pytest.skip("this machine has them all")
    function = create(shared_server, LOOK, runtime=missing)
    assert function.client.get_function_configuration(FunctionName=function.name)["Runtime"] == missing
    with pytest.raises(ClientError) as caught:
        function.call()
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert f"Runtime {missing} is not installed on this machine" in error["Message"]
    assert f"Installed here: {', '.join(INSTALLED)}." in error["Message"]
    assert "uv python install" in error["Message"]


@pytest.mark.parametrize("runtime", ["nodejs18.x", "java11", "dotnet8"])
def test_a_runtime_of_another_language_deploys_and_is_refused_when_invoked(shared_server: Server, runtime: str) -> None:
    function = create(shared_server, LOOK, runtime=runtime)
    with pytest.raises(ClientError) as caught:
        function.call()
    assert f"Runtime {runtime} cannot be run here" in caught.value.response["Error"]["Message"]
