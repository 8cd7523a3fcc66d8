"""Terraform, as a person runs it, against a server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_PROVIDER = Path("registry.terraform.io/hashicorp/aws")
# Where Terraform itself looks for providers, and where machines without a way to the registry keep them.
_MIRRORS = (
    Path.home() / ".terraform.d/plugins",
    Path.home() / ".local/share/terraform/plugins",
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
    *Path("/opt").glob("*"),
)


@dataclass(frozen=True)
class Terraform:
    """Terraform in a folder of its own, with the variables that its configuration takes."""

    folder: Path
    endpoint: str
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def here(cls, folder: Path, configuration: Path, endpoint: str) -> Terraform:
        """Initialised in *folder* for *configuration*, a file or a folder. Skips where nothing of it can be had."""
        if shutil.which("terraform") is None:
            pytest.skip("terraform is not on this machine, and no package registry has it: it is on its own site")
        mirror = next((each for each in _MIRRORS if (each / _PROVIDER).is_dir()), None)
        source = "direct {}" if mirror is None else f'filesystem_mirror {{ path = "{mirror}" }}'
        (folder / "terraform.rc").write_text(f"provider_installation {{\n  {source}\n}}\ndisable_checkpoint = true\n")
        if configuration.is_dir():
            shutil.copytree(configuration, folder, dirs_exist_ok=True)
        else:
            shutil.copy(configuration, folder)
        made = cls(folder, endpoint)
        done = made.run("init")
        if done.returncode != 0 and mirror is None:
            pytest.skip(f"the AWS provider is in no folder of this machine, nor to be fetched: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stdout + done.stderr
        return made

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`terraform *command*`: gives code, output and errors, whatever they are."""
        return subprocess.run(
            ["terraform", command, "-no-color", *(() if command == "output" else ("-input=false",)), *arguments],
            cwd=self.folder,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def apply(self) -> str:
        """Apply; what it said."""
        done = self.run("apply", "-auto-approve")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def assert_no_changes(self) -> None:
        """A plan now has nothing to do."""
        done = self.run("plan", "-detailed-exitcode")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "No changes." in done.stdout

    def destroy(self) -> None:
        done = self.run("destroy", "-auto-approve")
        assert done.returncode == 0, done.stdout + done.stderr

    def output(self, name: str) -> str:
        return self.run("output", "-raw", name).stdout

    def _environ(self) -> Mapping[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("TF_")},
            "TF_CLI_CONFIG_FILE": str(self.folder / "terraform.rc"),
            "CHECKPOINT_DISABLE": "1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            **{f"TF_VAR_{name}": value for name, value in self.variables.items()},
        }
