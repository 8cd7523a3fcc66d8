"""`lamina publish` as a person types it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.builds import lamina
from tests.support.functions import client_of, unique
from tests.support.server import Server

pytestmark = pytest.mark.anybody


class Project:
    """A folder with one plain layer of a name that nobody else has."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.name = server, folder, unique("published")
        self.write("bin/greet", b"#!/bin/sh\necho hello\n")
        self.describe()

    def describe(self, *lines: str) -> None:
        (self.folder / "lamina.toml").write_text(f'[layers.{self.name}]\nfrom = "layer"\n' + "\n".join(lines))

    def write(self, path: str, content: bytes) -> None:
        file = self.folder / "layer" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755)

    def run(self, *arguments: str, **environ: Any) -> subprocess.CompletedProcess[str]:
        none: dict[str, Any] = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        asked = ("publish", "--endpoint", self.server.endpoint, *arguments)
        return lamina(self.folder, self.folder / "cache", *asked, **none, **environ)

    def publish(self, *arguments: str) -> tuple[int, bool]:
        """The number of the version that was told, and whether it was published just now."""
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        (told,) = json.loads(done.stdout)["layers"]
        assert told["name"] == self.name
        return int(told["arn"].rpartition(":")[2]), told["published"]


@pytest.fixture
def project(shared_server: Server, tmp_path: Path) -> Project:
    return Project(shared_server, tmp_path)


def test_nothing_is_published_twice(project: Project) -> None:
    assert project.publish() == (1, True)
    assert project.publish() == (1, False)
    project.write("bin/greet", b"#!/bin/sh\necho goodbye\n")
    assert project.publish() == (2, True)
    project.describe('runtimes = ["python3.13", "python3.12"]', 'description = "Greets"')
    assert project.publish() == (3, True)
    assert project.publish() == (3, False)
    assert project.publish("--force") == (4, True)
    told = client_of(project.server).get_layer_version(LayerName=project.name, VersionNumber=3)
    assert (told["Description"], sorted(told["CompatibleRuntimes"])) == ("Greets", ["python3.12", "python3.13"])


def test_a_script_gets_the_arn_alone(project: Project) -> None:
    done = project.run("--quiet")
    assert (done.stdout, done.stderr) == (f"arn:aws:lambda:us-east-1:000000000000:layer:{project.name}:1\n", "")
    assert project.run().stdout == f"{done.stdout.strip()} is the same already\n"


def test_permissions_are_taken_over_when_asked(project: Project) -> None:
    project.publish()
    client: Any = client_of(project.server)
    whom = {"one": {"Principal": "123456789012"}, "org": {"Principal": "*", "OrganizationId": "o-123456789a"}}
    for sid, more in whom.items():
        client.add_layer_version_permission(
            LayerName=project.name, VersionNumber=1, StatementId=sid, Action="lambda:GetLayerVersion", **more
        )
    assert project.publish("--force", "--copy-permissions") == (2, True)
    policies = [
        json.loads(client.get_layer_version_policy(LayerName=project.name, VersionNumber=number)["Policy"])["Statement"]
        for number in (1, 2)
    ]
    for statement in policies[0] + policies[1]:
        del statement["Resource"]
    assert policies[0] == policies[1]
    assert project.publish("--force") == (3, True)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_layer_version_policy(LayerName=project.name, VersionNumber=3)


def test_what_would_not_work_is_not_published(project: Project) -> None:
    project.write("python/numbers.cpython-312-darwin.so", b"\xcf\xfa\xed\xfe" + bytes(64))
    project.describe('runtimes = ["python3.12"]')
    done = project.run()
    assert done.returncode == 7
    assert "would not work: LAM" in done.stderr
    assert f"Hint: `lamina check build/{project.name}.zip`" in done.stderr
    assert client_of(project.server).list_layer_versions(LayerName=project.name)["LayerVersions"] == []
    assert project.publish("--no-check") == (1, True)


def test_nobody_there_is_told_as_every_command_tells_it(project: Project) -> None:
    done = project.run("--endpoint", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.endswith("or --endpoint aws for AWS itself.\n")
    assert "Error: nothing answers at http://127.0.0.1:9\n" in done.stderr


@pytest.mark.slow
def test_what_is_too_large_to_be_sent_goes_by_a_bucket(tmp_path: Path) -> None:
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    try:
        address = "http://{}:{}".format(*s3.get_host_and_port())
        environ = {"AWS_ENDPOINT_URL_S3": address, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
        with Server.started(tmp_path / "state", environ) as server:
            project = Project(server, tmp_path)
            project.write("lib/large", os.urandom(53_000_000))
            client = boto3.client(
                "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
            )
            client.create_bucket(Bucket="layers")
            client.close()
            refused = project.run("--quiet")
            assert refused.returncode == 1
            assert "--bucket NAME" in refused.stderr
            done = project.run("--quiet", "--bucket", "layers", **environ)
            assert done.returncode == 0, done.stderr
            assert done.stdout.endswith(":1\n")
    finally:
        s3.stop()
