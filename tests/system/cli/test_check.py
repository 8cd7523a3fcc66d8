"""`lamina check` as a person types it, on layers made by hand, and beside what a server says of the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lamina.cli.failures import Failure
from tests.support import fetching, zips
from tests.support.functions import create, unique
from tests.support.server import REGION, Server
from tests.unit.workshop.bad_layers import BAD, FINE, GOOD, one

pytestmark = pytest.mark.anybody

LAMINA = str(Path(sys.executable).with_name("lamina"))
ROOT = Path(__file__).parents[3]


def _check(
    *arguments: str | Path, server: Server | None = None, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LAMINA, "check", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            "AWS_ENDPOINT_URL": server.endpoint if server else "http://127.0.0.1:9",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **environ,
        },
    )


def _ids(*arguments: str | Path, **options: Any) -> list[str]:
    done = _check(*arguments, "--json", **options)
    assert done.returncode in (0, Failure.WARNINGS_FOUND, Failure.ERRORS_FOUND), done.stderr
    return [finding["id"] for finding in json.loads(done.stdout)["findings"]]


def _zip(folder: Path, cwd: Path) -> Path:
    """What `cd cwd; zip -r layer.zip .` makes."""
    file = folder / "layer.zip"
    file.write_bytes(fetching.layer_of(cwd))
    return file


@pytest.fixture(scope="module")
def requests() -> Path:
    """A folder with python/, as `pip install -t python requests` fills it."""
    return fetching.wheels("requests", "3.12")


def test_a_layer_made_as_the_blogs_say_passes(requests: Path, tmp_path: Path) -> None:
    layer = _zip(tmp_path, requests)
    done = _check(layer.name, "--runtime", "python3.12", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "ok  nothing is wrong with it"
    assert "\033" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def _at_root(requests: Path, folder: Path) -> None:
    shutil.copytree(requests / "python", folder)


def _below_another_name(requests: Path, folder: Path) -> None:
    shutil.copytree(requests / "python", folder / "requests-layer" / "python")


def _site_packages_of_another_python(requests: Path, folder: Path) -> None:
    shutil.copytree(requests / "python", folder / "python/lib/python3.9/site-packages")


def _wheels_for_macos(requests: Path, folder: Path) -> None:
    wheels = fetching.wheels("requests", "3.12", ["macosx_10_13_x86_64", "macosx_10_13_universal2"])
    shutil.copytree(wheels / "python", folder / "python")


def _wheels_for_another_python(requests: Path, folder: Path) -> None:
    shutil.copytree(fetching.wheels("requests", "3.11") / "python", folder / "python")


@pytest.mark.parametrize(
    ("mistake", "found", "mend"),
    [
        (_at_root, "LAM111", "Put everything into a folder python/"),
        (_below_another_name, "LAM112", "cd requests-layer && zip -r ../layer.zip ."),
        (_site_packages_of_another_python, "LAM113", "python/lib/python3.12/site-packages/"),
        (_wheels_for_macos, "LAM402", "--platform manylinux2014_x86_64"),
        (_wheels_for_another_python, "LAM301", "pip install --python-version 3.12"),
    ],
)
def test_each_common_mistake_is_found_and_says_how_to_mend_it(
    requests: Path, tmp_path: Path, mistake: Callable[[Path, Path], None], found: str, mend: str
) -> None:
    folder = tmp_path / "made"
    mistake(requests, folder)
    done = _check(_zip(tmp_path, folder), "--runtime", "python3.12")
    assert done.returncode == Failure.ERRORS_FOUND
    said = " ".join(done.stdout.split())
    assert found in said
    assert mend in said
    findings = _ids(folder, "--runtime", "python3.12")
    assert set(findings) == {found}, "of the folder as of its archive"


@pytest.mark.parametrize(
    "made",
    [
        lambda: fetching.node_modules("lodash"),
        lambda: fetching.node_modules("sharp"),
        lambda: fetching.wheels("opentelemetry", "3.13"),
    ],
    ids=["lodash", "sharp", "opentelemetry"],
)
def test_real_layers_pass(made: Callable[[], Path]) -> None:
    assert _ids(made()) == []


VALIDITY = ("LAM101", "LAM102", "LAM103", "LAM202")
ALONE = {name: case for name, case in {**BAD, **GOOD}.items() if len(case.layers) == 1}


def test_its_verdict_on_size_and_validity_is_the_servers(shared_server: Server) -> None:
    client = shared_server.client()
    disagreed = {}
    for name, case in ALONE.items():
        data = case.layers[0]
        refused = None
        try:
            client.publish_layer_version(LayerName=unique("checked"), Content={"ZipFile": data})
        except ClientError as error:
            refused = str(error.response["Error"]["Message"])
        expected = bool(set(case.expected) & {*VALIDITY, "LAM203"})
        if (refused is not None) != expected:
            disagreed[name] = refused
    assert disagreed == {}


def test_its_verdict_on_counts_and_sizes_together_is_the_servers(shared_server: Server, tmp_path: Path) -> None:
    large = zips.archive(zips.Item("bin/data.bin", bytes(131_072_000)))
    arns = [
        shared_server.client().publish_layer_version(LayerName=unique("part"), Content={"ZipFile": data})[
            "LayerVersionArn"
        ]
        for data in [large, large, *(one(FINE) * 5)]
    ]
    function = create(shared_server, "def handler(event, context): return 1\n")

    def refusal(layers: list[str]) -> str | None:
        try:
            function.client.update_function_configuration(FunctionName=function.name, Layers=layers)
        except ClientError as error:
            return str(error.response["Error"]["Message"])
        function.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
        return None

    for layers, found, said in [
        (arns[2:], [], None),
        (arns[1:], ["LAM201"], "Cannot reference more than 5 layers."),
        (arns[:1], [], None),
        (arns[:2], ["LAM202"], "exceeds the maximum allowed size"),
    ]:
        ids = _ids(*layers, "--function", function.name, server=shared_server, XDG_CACHE_HOME=str(tmp_path))
        assert [name for name in ids if name.startswith("LAM2")] == found
        refused = refusal(layers)
        assert (refused is None) == (said is None), refused
        assert said is None or said in str(refused)


def test_a_function_is_checked_with_its_own_layers(shared_server: Server, tmp_path: Path) -> None:
    published = shared_server.client().publish_layer_version(
        LayerName=unique("own"), Content={"ZipFile": BAD["a repository"].layers[0]}
    )
    function = create(shared_server, "def handler(event, context): return 1\n", Layers=[published["LayerVersionArn"]])
    done = _check("--function", function.name, "--json", server=shared_server, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == Failure.WARNINGS_FOUND, done.stderr
    said = json.loads(done.stdout)
    assert [(finding["id"], finding["where"]) for finding in said["findings"]] == [
        ("LAM107", published["LayerVersionArn"])
    ]
    assert [target["architecture"] for target in said["targets"]] == ["x86_64"]
    assert f"fetched {function.name}: " in done.stderr
    assert f"arn:aws:lambda:{REGION}:" in done.stderr


def test_the_exit_code_and_what_is_ignored_are_the_users_choice(tmp_path: Path) -> None:
    warned, wrong = tmp_path / "warned.zip", tmp_path / "wrong.zip"
    warned.write_bytes(BAD["a repository"].layers[0])
    wrong.write_bytes(BAD["no archive at all"].layers[0])
    cases: list[tuple[list[str | Path], int]] = [
        ([warned], Failure.WARNINGS_FOUND),
        ([warned, "--fail-on", "error"], 0),
        ([warned, "--ignore", "lam107"], 0),
        ([wrong, "--fail-on", "error"], Failure.ERRORS_FOUND),
        ([wrong, "--fail-on", "never"], 0),
        ([wrong, warned], Failure.ERRORS_FOUND),
        ([], Failure.USAGE),
        ([warned, "--ignore", "LAM999"], Failure.USAGE),
        ([warned, "--runtime", "python9.9"], Failure.USAGE),
        ([tmp_path / "missing.zip"], Failure.FAILED),
    ]
    for arguments, code in cases:
        done = _check(*arguments)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


def test_sarif_is_printed_whole(tmp_path: Path) -> None:
    file = tmp_path / "layer.zip"
    file.write_bytes(BAD["a private key"].layers[0])
    done = _check(file, "--sarif")
    assert done.returncode == Failure.ERRORS_FOUND
    (result,) = json.loads(done.stdout)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == f"{file}/python/server.pem"


def test_a_finding_is_explained_also_by_what_was_installed_from_a_wheel(tmp_path: Path) -> None:
    building = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(building, cwd=ROOT, check=True, capture_output=True, timeout=60)
    shutil.unpack_archive(next(tmp_path.glob("*.whl")), tmp_path / "installed", "zip")
    page = (ROOT / "docs" / "checks" / "LAM302.md").read_text()
    for installed in (str(tmp_path / "installed"), ""):
        done = _check("--explain", "lam302", PYTHONPATH=installed)
        assert (done.returncode, done.stdout) == (0, page), done.stderr
    done = _check("--explain", "LAM999")
    assert (done.returncode, done.stdout) == (Failure.USAGE, "")
    assert "there is no finding LAM999" in done.stderr
