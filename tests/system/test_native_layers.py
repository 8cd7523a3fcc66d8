"""Real packages with native code, from layers, computed inside the sandbox."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import zips
from tests.support.functions import client_of, create, layer
from tests.support.runtimes import NEWEST
from tests.support.server import Server
from tests.support.zips import Item

CACHE = Path(__file__).parents[2] / ".cache" / "wheels"
LIMIT = 262_144_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def _install(*packages: str) -> Path:
    """A folder with *packages* and what they need, as wheels for the runtime; fetched once and kept."""
    version = NEWEST.removeprefix("python")
    folder = CACHE / f"{'-'.join(packages)}-{version}"
    if not (folder / "whole").exists():
        platforms = [option for tag in ("_2_28", "_2_17", "2014") for option in ("--platform", _platform(tag))]
        what = ["--only-binary=:all:", "--python-version", version, *platforms, *packages]
        where = ["--upgrade", "--target", str(folder / "python")]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", *where, *what]
        subprocess.run(command, check=True, timeout=300)
        (folder / "whole").touch()
    return folder


def _platform(tag: str) -> str:
    return f"manylinux{tag}_{platform.machine()}"


def _archive(folder: Path) -> bytes:
    items = [
        Item(str(path.relative_to(folder)), path.read_bytes(), mode=path.stat().st_mode)
        for path in sorted((folder / "python").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and "tests" not in path.parts
    ]
    assert sum(len(item.content) for item in items) < LIMIT
    return zips.archive(*items)


def test_cryptography(shared_server: Server) -> None:
    code = """
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        import cryptography
        def handler(event, context):
            key = Fernet.generate_key()
            private = ec.generate_private_key(ec.SECP256R1())
            signature = private.sign(event.encode(), ec.ECDSA(hashes.SHA256()))
            private.public_key().verify(signature, event.encode(), ec.ECDSA(hashes.SHA256()))
            return [Fernet(key).decrypt(Fernet(key).encrypt(event.encode())).decode(), cryptography.__file__]
    """
    function = create(
        shared_server, code, Layers=[layer(shared_server, _archive(_install("cryptography")))], Timeout=60
    )
    text, file = function.value("secret ü")
    assert text == "secret ü"
    assert file.startswith("/opt/python/")


def test_numpy_and_pandas(shared_server: Server) -> None:
    code = """
        import numpy, pandas
        def handler(event, context):
            matrix = numpy.arange(9.0).reshape(3, 3) + numpy.eye(3)
            frame = pandas.DataFrame({"group": list("abab"), "value": [1, 2, 3, 4]})
            sums = frame.groupby("group")["value"].sum().to_dict()
            return {"determinant": round(float(numpy.linalg.det(matrix)), 6), "sums": sums,
                    "large": float((numpy.ones((500, 500)) @ numpy.ones((500, 500))).sum()),
                    "files": [numpy.__file__, pandas.__file__]}
    """
    packed = layer(shared_server, _archive(_install("numpy", "pandas")))
    function = create(shared_server, code, Layers=[packed], Timeout=120, MemorySize=1024)
    answer = function.call()
    assert answer.error is None, answer.raw
    told = answer.value
    assert told["determinant"] == -5.0
    assert told["sums"] == {"a": 4, "b": 6}
    assert told["large"] == 500.0**3
    assert all(path.startswith("/opt/python/") for path in told["files"])
    size = client_of(shared_server).get_function_configuration(FunctionName=function.name)["Layers"][0]["CodeSize"]
    assert size < 52_428_800
