"""The life of a function version, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lamina.errors import ApiError
from lamina.functions import changing
from lamina.functions.changing import Stamp
from lamina.functions.versions import CREATING, SETTLED, UPDATING, FunctionVersion, State, UpdateStatus
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, LayerArn, Scope

HERE = Scope("123456789012", "eu-west-1")
LIMIT = 262_144_000
REQUEST = {"Runtime": "python3.12", "Handler": "app.handler", "Role": "role"}


def archive(unzipped_bytes: int) -> StoredArchive:
    return StoredArchive(Digest.of(str(unzipped_bytes).encode()), 1, unzipped_bytes)


def layer(unzipped_bytes: int) -> AttachedLayer:
    return AttachedLayer(LayerArn(HERE, "a").version(1), archive(unzipped_bytes))


def created(code: int = 1, *layers: AttachedLayer) -> FunctionVersion:
    return changing.create(FunctionArn(HERE, "f"), REQUEST, archive(code), layers, Stamp("1", "then"))


def active(code: int = 1, *layers: AttachedLayer) -> FunctionVersion:
    return changing.activated(created(code, *layers), "2")


def test_each_step_has_its_status_and_a_revision_of_its_own() -> None:
    latest = created()
    assert (latest.status, latest.version, latest.revision_id) == (CREATING, "$LATEST", "1")
    latest = changing.activated(latest, "2")
    assert (latest.status, latest.revision_id, latest.last_modified) == (SETTLED, "2", "then")
    latest = changing.update_configuration(latest, {"Timeout": 5}, None, Stamp("3", "now"))
    assert (latest.status, latest.revision_id, latest.last_modified) == (UPDATING, "3", "now")
    assert changing.activated(latest, "4").status == SETTLED


def test_an_update_that_changes_nothing_goes_the_whole_way_all_the_same() -> None:
    before = active()
    after = changing.update_configuration(before, {}, None, Stamp("3", "now"))
    assert after == replace(before, status=UPDATING, revision_id="3", last_modified="now")


def test_nothing_changes_while_a_change_is_under_way_nor_against_another_revision() -> None:
    for function in (created(), changing.update_code(active(), {}, archive(2), Stamp("3", "now"))):
        with pytest.raises(ApiError, match="The operation cannot be performed at this time. An update is in progress"):
            changing.check_changeable(function, None)
    with pytest.raises(ApiError, match="The Revision Id provided does not match the latest Revision Id."):
        changing.check_changeable(active(), "wrong")
    changing.check_changeable(active(), "2")


def test_a_published_version_has_the_number_and_a_life_of_its_own() -> None:
    version = changing.published(active(), 3, Stamp("9", "now"))
    assert (version.version, version.status, version.revision_id) == ("3", CREATING, "9")
    assert str(version.qualified_arn).endswith(":function:f:3")


def test_a_failure_keeps_what_could_run_and_says_why() -> None:
    never_ran = changing.failed(created(), "disk full", "2").status
    assert (never_ran.state, never_ran.update, never_ran.reason) == (State.FAILED, None, "disk full")
    updating = changing.update_code(active(), {}, archive(2), Stamp("3", "now"))
    ran_before = changing.failed(updating, "disk full", "4").status
    assert (ran_before.state, ran_before.update, ran_before.settled) == (State.ACTIVE, UpdateStatus.FAILED, True)


def test_code_and_layers_share_the_limit() -> None:
    created(LIMIT - 10, layer(10))
    with pytest.raises(ApiError, match="Unzipped size must be smaller than 262143990 bytes"):
        created(LIMIT - 9, layer(10))
    with pytest.raises(ApiError, match="Layers consume more than the available size of 262144000 bytes"):
        created(1, layer(LIMIT + 1))
    with pytest.raises(ApiError, match="Unzipped size must be smaller than 262143990 bytes"):
        changing.update_code(active(1, layer(10)), {}, archive(LIMIT - 9), Stamp("3", "now"))
    with pytest.raises(ApiError, match="The actual size is 262144001 bytes."):
        changing.update_configuration(active(LIMIT - 9), {}, (layer(10),), Stamp("3", "now"))


def test_a_configuration_update_without_layers_asks_nothing_of_them() -> None:
    too_large_by_todays_rules = replace(
        active(LIMIT), configuration=replace(active().configuration, layers=(layer(1),))
    )
    changing.update_configuration(too_large_by_todays_rules, {"Timeout": 5}, None, Stamp("3", "now"))
