"""What people type about channels, and what becomes of it."""

from __future__ import annotations

import pytest

from lamina.names import LayerArn, LayerVersionArn
from lamina.rollouts.channels import (
    BadChannel,
    Channel,
    ChannelMove,
    of_layer,
    parameter_name,
    parse_assignments,
    parse_subscription,
    plan_moves,
    tag_key,
)
from lamina.rollouts.consumers import LayerReference


def version(number: int, layer: str = "shared", account: str = "000000000000") -> LayerVersionArn:
    return LayerVersionArn.parse(f"arn:aws:lambda:us-east-1:{account}:layer:{layer}:{number}")


SHARED: LayerArn = version(1).layer


def test_assignments_are_read_in_their_order() -> None:
    assert list(parse_assignments(["stable=7", "next=12", "stable=7"]).items()) == [("stable", 7), ("next", 12)]


@pytest.mark.parametrize(
    "text", ["stable", "stable=", "stable=0", "stable=-1", "stable=\u0661", "stable=7.0", "7=1", "=7", "a b=1", "@x=1"]
)
def test_what_assigns_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadChannel):
        parse_assignments([text])


def test_a_channel_cannot_be_at_two_versions() -> None:
    with pytest.raises(BadChannel, match="stable is to be at version 7 and at 8"):
        parse_assignments(["stable=7", "stable=8"])


def test_a_subscription_names_a_layer_and_a_channel() -> None:
    assert parse_subscription("shared@stable") == (LayerReference("shared"), "stable")
    by_arn, _ = parse_subscription(f"{SHARED}@stable")
    assert by_arn == LayerReference("shared", "000000000000", "us-east-1")
    # A layer whose name is a number is no version.
    assert parse_subscription("arn:aws:lambda:us-east-1:000000000000:layer:7@stable")[0].name == "7"


@pytest.mark.parametrize(
    "text", ["shared", "shared@", "@stable", "shared@7", "shared:3@stable", "shared@a@b!", "a/b@x"]
)
def test_what_is_no_subscription_is_refused(text: str) -> None:
    with pytest.raises(BadChannel):
        parse_subscription(text)


def test_moves_tell_where_a_channel_was() -> None:
    current = [Channel("stable", version(7)), Channel("next", version(9)), Channel("stable", version(1, "other"))]
    moves = plan_moves(current, SHARED, {"stable": 8, "next": 9, "beta": 9})
    assert moves == (
        ChannelMove("stable", version(7), version(8)),
        ChannelMove("next", version(9), version(9)),
        ChannelMove("beta", None, version(9)),
    )
    assert [move.is_empty for move in moves] == [False, True, False]


def test_a_channel_never_changes_to_the_layer_of_another_account() -> None:
    theirs = Channel("stable", version(7, account="111111111111"))
    with pytest.raises(BadChannel, match="is a channel of arn:aws:lambda:us-east-1:111111111111:layer:shared"):
        plan_moves([theirs], SHARED, {"stable": 8})
    assert plan_moves([theirs], SHARED, {"next": 8}) == (ChannelMove("next", None, version(8)),)


def test_channels_of_a_layer_are_those_of_exactly_that_name() -> None:
    channels = [Channel("a", version(1, "shared-2")), Channel("b", version(1)), Channel("a", version(2))]
    assert of_layer(channels, LayerReference("shared")) == [channels[2], channels[1]]
    assert len(of_layer(channels, None)) == 3


def test_parameters_and_tags_have_names_that_others_can_rely_on() -> None:
    assert parameter_name("shared", "stable") == "/lamina/channels/shared/stable"
    assert parameter_name() == "/lamina/channels"
    assert tag_key("shared") == "lamina:channel:shared"
    with pytest.raises(BadChannel, match="more than 128 characters"):
        tag_key("x" * 114)
