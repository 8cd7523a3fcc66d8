"""A layer with native code, built for the function's Python, published, attached and invoked. boto3 and pip only.

    export AWS_ENDPOINT_URL=http://127.0.0.1:4566        # what `lamina up` prints
    .venv/bin/python examples/native_layer.py python3.11

Nothing here is Lamina's: with AWS_ENDPOINT_URL unset, your credentials and a role of yours it does the same on AWS.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import boto3

HANDLER = """
import numpy


def handler(event, context):
    matrix = numpy.array(event["matrix"], dtype=float)
    return {"determinant": round(float(numpy.linalg.det(matrix)), 6), "from": numpy.__file__}
"""


def build(runtime: str, package: str) -> bytes:
    """A layer archive: *package* and what it needs under python/, in wheels for *runtime* on this CPU."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", f"--target={folder}/python"]
        target = ["--only-binary=:all:", "--implementation=cp", f"--python-version={runtime.removeprefix('python')}"]
        subprocess.run([*command, *target, package], check=True)
        return archive({str(path.relative_to(folder)): path.read_bytes() for path in files(Path(folder))})


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def archive(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in content.items():
            zipped.writestr(name, data)
    return buffer.getvalue()


def main(runtime: str) -> None:
    client = boto3.client("lambda", region_name="us-east-1")
    layer = client.publish_layer_version(
        LayerName="numpy", Content={"ZipFile": build(runtime, "numpy")}, CompatibleRuntimes=[runtime]
    )
    print(f"published {layer['LayerVersionArn']}, {layer['Content']['CodeSize'] / 1e6:.1f} MB zipped")
    client.create_function(
        FunctionName="numpy-example",
        Runtime=runtime,
        Handler="app.handler",
        Role=os.environ.get("ROLE", "arn:aws:iam::000000000000:role/example"),
        Code={"ZipFile": archive({"app.py": HANDLER.encode()})},
        Layers=[layer["LayerVersionArn"]],
        MemorySize=512,
        Timeout=30,
    )
    client.get_waiter("function_active_v2").wait(FunctionName="numpy-example")
    answer = client.invoke(FunctionName="numpy-example", Payload=json.dumps({"matrix": [[1, 2], [3, 4]]}))
    print(answer["Payload"].read().decode())
    client.delete_function(FunctionName="numpy-example")


if __name__ == "__main__":
    main(sys.argv[1])
