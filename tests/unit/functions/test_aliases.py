"""Aliases: what they lead to, and which routing there is."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.functions import aliases
from lamina.functions.aliases import Alias
from lamina.names import FunctionArn, Scope

ARN = FunctionArn(Scope("123456789012", "eu-west-1"), "f", "live")
ROUTED = {"AdditionalVersionWeights": {"2": 0.25}}


def alias(**request: Any) -> Alias:
    return aliases.create(ARN, {"FunctionVersion": "1", **request}, "r1")


def test_13_1_a_plain_alias_has_no_routing_and_an_empty_description() -> None:
    assert aliases.describe(alias()) == {
        "AliasArn": str(ARN),
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "",
        "RevisionId": "r1",
    }
    assert "RoutingConfig" not in aliases.describe(alias(RoutingConfig={"AdditionalVersionWeights": {}}))
    assert aliases.describe(alias(RoutingConfig=ROUTED))["RoutingConfig"] == ROUTED


def test_13_3_an_invocation_gets_one_of_two_versions_by_its_weight() -> None:
    routed = alias(RoutingConfig=ROUTED)
    assert [routed.choose(draw) for draw in (0.0, 0.2499, 0.25, 0.99)] == ["2", "2", "1", "1"]
    assert [alias().choose(draw) for draw in (0.0, 0.99)] == ["1", "1"]
    assert alias(RoutingConfig={"AdditionalVersionWeights": {"2": 0.0}}).choose(0.0) == "1"
    assert alias(RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}}).choose(0.999) == "2"
    assert routed.versions == ("1", "2")


@pytest.mark.parametrize(
    ("version", "weights", "message", "kind"),
    [
        ("$LATEST", {"1": 0.5}, "$LATEST is not supported for an alias pointing to more than 1 version", None),
        ("1", {"1": 0.5, "2": 0.5}, "Number of items in AdditionalVersionWeights cannot be greater than 1", "User"),
        (
            "1",
            {"1": 0.5},
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
            "User",
        ),
    ],
)
def test_13_3_routing_that_cannot_be(version: str, weights: dict[str, float], message: str, kind: str | None) -> None:
    with pytest.raises(ApiError) as raised:
        alias(FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": weights})
    assert (raised.value.code, raised.value.message, raised.value.kind) == (
        "InvalidParameterValueException",
        message,
        kind,
    )


def test_13_1_an_update_changes_what_is_sent_and_the_revision() -> None:
    before = alias(RoutingConfig=ROUTED, Description="d")
    assert aliases.update(before, {}, "r2") == Alias(ARN, "1", "d", "r2", ("2", 0.25))
    assert aliases.update(before, {"FunctionVersion": "3"}, "r2") == Alias(ARN, "3", "d", "r2", ("2", 0.25))
    unrouted = aliases.update(before, {"RoutingConfig": {"AdditionalVersionWeights": {}}, "Description": ""}, "r2")
    assert unrouted == Alias(ARN, "1", "", "r2")
    assert aliases.update(before, {"RoutingConfig": {}}, "r2").additional is None
    with pytest.raises(ApiError, match="already included in routing configuration"):
        aliases.update(before, {"FunctionVersion": "2"}, "r2")


def test_3_6_an_update_against_another_revision_is_refused() -> None:
    with pytest.raises(ApiError) as raised:
        aliases.update(alias(), {"RevisionId": "wrong"}, "r2")
    assert raised.value.code == "PreconditionFailedException"
    aliases.update(alias(), {"RevisionId": "r1"}, "r2")
