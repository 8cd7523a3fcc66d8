"""Consumers listed and roll-outs planned at real servers: ours, and one of somebody else's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support import zips
from tests.support.command_line import LAMINA
from tests.support.functions import client_of, unique
from tests.support.rollouts import Fleet, RolloutCommands
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

pytestmark = pytest.mark.anybody

# Which version of the layer each of the first functions has.
NUMBERS = (1, 1, 1, 2, 10, 11)


class Users:
    """Functions on versions 1, 2, 10 and 11 of a layer that has 12; the first one with an alias `live`, too."""

    def __init__(self, client: Any, endpoint: str, state: Path, role: str = ROLE) -> None:
        self.fleet = Fleet(client, endpoint, role=role)
        self.fleet.versions = {
            number: self.fleet.publish(self.fleet.layer, {"python/shared.py": f"VERSION = {number}\n".encode()})
            for number in range(1, 13)
        }
        others = [self.fleet.publish(unique("other"), {f"other{number}": b""}) for number in range(3)]
        self.fleet.others = others
        for number in NUMBERS:
            name = unique("user")
            self.fleet.names.append(name)
            self.fleet.create(name, None)
            client.update_function_configuration(FunctionName=name, Layers=self.fleet.layers(number))
            client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        client.publish_version(FunctionName=self.names[0])
        client.create_alias(FunctionName=self.names[0], Name="live", FunctionVersion="1")
        self.commands = RolloutCommands(state)

    @property
    def names(self) -> list[str]:
        return self.fleet.names

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LAMINA, *arguments, "--endpoint", self.fleet.endpoint, "--region", "us-east-1"],
            env={**self.commands.environ(), "XDG_CACHE_HOME": str(self.commands.state)},
            capture_output=True,
            text=True,
            timeout=100,
        )

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def users(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Users:
    return Users(client_of(shared_server), shared_server.endpoint, tmp_path_factory.mktemp("state"))


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Users]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    session = boto3.session.Session("k", "s", region_name="us-east-1")
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    roles = session.client("iam", endpoint_url=address)
    role = roles.create_role(RoleName=unique("r"), AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client = session.client("lambda", endpoint_url=address)
    try:
        yield Users(client, address, tmp_path, role)
    finally:
        client.close()
        roles.close()
        server.stop()


def lists_exactly(users: Users) -> None:
    layer = users.fleet.layer
    found = users.json("consumers", layer)["consumers"]
    latest = {each["name"]: each["layer_versions"] for each in found if each["version"] == "$LATEST"}
    assert latest == {name: [number] for name, number in zip(users.names, NUMBERS, strict=True)}
    (published,) = (each for each in found if each["version"] != "$LATEST")
    assert (published["name"], published["aliases"]) == (users.names[0], [{"name": "live", "share": 1.0}])
    one = users.json("consumers", f"{layer}:1")["consumers"]
    assert {each["name"] for each in one} == set(users.names[:3])


def test_consumers_are_listed_exactly(users: Users) -> None:
    lists_exactly(users)


def test_consumers_are_told_as_a_table_and_as_a_tree(users: Users) -> None:
    table = users.run("consumers", users.fleet.layer).stdout.splitlines()
    assert [line.split() for line in table if line.startswith(f"{users.names[0]} ")] == [
        [users.names[0], "$LATEST", "1"],
        [users.names[0], "1", "1", "live"],
    ]
    assert table[-1] == (
        "6 functions use it; $LATEST has version 1 in 3, version 2 in 1, version 10 in 1, version 11 in 1; "
        "1 published version"
    )
    tree = users.run("consumers", users.fleet.layer, "--tree").stdout
    assert f"{users.names[0]}  $LATEST, 1 ← live" in tree
    assert tree.index("version 2 ") < tree.index("version 10 ") < tree.index("version 11 ")
    assert users.run("consumers", unique("nobodys")).stdout.startswith("nothing uses")


def moves_version_1_alone(users: Users) -> None:
    before = users.fleet.state()
    plan = users.json("rollout", "plan", users.fleet.layer, "--from", "1", "--wave", "1,rest")
    assert users.fleet.state() == before, "a plan changes nothing"
    assert [target["function"].rpartition(":")[2] for target in plan["targets"]] == sorted(users.names[:3])
    assert plan["waves"] == [[0], [1, 2]]
    assert plan["left_out"] == []
    for target in plan["targets"]:
        assert (target["layers_before"], target["layers_after"]) == (users.fleet.layers(1), users.fleet.layers(12))
    assert users.commands.json("apply", plan["id"])["counts"] == {"done": 3}
    numbers = [12, 12, 12, *NUMBERS[3:]]
    assert [users.fleet.layers_of(name) for name in users.names] == [users.fleet.layers(each) for each in numbers]
    users.commands.json("rollback", plan["id"])
    assert users.fleet.state() == before


def test_a_roll_out_from_1_leaves_10_and_11_alone(users: Users) -> None:
    moves_version_1_alone(users)


def test_another_endpoint_is_listed_and_planned_for_alike(moto: Users) -> None:
    lists_exactly(moto)
    moves_version_1_alone(moto)


def test_a_plan_says_what_changes_for_whom_and_what_is_against_it(users: Users, tmp_path: Path) -> None:
    layer, fleet = users.fleet.layer, users.fleet
    # Hides what the layer below it has.
    fleet.publish(layer, {"python/shared.py": b"VERSION = 13\n", "other0": b"mine"})
    event = tmp_path / "event.json"
    event.write_text("{}")
    done = users.run(
        "rollout", "plan", layer, "--from", "1,2", "--verify", str(event), "--alias", "live", "--check", "code"
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert f"{layer} 1 → 13: 1 function (000000000000 us-east-1)" in told
    assert "2 other files" in told
    assert "warning LAM501" in told
    assert "it has no alias live" in told
    assert "each is invoked before and after" in told
    assert "lamina rollout apply" in told


def test_a_version_that_was_deleted_can_be_left_but_not_gone_back_to(users: Users) -> None:
    layer, name = unique("deleted"), unique("f")
    one, two = (users.fleet.publish(layer, {"number": b"%d" % number}) for number in (1, 2))
    users.fleet.create(name, None)
    users.fleet.client.update_function_configuration(FunctionName=name, Layers=[one])
    users.fleet.client.delete_layer_version(LayerName=layer, VersionNumber=1)
    plan = users.json("rollout", "plan", layer)
    assert f"there is no {one}" in plan["changes"][0]["unread"]
    assert f"there is no {one}" in plan["combinations"][0]["unchecked"]
    assert users.commands.json("apply", plan["id"])["counts"] == {"done": 1}
    (target,) = users.commands.json("rollback", plan["id"], code=11)["targets"]
    assert target["left"][0].startswith(f"its layers {one}: ")
    assert users.fleet.layers_of(name) == [two]


def test_a_version_that_is_not_there_is_refused(users: Users) -> None:
    done = users.run("rollout", "plan", users.fleet.layer, "--to", "99")
    assert done.returncode == 1
    assert "there is no version 99" in done.stderr


def test_functions_are_chosen_by_globs_and_tags(users: Users) -> None:
    chosen, excluded, _ = users.names[:3]
    client = users.fleet.client
    function = client.get_function_configuration(FunctionName=chosen)["FunctionArn"]
    client.tag_resource(Resource=function, Tags={"team": "a"})
    by_tag = users.json("rollout", "plan", users.fleet.layer, "--from", "1", "--to", "12", "--tag", "team=a")
    assert [target["function"] for target in by_tag["targets"]] == [function]
    by_name = users.json("rollout", "plan", users.fleet.layer, "--from", "1", "--to", "12", "--exclude", excluded)
    assert excluded not in {target["function"].rpartition(":")[2] for target in by_name["targets"]}
    assert len(by_name["targets"]) == 2


def test_several_accounts_and_regions_are_one_roll_out(shared_server: Server, tmp_path: Path) -> None:
    layer, name = unique("everywhere"), unique("f")
    accounts, regions = {"dev": "111111111111", "prod": "222222222222"}, ("eu-west-1", "us-west-2")
    credentials = tmp_path / "credentials"
    credentials.write_text(
        "".join(
            f"[{profile}]\naws_access_key_id = {account}\naws_secret_access_key = s\n"
            for profile, account in accounts.items()
        )
    )
    clients = [
        shared_server.client("lambda", account=account, region=region)
        for account in accounts.values()
        for region in regions
    ]
    for client in clients:
        for number in (1, 2):
            client.publish_layer_version(LayerName=layer, Content={"ZipFile": zips.of({"version": b"%d" % number})})
        arn = client.get_layer_version(LayerName=layer, VersionNumber=1)["LayerVersionArn"]
        client.create_function(
            FunctionName=name,
            Runtime=NEWEST,
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": zips.of({"index.py": b""})},
            Layers=[arn],
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    environ = {
        **RolloutCommands(tmp_path).environ(),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]

    def lamina(*arguments: str) -> Any:
        done = subprocess.run([LAMINA, *arguments, "--json"], env=environ, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    everywhere = ("--profile", "dev,prod", "--region", ",".join(regions), "--endpoint", shared_server.endpoint)
    found = lamina("consumers", layer, *everywhere)["consumers"]
    assert {(each["account"], each["region"]) for each in found} == {
        (account, region) for account in accounts.values() for region in regions
    }
    plan = lamina("rollout", "plan", layer, *everywhere)
    assert len(plan["moves"]) == len(plan["targets"]) == 4
    assert lamina("rollout", "apply", plan["id"])["counts"] == {"done": 4}
    for client in clients:
        (attached,) = client.get_function_configuration(FunctionName=name)["Layers"]
        assert attached["Arn"].endswith(f"{layer}:2")
        client.close()
