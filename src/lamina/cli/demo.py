"""`lamina demo`: the main job on real input, told step by step, against a server of its own that is gone afterwards."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.cli.steps import Steps

PACKAGE = "requests"
FIRST, SECOND = "2.31.0", "2.32.5"

HANDLER = """\
import platform
import requests


def handler(event, context):
    prepared = requests.Request("GET", event["url"], params=event["query"]).prepare()
    return {
        "url": prepared.url,
        "requests": requests.__version__,
        "imported from": requests.__file__,
        "python": platform.python_version(),
    }
"""
# The SDK looks once a second, which would be most of what is measured here.
_OFTEN = {"Delay": 0.02, "MaxAttempts": 1500}
_LOG = "server.log"
EVENT = {"url": "http://localhost/search", "query": {"q": "lambda layers"}}


def demo(
    runtime: Annotated[
        str | None, typer.Option(help="Runtime of the function.  [default: the newest that is installed]")
    ] = None,
) -> None:
    """Publish, attach, run, roll out a layer.

    The layer holds the requests package, downloaded for it; everything else happens on this machine. The server is
    the command's own, on a free port and with a throw-away state folder, so nothing of yours is touched.

    \b
    Examples:
      lamina demo
      lamina demo --runtime python3.11
    """
    import tempfile

    from lamina.cli.steps import Steps

    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="lamina-demo-") as folder:
        chosen = _choose_runtime(steps, runtime)
        with _server(steps, Path(folder)) as endpoint:
            _carry_out(steps, endpoint, chosen, Path(folder))
    steps.close("The server is stopped, and its state is gone.")


def _carry_out(steps: Steps, endpoint: str, runtime: str, folder: Path) -> None:
    with steps.step("import boto3, the AWS SDK"):
        from botocore.exceptions import BotoCoreError, ClientError

        client = _client(endpoint)
    try:
        _main_job(steps, client, runtime, folder)
    except (BotoCoreError, ClientError) as error:
        log = (folder / _LOG).read_text(errors="replace").strip()
        raise Failure(f"{error}\n{log}".strip()) from error


def _main_job(steps: Steps, client: Any, runtime: str, folder: Path) -> None:
    first = _publish(steps, client, runtime, folder, FIRST)
    with steps.step(f"create a {runtime} function that imports {PACKAGE}") as done:
        created = client.create_function(
            FunctionName="demo",
            Runtime=runtime,
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/demo",
            Code={"ZipFile": _archived({"app.py": HANDLER.encode()})},
            Layers=[first],
        )
        client.get_waiter("function_active_v2").wait(FunctionName="demo", WaiterConfig=_OFTEN)
        done(created["FunctionArn"])
    _invoke(steps, client, FIRST, "invoke it, cold")
    _invoke(steps, client, FIRST, "invoke it again, warm")

    second = _publish(steps, client, runtime, folder, SECOND)
    _invoke(steps, client, FIRST, "invoke it: it still runs the first version")
    _move(steps, client, second, "move the function to the second version")
    _invoke(steps, client, SECOND, "invoke it: now it runs the second")
    _move(steps, client, first, "move the function back")
    _invoke(steps, client, FIRST, "invoke it: it runs the first again")


def _choose_runtime(steps: Steps, wanted: str | None) -> str:
    with steps.step("look at this machine") as done:
        looked = subprocess.run(
            [sys.executable, "-m", "lamina", "doctor", "--json"], capture_output=True, text=True, check=False
        )
        if looked.returncode not in (0, Failure.NOT_POSSIBLE_HERE):
            raise Failure(f"lamina doctor failed:\n{looked.stderr.strip()}")
        report = json.loads(looked.stdout)
        if looked.returncode:
            lacking = ", ".join(finding["name"] for finding in report["findings"] if finding["state"] == "missing")
            raise Failure(
                f"functions cannot run on this machine: {lacking} missing",
                "lamina doctor tells what each means and how to get it.",
                Failure.NOT_POSSIBLE_HERE,
            )
        installed = [finding["name"] for finding in report["findings"] if finding["about"] == "runtimes"]
        # The requests versions above still support 3.8 and are tested up to what AWS offers.
        newest = max(installed, key=lambda name: int(name.rpartition(".")[2]))
        if wanted is not None and wanted not in installed:
            raise Failure(f"{wanted} is not installed here; there are {', '.join(installed)}", code=Failure.USAGE)
        done(f"runtimes: {', '.join(installed)}")
    return wanted or newest


@contextmanager
def _server(steps: Steps, folder: Path) -> Iterator[str]:
    """A server of our own. Gives its endpoint; stops it, and says so if it does not stop cleanly."""
    log = folder / _LOG
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, "-m", "lamina", "up", "--port", "0", "--state", str(folder / "state"), "--quiet"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith(("LAMINA_", "LAMBDA_"))},
        )
    try:
        with steps.step("start Lamina on a free port") as done:
            assert server.stdout is not None
            line = server.stdout.readline()
            endpoint = line.strip().rpartition("=")[2]
            if not endpoint:
                raise Failure(f"the server did not start:\n{log.read_text(errors='replace').strip()}")
            done(endpoint)
        yield endpoint
    finally:
        server.terminate()
        try:
            code = server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            code = server.wait()
        assert server.stdout is not None
        server.stdout.close()
    if code != 0:
        raise Failure(f"the server stopped with code {code}:\n{log.read_text(errors='replace').strip()}")


def _client(endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def _publish(steps: Steps, client: Any, runtime: str, folder: Path, version: str) -> str:
    """Build a layer of *version* and publish it: gives the layer version's ARN."""
    root = folder / version
    with steps.step(f"install {PACKAGE} {version} for {runtime} into python/") as done:
        _install(f"{PACKAGE}=={version}", runtime, root / "python")
        content = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        done(f"{len(content)} files", sum(map(len, content.values())))
    with steps.step("zip it") as done:
        archive = _archived(content)
        done("", len(archive))
    with steps.step("publish it") as done:
        published = client.publish_layer_version(
            LayerName=PACKAGE,
            Description=f"{PACKAGE} {version}",
            Content={"ZipFile": archive},
            CompatibleRuntimes=[runtime],
        )
        done(published["LayerVersionArn"])
    return str(published["LayerVersionArn"])


def _install(requirement: str, runtime: str, target: Path) -> None:
    # Wheels only, and those of the function's Python: nothing is compiled, and none of ours is mistaken for it.
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    chosen = ["--only-binary=:all:", "--implementation=cp", f"--python-version={runtime.removeprefix('python')}"]
    installed = subprocess.run(
        [*command, *chosen, f"--target={target}", requirement], capture_output=True, text=True, check=False
    )
    if installed.returncode != 0:
        raise Failure(
            f"pip could not install {requirement} for {runtime}:\n{installed.stderr.strip()}",
            "The demo downloads this package, so it needs the network (or pip's find-links) and pip itself.",
        )


def _archived(content: dict[str, bytes]) -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(content):
            archive.writestr(name, content[name])
    return buffer.getvalue()


def _move(steps: Steps, client: Any, layer: str, saying: str) -> None:
    with steps.step(saying) as done:
        client.update_function_configuration(FunctionName="demo", Layers=[layer])
        client.get_waiter("function_updated_v2").wait(FunctionName="demo", WaiterConfig=_OFTEN)
        done(layer)


def _invoke(steps: Steps, client: Any, version: str, saying: str) -> None:
    """Invoke the function and show its answer, which must name *version* and come from the layer."""
    with steps.step(saying) as done:
        response = client.invoke(FunctionName="demo", Payload=json.dumps(EVENT))
        answer = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise Failure(f"the function failed: {json.dumps(answer, indent=2)}")
        if answer["requests"] != version or not answer["imported from"].startswith("/opt/python/"):
            raise Failure(
                f"the function should run {PACKAGE} {version} from /opt/python, but says {json.dumps(answer)}"
            )
        done(f"{PACKAGE} {answer['requests']} from {answer['imported from']}, python {answer['python']}")
