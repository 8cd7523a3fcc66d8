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
    cannot = "The operation cannot be performed at this time. "
    with pytest.raises(ApiError, match=cannot + "The function is currently in the following state: Pending"):
        changing.check_changeable(created(), None)
    with pytest.raises(ApiError, match=cannot + "An update is in progress for resource: arn:"):
        changing.check_changeable(changing.update_code(active(), {}, archive(2), Stamp("3", "now")), None)
    with pytest.raises(ApiError, match="The Revision Id provided does not match the latest Revision Id."):
        changing.check_changeable(active(), "wrong")
    changing.check_changeable(active(), "2")


def test_a_published_version_has_the_number_and_a_life_of_its_own() -> None:
    version = changing.published(active(), 3, Stamp("9", "now"))
    assert (version.version, version.status, version.revision_id) == ("3", SETTLED, "9")
    assert str(version.qualified_arn).endswith(":function:f:3")
    assert changing.published(created(), 3, Stamp("9", "now")).status == CREATING


def test_11_a_version_has_the_description_of_latest_or_its_own() -> None:
    latest = replace(active(), configuration=replace(active().configuration, description="of latest"))
    assert changing.published(latest, 1, Stamp("9", "now")).configuration.description == "of latest"
    assert changing.published(latest, 1, Stamp("9", "now"), "own").configuration.description == "own"


def test_11_what_was_published_already_is_not_published_again() -> None:
    latest = active()
    version = changing.published(latest, 1, Stamp("9", "now"), "a description of its own")
    assert changing.is_unchanged(latest, version)
    assert not changing.is_unchanged(latest, None)
    for request in ({"Description": "other"}, {"Timeout": 9}, {"Environment": {"Variables": {"A": "1"}}}):
        updated = changing.update_configuration(latest, request, None, Stamp("3", "now"))
        assert not changing.is_unchanged(updated, version)
    assert not changing.is_unchanged(changing.update_code(latest, {}, archive(2), Stamp("3", "now")), version)


def test_11_publishing_can_ask_for_the_code_and_the_revision_it_means() -> None:
    latest = active()
    changing.check_publishable(latest, {"CodeSha256": latest.code.digest.base64, "RevisionId": latest.revision_id})
    with pytest.raises(ApiError, match=r"CodeSHA256 \(wrong\) is different from current CodeSHA256 in \$LATEST"):
        changing.check_publishable(latest, {"CodeSha256": "wrong"})
    with pytest.raises(ApiError, match="Call the GetFunction/GetAlias API"):
        changing.check_publishable(latest, {"RevisionId": "wrong"})
    with pytest.raises(ApiError, match="in the following state: Failed"):
        changing.check_publishable(changing.failed(created(), "disk full", "2"), {})


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
