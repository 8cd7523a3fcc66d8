"""`lamina share` as a person types it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import zips
from tests.support.command_line import LAMINA
from tests.support.functions import unique
from tests.support.server import Server

pytestmark = pytest.mark.anybody

OWNER, FRIEND, STRANGER = "111111111111", "222222222222", "333333333333"


class Owner:
    """A layer of OWNER's on a server, and the configuration of the aws command with a profile for each account."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.layer = server, folder, unique("shared")
        profiles = {"owner": OWNER, "friend": FRIEND, "stranger": STRANGER}
        (folder / "config").write_text(
            "\n".join(
                f"[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = x"
                for name, account in profiles.items()
            )
        )
        self.archive = zips.of({"python/shared.py": self.layer.encode()})
        self.publish()

    def publish(self) -> None:
        self.server.client(account=OWNER).publish_layer_version(
            LayerName=self.layer, Content={"ZipFile": self.archive}, CompatibleRuntimes=["python3.12"], Description="d"
        )

    def run(self, *arguments: str, profile: str = "owner", **environ: str) -> subprocess.CompletedProcess[str]:
        # The profile is an option: one of the environment would stand above those that witness.
        command = [LAMINA, "share", *arguments, "--profile", profile, "--endpoint", self.server.endpoint]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                **os.environ,
                "AWS_CONFIG_FILE": str(self.folder / "config"),
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                **environ,
            },
        )

    def share(self, *arguments: str, code: int = 0, **environ: str) -> list[dict[str, Any]]:
        """The regions that were told of."""
        done = self.run(*arguments, "--json", **environ)
        assert done.returncode == code, done.stderr
        regions: list[dict[str, Any]] = json.loads(done.stdout)["regions"]
        return regions


@pytest.fixture
def owner(shared_server: Server, tmp_path: Path) -> Owner:
    return Owner(shared_server, tmp_path)


def test_the_same_bytes_are_in_each_region_and_those_named_can_have_them(owner: Owner) -> None:
    wishes = (f"{owner.layer}:1", "--accounts", FRIEND, "--org", "o-a1b2c3d4e5", "--regions", "us-east-1,eu-central-1")
    found = owner.share(*wishes, "--verify-as", "friend")
    assert [(region["region"], region["published"]) for region in found] == [
        ("us-east-1", False),
        ("eu-central-1", True),
    ]
    digest = base64.b64encode(hashlib.sha256(owner.archive).digest()).decode()
    for region in found:
        assert region["granted"] == region["allowed"] == [FRIEND, "o-a1b2c3d4e5"]
        assert region["verified"] == [{"as": "friend", "refusal": None}]
        seen = owner.server.client(account=FRIEND, region=region["region"]).get_layer_version_by_arn(Arn=region["arn"])
        assert seen["Content"]["CodeSha256"] == digest
        assert (seen["Description"], seen["CompatibleRuntimes"]) == ("d", ["python3.12"])
    # Again, beside a newer version of something else: nothing changes.
    owner.server.client(account=OWNER, region="eu-central-1").publish_layer_version(
        LayerName=owner.layer, Content={"ZipFile": zips.of({"python/other.py": b""})}
    )
    again = owner.share(*wishes)
    for before, after in zip(found, again, strict=True):
        assert (after["arn"], after["allowed"]) == (before["arn"], before["allowed"])
        assert (after["published"], after["granted"]) == (False, [])


def test_who_cannot_have_it_is_told_by_the_exit_code(owner: Owner) -> None:
    (found,) = owner.share(owner.layer, "--accounts", FRIEND, "--verify-as", "stranger", code=1)
    assert found["granted"] == [FRIEND]
    assert found["verified"][0]["as"] == "stranger"
    assert "is not authorized to perform: lambda:GetLayerVersion" in found["verified"][0]["refusal"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(owner: Owner) -> None:
    done = owner.run(owner.layer, "--public", "--regions", "us-east-1,eu-central-1", "--dry-run")
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert [[cell.strip() for cell in line if cell.strip()] for line in lines[1:]] == [
        ["region", "version", "everybody"],
        ["us-east-1", "1", "to be added"],
        ["eu-central-1", "to be published", "to be added"],
    ]
    there = owner.server.client(account=OWNER, region="eu-central-1")
    assert there.list_layer_versions(LayerName=owner.layer)["LayerVersions"] == []
    assert owner.run(owner.layer).stdout.splitlines()[-1] == "shared with nobody"


def test_a_region_that_refuses_keeps_no_other_from_it(owner: Owner) -> None:
    found = owner.share(owner.layer, "--accounts", FRIEND, "--regions", "nowhere!,eu-central-1", code=1)
    assert found[0]["error"]
    assert (found[1]["published"], found[1]["error"]) == (True, None)


def test_a_layer_of_somebody_else_is_refused(owner: Owner) -> None:
    arn = f"arn:aws:lambda:us-east-1:{OWNER}:layer:{owner.layer}:1"
    missing = owner.run(arn, "--public", profile="stranger")
    assert f"you have no version 1 of the layer {owner.layer}" in missing.stderr
    owner.server.client(account=STRANGER).publish_layer_version(
        LayerName=owner.layer, Content={"ZipFile": owner.archive}
    )
    done = owner.run(arn, "--public", profile="stranger")
    assert done.returncode == 1
    assert f"{owner.layer} belongs to {OWNER}, and you are {STRANGER}" in done.stderr


def test_a_role_of_each_account_is_assumed_where_one_is_named(owner: Owner) -> None:
    # Nobody but FRIEND is let in: who reads it is FRIEND.
    (found,) = owner.share(owner.layer, "--accounts", FRIEND, "--assume-role", "reader")
    assert found["verified"] == [{"as": FRIEND, "refusal": None}]


def test_where_no_role_can_be_assumed_it_says_so(owner: Owner) -> None:
    (found,) = owner.share(
        owner.layer, "--accounts", FRIEND, "--assume-role", "reader", code=1, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9"
    )
    assert found["verified"] == [{"as": FRIEND, "refusal": "nothing answers at http://127.0.0.1:9"}]
