"""Who is in a plan, with which layers, in which wave; who is not, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.rollouts import sizes, telling
from lamina.rollouts.configurations import consumer
from lamina.rollouts.consumers import Alias, Consumer, LayerReference, Place, Routing, consumers, layer_version
from lamina.rollouts.planning import AmbiguousLayer, Wish, make_plan, moved, plan_id
from lamina.rollouts.plans import OnFailure, Options, Plan, Verification
from lamina.rollouts.sizes import BadMeasure

BASE = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
PLAIN = Options(False, None, (), 0, Verification({}), 0, OnFailure.ALL, 8)
LIVE = replace(PLAIN, publish=True, alias="live", shares=(0.1, 1.0))
WISH = Wish(LayerReference("base"), 12, frozenset({1}))
LIVE_1 = Alias("live", Routing("1", {}), "a")


def version(
    name: str, number: str = "$LATEST", layer: int | None = 1, timeout: str = "3", aliases: tuple[Alias, ...] = ()
) -> Consumer:
    return Consumer(
        Place("", "eu-west-1"),
        f"arn:aws:lambda:eu-west-1:000000000000:function:{name}",
        number,
        ("foreign", *(() if layer is None else (f"{BASE}:{layer}",)), f"{BASE}10:1"),
        "python3.13",
        ("x86_64",),
        "",
        "sha",
        "r",
        {"Timeout": timeout, "Description": number},
        aliases,
    )


def planned(
    *seen: Consumer,
    wish: Wish = WISH,
    options: Options = PLAIN,
    waves: str = "rest",
    tags: Mapping[str, str] | None = None,
) -> Plan:
    tagged = [replace(one, tags=tags) for one in seen]
    return make_plan(wish, options, waves, tagged, id_="i", created_ms=1, endpoint="")


def names(plan: Plan) -> list[str]:
    return [target.name for target in plan.targets]


def why(plan: Plan) -> str:
    (left,) = plan.left_out
    return left.why


def test_version_1_is_not_version_10() -> None:
    seen = [version("one"), version("ten", layer=10), version("eleven", layer=11), version("none", layer=None)]
    plan = planned(*seen)
    assert names(plan) == ["one"]
    assert plan.left_out == ()
    assert [one.name for one in consumers(LayerReference.parse("base:1"), seen)] == ["one"]
    assert [one.name for one in consumers(LayerReference.parse("base"), seen)] == ["eleven", "one", "ten"]


def test_order_and_other_layers_stay() -> None:
    (target,) = planned(version("f")).targets
    assert target.layers_before == ("foreign", f"{BASE}:1", f"{BASE}10:1")
    assert target.layers_after == ("foreign", f"{BASE}:12", f"{BASE}10:1")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(
    st.lists(st.tuples(st.sampled_from(["base", "base1", "bas", "other"]), st.integers(1, 130))), st.integers(1, 130)
)
def test_nothing_but_the_named_version_moves(attached: list[tuple[str, int]], after: int) -> None:
    layers = [f"{BASE.removesuffix('base')}{name}:{number}" for name, number in attached]
    wish = Wish(LayerReference("base"), after, frozenset({1, 13}))
    for before, now in zip(layers, moved(layers, wish), strict=True):
        arn = layer_version(before)
        assert arn is not None
        if arn.layer.name == "base" and arn.number in (1, 13):
            assert now == f"{BASE}:{after}"
        else:
            assert now == before


def test_without_versions_to_leave_all_others_are_left() -> None:
    plan = planned(version("a"), version("b", layer=11), version("c", layer=12), wish=replace(WISH, before=None))
    assert names(plan) == ["a", "b"]
    assert [(move.layer, move.before, move.after) for move in plan.moves] == [(BASE, (1, 11), 12)]


def test_a_name_that_two_accounts_gave_has_to_be_an_arn() -> None:
    theirs = replace(version("f"), layers=(f"{BASE}:1", f"{BASE.replace('000000000000', '111111111111')}:1"))
    with pytest.raises(AmbiguousLayer, match="of 000000000000 and of 111111111111"):
        planned(theirs)
    (target,) = planned(theirs, wish=replace(WISH, layer=LayerReference.parse(BASE))).targets
    assert target.layers_after == (f"{BASE}:12", theirs.layers[1])


def test_globs_and_tags_choose() -> None:
    seen = [version("web-a"), version("web-b"), version("job")]
    assert names(planned(*seen, wish=replace(WISH, only=("web-*",), exclude=("*-b",)))) == ["web-a"]
    assert names(planned(*seen, wish=replace(WISH, only=("arn:*:function:job",)))) == ["job"]
    tagged = replace(WISH, tags={"team": "a"})
    assert names(planned(version("f"), wish=tagged, tags={"team": "a"})) == ["f"]
    assert why(planned(version("f"), wish=tagged, tags={"team": "b"})) == "it has no tag team=a"
    assert why(planned(version("f"), wish=replace(WISH, tags={"x": None}))) == "it has no tag x"


def test_what_is_published_never_changes_without_an_alias() -> None:
    plan = planned(version("f", layer=12), version("f", "3"), version("f", "12"))
    assert not plan.targets
    assert "version 3, 12" in why(plan)


def test_an_alias_is_moved_where_only_the_layer_differs() -> None:
    plan = planned(version("f"), version("f", "1", aliases=(LIVE_1,)), options=LIVE)
    assert plan.targets[0].alias == LIVE_1


def test_an_alias_follows_a_function_that_is_there_already() -> None:
    (target,) = planned(version("f", layer=12), version("f", "1", aliases=(LIVE_1,)), options=LIVE).targets
    assert target.layers_before == target.layers_after


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ([version("f")], "it has no alias live"),
        ([version("f", aliases=(Alias("live", Routing("$LATEST", {}), "a"),))], "leads to \\$LATEST"),
        ([version("f"), version("f", "1", aliases=(Alias("live", Routing("1", {"2": 0.5}), "a"),))], "two versions"),
        ([version("f"), version("f", "2", aliases=(Alias("live", Routing("1", {"2": 0.5}), "a"),))], "two versions"),
        ([version("f", timeout="9"), version("f", "1", aliases=(LIVE_1,))], "differs from version 1 in Timeout,"),
        ([version("f"), version("f", "1", layer=11, aliases=(LIVE_1,))], "differs from version 1 in Layers,"),
    ],
)
def test_an_alias_that_would_do_more_than_change_the_layer_is_left(seen: list[Consumer], reason: str) -> None:
    plan = planned(*seen, options=LIVE)
    assert not plan.targets
    assert re.search(reason, why(plan))


def test_unpublished_changes_go_where_somebody_says_so() -> None:
    seen = version("f", timeout="9"), version("f", "1", aliases=(LIVE_1,))
    assert names(planned(*seen, wish=replace(WISH, unpublished=True), options=LIVE)) == ["f"]


def test_a_function_gets_its_own_event() -> None:
    options = replace(PLAIN, verification=Verification({"a": "1", "": "2"}))
    assert [target.event for target in planned(version("a"), version("b"), options=options).targets] == ["a", ""]


@pytest.mark.parametrize(
    ("text", "count", "found"),
    [
        ("rest", 3, [3]),
        ("1,25%,rest", 10, [1, 3, 6]),
        ("5", 12, [5, 7]),
        ("1%", 10, [1, 9]),
        ("5,25%,rest", 3, [3]),
        ("50%,50%", 4, [2, 2]),
        ("33.3%,rest", 3, [1, 2]),
        ("rest", 0, []),
    ],
)
def test_waves(text: str, count: int, found: list[int]) -> None:
    waves = sizes.waves(text, count)
    assert [len(wave) for wave in waves] == found
    assert [index for wave in waves for index in wave] == list(range(count))


@pytest.mark.parametrize("text", ["", "0", "rest,5", "x", "-1", "101%", "5,,5"])
def test_what_is_no_wave(text: str) -> None:
    with pytest.raises(BadMeasure):
        sizes.waves(text, 10)


def test_shares_and_durations() -> None:
    assert sizes.shares(["10%", "50%"]) == (0.1, 0.5, 1.0)
    assert sizes.shares([]) == (1.0,)
    assert [sizes.seconds(text) for text in ("90s", "5m", "1h")] == [90, 300, 3600]
    for wrong in (["50%", "10%"], ["10%", "10%"], ["0%"], ["100%"], ["10"]):
        with pytest.raises(BadMeasure):
            sizes.shares(wrong)
    with pytest.raises(BadMeasure):
        sizes.seconds("5 minutes")


def test_a_plan_is_told_in_words() -> None:
    options = replace(LIVE, bake_s=300, failures_max=2, verification=Verification({"": "{}"}, error_rate_max=0.01))
    plan = planned(version("f"), version("f", "1", aliases=(LIVE_1,)), version("g"), options=options)
    assert telling.headline(plan) == "base 1 → 12: 1 function (000000000000 eu-west-1)"
    assert telling.targets(plan) == ["1 function (python3.13, x86_64): f", "  layers: foreign, base:1 → 12, base10:1"]
    assert telling.left_out(plan) == ["g: it has no alias live"]
    told = "\n".join(telling.procedure(plan))
    assert "live sends it 10%, 100% of the invocations, between steps 300 s, in which errors may grow by 1.0%" in told
    assert "what fails goes back alone; if more than 2 fail, everything goes back" in told


def test_an_id_has_nothing_that_a_path_or_a_shell_minds() -> None:
    assert plan_id("my_layer", 12, "1121-1809", "a1b2") == "my-layer-12-1121-1809-a1b2"


@pytest.mark.parametrize("text", ["base:", "base:x", ":1", "a b", "arn:aws:lambda:eu-west-1:1:layer:base", ""])
def test_what_names_no_layer(text: str) -> None:
    with pytest.raises(ValueError, match="not a layer name"):
        LayerReference.parse(text)


def test_a_layer_is_named_by_its_arn_or_its_name() -> None:
    arn = layer_version(f"{BASE}:3")
    assert arn is not None
    for text in ("base", "base:3", BASE, f"{BASE}:3"):
        assert LayerReference.parse(text).names(arn)
    for text in ("base:30", f"{BASE}:30", "bas", f"{BASE}0", BASE.replace("eu-west-1", "eu-west-2")):
        assert not LayerReference.parse(text).names(arn)


def test_listed_and_looked_at_a_configuration_is_the_same() -> None:
    listed = {
        "FunctionName": "f",
        "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:f:$LATEST",
        "Version": "$LATEST",
        "Runtime": "python3.13",
        "Timeout": 3,
        "Environment": {"Variables": {"SECRET": "hunter2"}},
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""},
        "RevisionId": "1",
    }
    looked = {
        **listed,
        "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "State": "Active",
        "LastUpdateStatus": "InProgress",
        "Description": "",
        "RevisionId": "2",
    }
    place = Place("", "eu-west-1")
    one, other = consumer(place, listed), consumer(place, looked)
    assert one.members == other.members
    assert one.function == other.function
    assert (one.settling, other.settling) == (False, True)
    assert "hunter2" not in repr(one)
