"""Roll-outs carried out at a real server: to the end, to a failure and back, among other people."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lamina.rollouts.plans import OnFailure, Verification
from tests.support import foreign
from tests.support.faults import FaultyWay
from tests.support.functions import client_of, wait_until
from tests.support.rollouts import INVOKED, Fleet, RolloutCommands, routed_beside
from tests.support.server import Server

pytestmark = pytest.mark.anybody


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RolloutCommands:
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    return RolloutCommands(tmp_path)


def fleet_on(server: Server, count: int, old: int = 0, *, alias: str | None = None) -> Fleet:
    return Fleet.of(client_of(server), server.endpoint, count, old, alias=alias)


def test_every_function_gets_the_new_version_where_the_old_one_was(
    shared_server: Server, commands: RolloutCommands
) -> None:
    fleet = fleet_on(shared_server, 12)
    before = fleet.state()
    id_ = commands.keep(fleet.plan(waves=(1, 3), verification=INVOKED))
    told = commands.json("apply", id_)
    assert (told["outcome"], told["counts"]) == ("done", {"done": 12})
    assert [fleet.layers_of(name) for name in fleet.names] == [fleet.layers(2)] * 12
    # Applied once more, it is through already.
    assert commands.json("apply", id_) == told
    assert commands.json("rollback", id_)["counts"] == {"put back": 12}
    assert fleet.state() == before
    moved = f"{fleet.layer} 1 → 2"
    assert commands.run("status").stdout == f"{id_} {moved}: rolled back: asked for\n  12 functions: 12 put back\n"
    heading, line = commands.run("history").stdout.splitlines()
    assert heading.split() == ["id", "planned", "layer", "functions", "outcome"]
    assert line.startswith(f"{id_}  ")
    assert line.endswith(f"Z  {moved}  12         rolled back")


def test_a_layer_that_breaks_one_function_in_twenty_is_caught_and_everything_put_back(
    shared_server: Server, commands: RolloutCommands
) -> None:
    fleet = fleet_on(shared_server, 40, old=2, alias="live")
    before = fleet.state()
    plan = fleet.plan(waves=(4,), alias="live", shares=(0.1, 1.0), verification=INVOKED, on_failure=OnFailure.ALL)
    told = commands.carry_out("apply", commands.keep(plan))
    assert told["outcome"] == "rolled back"
    assert "module 'shared' has no attribute 'legacy'" in told["why"]
    assert {target["state"] for target in told["targets"]} == {"failed", "put back", "not begun"}
    assert fleet.state() == before


def test_what_somebody_else_changes_survives_and_is_told(shared_server: Server, commands: RolloutCommands) -> None:
    fleet = fleet_on(shared_server, 6)
    theirs, deleted, noted, hammered = fleet.names[:4]
    plan = fleet.plan(waves=(1,), verification=INVOKED)
    fleet.client.update_function_configuration(FunctionName=theirs, Layers=[fleet.others[0]])
    fleet.client.update_function_configuration(FunctionName=noted, Environment={"Variables": {"NAME": "theirs"}})
    fleet.client.delete_function(FunctionName=deleted)
    with _changing_again_and_again(fleet, hammered) as last:
        told = commands.json("apply", commands.keep(plan), code=11)
    states = {target["function"].rpartition(":")[2]: target for target in told["targets"]}
    assert told["outcome"] == "done"
    assert (states[theirs]["state"], fleet.layers_of(theirs)) == ("changed by somebody else", [fleet.others[0]])
    assert states[deleted]["state"] == "gone"
    assert states[noted]["notes"] == ["somebody else changed its Environment meanwhile, which stays"]
    assert fleet.configuration(noted)["Environment"]["Variables"] == {"NAME": "theirs"}
    assert fleet.configuration(hammered)["Environment"]["Variables"] == {"NAME": str(last[-1])}
    assert [fleet.layers_of(name) for name in fleet.names[2:]] == [fleet.layers(2)] * 4


@contextmanager
def _changing_again_and_again(fleet: Fleet, name: str) -> Iterator[list[int]]:
    """Somebody who sets a variable of the function, and waits for nobody; what was set, so far."""
    done: list[int] = [0]
    over = threading.Event()

    def change() -> None:
        for number in range(1, 1000):
            if over.wait(0.05):
                return
            try:
                variables = {"Variables": {"NAME": str(number)}}
                fleet.client.update_function_configuration(FunctionName=name, Environment=variables)
            except fleet.client.exceptions.ResourceConflictException:
                continue
            done.append(number)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def test_a_killed_roll_out_goes_on_to_its_end_and_a_killed_roll_back_to_its_start(
    shared_server: Server, commands: RolloutCommands
) -> None:
    _kill_again_and_again(fleet_on(shared_server, 8, alias="live"), commands, random.Random(7), 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif("LAMINA_KILLS" not in os.environ, reason="a campaign: LAMINA_KILLS=50 kills as often")
def test_killed_many_times_a_roll_out_still_comes_to_its_end(shared_server: Server, commands: RolloutCommands) -> None:
    kills, dice = int(os.environ["LAMINA_KILLS"]), random.Random()
    while kills > 0:
        kills -= _kill_again_and_again(fleet_on(shared_server, 16, alias="live"), commands, dice, 5)


def _kill_again_and_again(fleet: Fleet, commands: RolloutCommands, dice: random.Random, each: int) -> int:
    """Apply, and then roll back, killed *each* times on the way; how many kills there were."""
    before = fleet.state()
    plan = fleet.plan(waves=(1, 2), alias="live", shares=(0.5, 1.0), verification=INVOKED)
    id_ = commands.keep(plan)
    kills = _kill_while(commands, id_, "apply", dice, each)
    assert commands.json("resume" if kills else "apply", id_)["counts"] == {"done": len(fleet.names)}
    for name in fleet.names:
        assert fleet.layers_of(name) == fleet.layers_of(name, "live") == fleet.layers(2)
        alias = fleet.client.get_alias(FunctionName=name, Name="live")
        assert (alias["FunctionVersion"], routed_beside(alias)) == ("2", {})
        versions = fleet.client.list_versions_by_function(FunctionName=name)["Versions"]
        assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    kills += _kill_while(commands, id_, "rollback", dice, each)
    assert commands.json("rollback", id_)["counts"] == {"put back": len(fleet.names)}
    assert fleet.state() == before
    return kills


def _kill_while(commands: RolloutCommands, id_: str, command: str, dice: random.Random, times: int) -> int:
    """Begin *command* and kill it once its journal has grown a bit, *times*; how often it was not yet over."""
    kills = 0
    for _ in range(times):
        went_on = kills and command == "apply"
        kills += _killed(commands, id_, "resume" if went_on else command, dice.randint(1, 6000))
    return kills


def _killed(commands: RolloutCommands, id_: str, command: str, grown_bytes: int) -> bool:
    journal = commands.rollouts.folder / id_ / "journal.jsonl"
    enough = journal.stat().st_size + grown_bytes
    with commands.start(command, id_) as process:
        wait_until(lambda: journal.stat().st_size >= enough or process.poll() is not None, 60, every=0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return process.returncode == -signal.SIGKILL


def test_errors_of_callers_turn_a_canary_back(shared_server: Server, commands: RolloutCommands) -> None:
    fleet = fleet_on(shared_server, 2, old=1, alias="live")
    before = fleet.state()
    rate = Verification({}, error_rate_max=0.2)
    plan = fleet.plan(alias="live", shares=(0.5, 1.0), bake_s=2, verification=rate)
    over = threading.Event()

    def call() -> None:
        while not over.wait(0.02):
            for name in fleet.names:
                try:
                    fleet.client.invoke(FunctionName=name, Qualifier="live")
                except ClientError:
                    # Throttled, say: it is no answer of the function's.
                    continue

    caller = threading.Thread(target=call)
    caller.start()
    try:
        told = commands.carry_out("apply", commands.keep(plan))
    finally:
        over.set()
        caller.join()
    assert told["outcome"] == "rolled back"
    assert "invocations failed, 0.0% did before" in told["why"]
    assert {target["state"] for target in told["targets"]} == {"failed", "put back"}
    assert fleet.state() == before


def test_throttling_failing_calls_and_lost_answers_change_nothing_of_the_end(
    shared_server: Server, commands: RolloutCommands
) -> None:
    fleet = fleet_on(shared_server, 3, alias="live")
    before = fleet.state()
    with FaultyWay(shared_server.endpoint, throttled_every=31, failing_every=13, lost_every=5).running() as way:
        plan = replace(fleet.plan(alias="live", shares=(0.5, 1.0)), endpoint=way.address)
        id_ = commands.keep(plan)
        assert commands.carry_out("apply", id_)["counts"] == {"done": 3}
        for name in fleet.names:
            assert fleet.layers_of(name) == fleet.layers_of(name, "live") == fleet.layers(2)
            versions = fleet.client.list_versions_by_function(FunctionName=name)["Versions"]
            assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
        assert commands.carry_out("rollback", id_)["counts"] == {"put back": 3}
    assert fleet.state() == before
    assert set(way.faults) == {"throttled", "failing", "lost"}


def test_ctrl_c_stops_between_two_calls_and_says_how_to_go_on(shared_server: Server, commands: RolloutCommands) -> None:
    fleet = fleet_on(shared_server, 3)
    id_ = commands.keep(fleet.plan(waves=(1,), bake_s=600))
    journal = commands.rollouts.folder / id_ / "journal.jsonl"
    with commands.start("apply", id_) as process:
        wait_until(lambda: b'"baking"' in journal.read_bytes(), 60)
        assert commands.json("status", id_)["running"] is True
        assert commands.run("rollback", id_).stderr.startswith(f"Error: {id_} is being carried out by another process")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert f"Hint: `lamina rollout resume {id_}` goes on" in errors
    assert commands.json("status", id_)["counts"] == {"not begun": 2, "done": 1}
    assert commands.json("rollback", id_)["counts"] == {"not begun": 2, "put back": 1}


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """A foreign endpoint, with a role for functions."""
    with foreign.moto() as address:
        yield address


def test_it_works_at_an_endpoint_that_is_not_ours(moto: str, commands: RolloutCommands) -> None:
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    iam, client = (boto3.client(service, endpoint_url=moto, **keys) for service in ("iam", "lambda"))
    role = iam.create_role(RoleName="lambda-role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    fleet = Fleet.of(client, moto, 6, alias="live", role=role)
    plan = fleet.plan(waves=(1, 2), alias="live", shares=(0.5, 1.0))
    # It has no revisions to guard a call with: what has changed since the plan is seen all the same.
    theirs, *others = fleet.names
    client.update_function_configuration(FunctionName=theirs, Layers=fleet.others)
    before = fleet.state()
    id_ = commands.keep(plan)
    assert commands.carry_out("apply", id_)["counts"] == {"done": 5, "changed by somebody else": 1}
    for name in others:
        assert fleet.layers_of(name) == fleet.layers_of(name, "live") == fleet.layers(2)
    assert fleet.layers_of(theirs) == fleet.others
    assert commands.carry_out("rollback", id_)["counts"] == {"changed by somebody else": 1, "put back": 5}
    assert fleet.state() == before
