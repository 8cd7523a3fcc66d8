"""`lamina build` as a person types it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.builds import (
    ARCHITECTURE,
    LAMINA,
    MACHINES,
    PACKAGES,
    build,
    contents,
    environ,
    lamina,
    machines,
    sources,
)
from tests.support.functions import wait_until

pytestmark = pytest.mark.anybody

PYTHON = ("--runtime", "python3.12")
CASES = {
    "requests": (["requests"], PYTHON),
    "cryptography": (["cryptography"], PYTHON),
    "numbers": (["numbers"], PYTHON),
    "pictures": (["lodash", "sharp"], ()),
    "jars": (["jars"], ()),
}


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("case", CASES)
def test_the_same_inputs_give_the_same_bytes(case: str, tmp_path: Path) -> None:
    names, options = CASES[case]
    one, other = tmp_path / "one", tmp_path / "some where" / "else"
    for folder in (one, other):
        folder.mkdir(parents=True)
    arguments = ("layer", *sources(names), *options)
    (first,) = build(one, tmp_path / "cache-1", *arguments, umask=0o077, TZ="Asia/Tokyo")
    (second,) = build(other, tmp_path / "cache 2", *arguments, TZ="UTC")
    assert first["data"] == second["data"]
    assert not first["cached"]
    assert not second["cached"]
    (again,) = build(one, tmp_path / "cache-1", *arguments)
    assert again["cached"]
    assert again["data"] == first["data"]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("case", ["cryptography", "numbers", "pictures"])
def test_it_builds_for_the_cpu_that_was_asked_for(case: str, tmp_path: Path) -> None:
    names, options = CASES[case]
    other = "x86_64" if ARCHITECTURE == "arm64" else "arm64"
    (layer,) = build(tmp_path, tmp_path, case, *sources(names), *options, "--architecture", other)
    assert machines(contents(layer["data"])) == {MACHINES[other]}
    checked = lamina(tmp_path, tmp_path, "check", layer["file"], "--architecture", other)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _requirement(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_package_without_a_wheel_is_named(tmp_path: Path) -> None:
    _requirement(tmp_path, "six==1.17.0", "pyperclip==1.8.2")
    done = lamina(tmp_path, tmp_path / "cache", "build", *PYTHON)
    assert done.returncode == 1
    assert "Error: no wheel of pyperclip fits python3.12 on x86_64\n" in done.stderr
    assert "Hint: A layer for another machine is built from wheels only." in done.stderr
    assert not (tmp_path / "build").exists()


def test_what_differs_between_pythons_is_there_for_each(tmp_path: Path) -> None:
    _requirement(tmp_path, "markupsafe==3.0.2", "six==1.17.0")
    (layer,) = build(tmp_path, tmp_path / "cache", *PYTHON, "--runtime", "python3.13")
    names = set(contents(layer["data"]))
    for minor in ("12", "13"):
        folder = f"python/lib/python3.{minor}/site-packages"
        assert f"{folder}/markupsafe/_speedups.cpython-3{minor}-x86_64-linux-gnu.so" in names
    done = lamina(tmp_path, tmp_path / "cache", "build", *PYTHON, "--architecture", "arm64", "--architecture", "x86_64")
    assert "Error: the layer" in done.stderr
    assert "cannot serve two architectures: MarkupSafe is compiled for one" in done.stderr


def test_lock_files_give_the_versions_that_they_name(tmp_path: Path) -> None:
    """Of uv and of Poetry: neither the newest, nor what only development needs."""
    pinned = (PACKAGES / "requests" / "requirements.lock").read_text()
    digests = re.findall(r"sha256:\w+", pinned.partition("urllib3==")[2])
    version = re.search(r"urllib3==(\S+)", pinned)
    assert version is not None
    files = "".join(f'  {{file = "urllib3", hash = "{digest}"}},\n' for digest in digests)
    poetry, uv = tmp_path / "poetry", tmp_path / "uv"
    for folder in (poetry, uv):
        folder.mkdir()
    (poetry / "pyproject.toml").write_text('[tool.poetry.dependencies]\npython = "^3.9"\nurllib3 = "*"\n')
    (poetry / "poetry.lock").write_text(
        f'[[package]]\nname = "urllib3"\nversion = "{version[1]}"\ngroups = ["main"]\nfiles = [\n{files}]\n'
    )
    (uv / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["six<1.17"]\n'
        '[dependency-groups]\ndev = ["toml==0.10.1"]\n'
    )
    locking = [str(Path(LAMINA).with_name("uv")), "lock", "--quiet"]
    subprocess.run(locking, cwd=uv, env=environ(tmp_path / "cache"), check=True, timeout=60)
    for folder, expected in ((poetry, ("urllib3", version[1])), (uv, ("six", "1.16.0"))):
        (layer,) = build(folder, tmp_path / "cache", *PYTHON)
        assert [(package["name"], package["version"]) for package in layer["packages"]] == [expected]


def _project(folder: Path) -> None:
    """Two layers of plain folders, which need nothing of the network."""
    for name, path, content in (("tools", "bin/greet", "#!/bin/sh\necho hello\n"), ("shared", "python/shared.py", "")):
        file = folder / name / path
        file.parent.mkdir(parents=True)
        file.write_text(content)
        file.chmod(0o700 if path.startswith("bin/") else 0o600)
    (folder / "lamina.toml").write_text('[layers.tools]\nfrom = "tools"\n\n[layers.shared]\nfrom = "shared"\n')


def test_a_project_file_needs_no_options_from_any_folder_of_the_project(tmp_path: Path) -> None:
    _project(tmp_path)
    done = lamina(tmp_path / "tools", tmp_path / "cache", "build")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "ok ../build/tools.zip: " in done.stdout
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["shared.zip", "tools.zip"]
    assert lamina(tmp_path, tmp_path / "cache", "build", "shared", "-q").stdout == "build/shared.zip\n"
    unknown = lamina(tmp_path, tmp_path / "cache", "build", "tool")
    assert unknown.returncode == 2
    assert "has no layer tool\nHint: It has tools, shared." in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--runtime", "python3.99"), "there is no runtime python3.99\nHint: `lamina runtimes` lists them.\n"),
        (("--architecture", "aarch64"), "'aarch64' is no architecture\nHint: There are x86_64 and arm64.\n"),
        (
            ("--strip", "tests,licences"),
            "licences: no such thing to strip\nHint: There are tests, docs, dist-info-extras.\n",
        ),
        (("one", "two"), "there is no project file here that describes one and two\n"),
        ((), "for which Python is the layer"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_fetched(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    _requirement(tmp_path, "six==1.17.0")
    done = lamina(tmp_path, tmp_path / "cache", "build", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {says}")


def test_modes_come_out_the_same_whatever_the_umask_was(tmp_path: Path) -> None:
    _project(tmp_path)
    (before,) = build(tmp_path, tmp_path / "cache", "tools")
    (tmp_path / "tools/bin/greet").chmod(0o755)
    os.utime(tmp_path / "tools/bin/greet", (0, 0))
    (after,) = build(tmp_path, tmp_path / "cache", "tools")
    assert before["data"] == after["data"]


def test_a_change_is_built_and_a_damaged_cache_is_not_believed(tmp_path: Path) -> None:
    _project(tmp_path)
    (first,) = build(tmp_path, tmp_path / "cache", "tools")
    (kept,) = (tmp_path / "cache/lamina/builds/v1").glob("*/tools.zip")
    kept.write_bytes(b"damaged")
    (again,) = build(tmp_path, tmp_path / "cache", "tools")
    assert not again["cached"]
    assert again["data"] == first["data"]
    (tmp_path / "tools/bin/greet").write_text("#!/bin/sh\necho goodbye\n")
    (changed,) = build(tmp_path, tmp_path / "cache", "tools")
    assert contents(changed["data"]) == {"bin/greet": b"#!/bin/sh\necho goodbye\n"}


def test_a_layer_too_large_to_upload_is_divided_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "big"
    for name in ("one", "two"):
        (folder / "lib" / name).mkdir(parents=True)
        (folder / "lib" / name / "data").write_bytes(os.urandom(30_000_000))
    whole = lamina(folder, tmp_path / "cache", "build", "--json")
    (note,) = json.loads(whole.stdout)["notes"]
    assert "60.0 MB, and 52.4 MB can be uploaded without S3: lib/one (30.0 MB) could move" in note
    layers = build(folder, tmp_path / "cache", "--split")
    assert [(layer["name"], [package["name"] for package in layer["packages"]]) for layer in layers] == [
        ("big-1", ["lib/one"]),
        ("big-2", ["lib/two"]),
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_it_ends_what_was_started_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"lodash": "4.17.21"}}')
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\nexec sleep 300\n")
    npm.chmod(0o755)
    cache = tmp_path / "cache"
    path = f"{npm.parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [LAMINA, "build"], cwd=tmp_path, env=environ(cache, PATH=path), stderr=subprocess.DEVNULL
    ) as process:
        started = int(wait_until(lambda: (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else None))
        process.send_signal(number)
        assert process.wait(20) == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
    assert list((cache / "lamina/builds/v1").iterdir()) == []


def test_what_a_killed_build_left_is_cleared_away_a_day_later(tmp_path: Path) -> None:
    _project(tmp_path)
    builds = tmp_path / "cache/lamina/builds/v1"
    for name, age_s in ((".building-old", 90_000), (".building-new", 0)):
        (builds / name).mkdir(parents=True)
        moment = time.time() - age_s
        os.utime(builds / name, (moment, moment))
    build(tmp_path, tmp_path / "cache", "tools")
    assert sorted(path.name for path in builds.glob(".*")) == [".building-new"]


def test_a_folder_is_never_built_from_its_own_archives(tmp_path: Path) -> None:
    _project(tmp_path)
    (inside,) = build(tmp_path, tmp_path / "cache", "n", "--from", "tools", "--output", "tools/out")
    (again,) = build(tmp_path, tmp_path / "cache", "n", "--from", "tools", "--output", "tools/out")
    assert inside["data"] == again["data"]
    done = lamina(tmp_path, tmp_path / "cache", "build", "n", "--from", "tools", "--output", "tools")
    assert done.returncode == 1
    assert "the folder that it is built from\nHint: Name another folder" in done.stderr


def test_gems_are_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_text('source "https://rubygems.example"\n')
    done = lamina(tmp_path, tmp_path / "cache", "build")
    assert done.returncode == 1
    assert "is for Bundler" in done.stderr
    assert "Hint: Install them below ruby/gems/" in done.stderr
