"""What the platform puts into a Python environment: AWS's packages, no compiled parts, nothing else of the server's."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from lamina.worker import packages
from lamina.worker.packages import provide

VERSION = "{}.{}".format(*sys.version_info[:2])


def tops(folder: Path) -> set[str]:
    """Top-level modules of *folder*."""
    return {path.name.removesuffix(".py") for path in folder.iterdir() if not path.name.endswith(".dist-info")}


@pytest.fixture(scope="module")
def provided(tmp_path_factory: pytest.TempPathFactory) -> packages.RuntimeFiles:
    return provide(tmp_path_factory.mktemp("runtimes"), VERSION)


def test_the_runtimes_packages_are_awss_and_no_others(provided: packages.RuntimeFiles) -> None:
    assert tops(provided.packages) == {
        "awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "simplejson", "six",
        "snapshot_restore_py", "urllib3",
    }  # fmt: skip


def test_nothing_in_it_is_compiled_or_tells_of_this_machine(provided: packages.RuntimeFiles) -> None:
    files = [path for path in provided.packages.parent.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".so", ".pyc", ".pyd")]
    assert not [path for path in files if path.name in ("RECORD", "direct_url.json", "INSTALLER")]
    assert not [path for path in files if path.is_symlink()]


def test_everybody_may_read_it_and_enter_its_folders(provided: packages.RuntimeFiles) -> None:
    for path in [provided.packages.parent, *provided.packages.parent.rglob("*")]:
        needed = 0o755 if path.is_dir() else 0o044
        assert path.stat().st_mode & needed == needed, path


def test_var_runtime_holds_the_entry_and_the_client(provided: packages.RuntimeFiles) -> None:
    assert sorted(path.name for path in provided.var_runtime.iterdir()) == [
        "bootstrap.py",
        "lamina_compiler.py",
        "lamina_preload.py",
        "lamina_rehearsal.py",
        "lamina_template.py",
        "runtime_client.py",
    ]


def test_it_imports_without_the_servers_packages(provided: packages.RuntimeFiles) -> None:
    code = "import sys; sys.path.append(sys.argv[1]); import awslambdaric.bootstrap, boto3; print(boto3.__file__)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, str(provided.packages)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(provided.packages))


def test_it_is_put_together_once(tmp_path: Path) -> None:
    first = provide(tmp_path, VERSION)
    before = first.packages.stat().st_ino
    assert provide(tmp_path, VERSION) == first
    assert first.packages.stat().st_ino == before
    assert [path.name for path in (tmp_path / "v1").iterdir()] == [first.packages.parent.name]


def test_what_a_killed_server_left_half_done_is_in_nobodys_way(tmp_path: Path) -> None:
    whole = provide(tmp_path / "a", VERSION)
    aside = tmp_path / "b" / "v1" / f"{whole.packages.parent.name}.{4_000_000}"
    aside.mkdir(parents=True)
    (aside / "packages").mkdir()
    assert tops(provide(tmp_path / "b", VERSION).packages) == tops(whole.packages)


class _Distribution:
    def __init__(self, required: str | None) -> None:
        self.metadata = Message()
        if required is not None:
            self.metadata["Requires-Python"] = required


@pytest.mark.parametrize(
    ("required", "suits"),
    [
        (None, True),
        (">=3.8", True),
        (">= 3.9", True),
        (">=3.10", False),
        ("!=3.0.*,>=2.7", True),
        (">=3.10,<4", False),
    ],
)
def test_the_sdk_is_left_out_where_a_part_of_it_does_not_run(required: str | None, suits: bool) -> None:
    distributions: Any = [_Distribution(">=3.8"), _Distribution(required)]
    assert packages._suiting(distributions, "3.9") == (distributions if suits else [])


def test_versions_are_compared_as_numbers() -> None:
    distributions: Any = [_Distribution(">=3.9")]
    assert packages._suiting(distributions, "3.10") == distributions


def test_an_old_interpreter_gets_the_client_and_not_this_sdk(tmp_path: Path) -> None:
    oldest = "3.8"
    required = metadata.distribution("boto3").metadata["Requires-Python"] or ""
    assert oldest not in required, "boto3 runs on it again: this test wants an older one"
    found = tops(provide(tmp_path, oldest).packages)
    assert "awslambdaric" in found
    assert found.isdisjoint({"boto3", "botocore", "urllib3"})


def test_two_runtimes_that_begin_at_once_share_what_one_of_them_puts_together(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: provide(tmp_path, VERSION), range(4)))
    assert len(set(together)) == 1
    assert tops(together[0].packages) >= {"awslambdaric", "boto3"}
    assert [path.name for path in (tmp_path / "v1").iterdir()] == [together[0].packages.parent.name]


def test_a_client_of_another_language_is_copied_with_its_folders_for_everybody_to_read(tmp_path: Path) -> None:
    client = packages.provide_client(tmp_path, "nodejs")
    assert client is not None
    inside = {str(path.relative_to(client)) for path in client.rglob("*") if path.is_file()}
    assert "index.mjs" in inside
    assert any("/" in name for name in inside)
    for path in [client, *client.rglob("*")]:
        needed = 0o755 if path.is_dir() else 0o444
        assert path.stat().st_mode & needed == needed, path
    assert packages.provide_client(tmp_path, "nodejs") == client


def test_where_lamina_has_no_client_there_is_none(tmp_path: Path) -> None:
    assert packages.provide_client(tmp_path, "provided") is packages.provide_client(tmp_path, "java") is None
