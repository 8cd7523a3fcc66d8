"""Which versions of a layer go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.names import LayerVersionArn
from lamina.rollouts.channels import Channel
from lamina.rollouts.consumers import Alias, Consumer, Place, Routing
from lamina.rollouts.retiring import Fate, plan_retirement


def version(number: int, layer: str = "shared") -> LayerVersionArn:
    return LayerVersionArn.parse(f"arn:aws:lambda:us-east-1:000000000000:layer:{layer}:{number}")


def consumer(name: str, *layers: LayerVersionArn, number: str = "$LATEST", alias: str | None = None) -> Consumer:
    return Consumer(
        place=Place("", "us-east-1"),
        function=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        version=number,
        layers=tuple(map(str, layers)),
        runtime="python3.12",
        architectures=("x86_64",),
        description="",
        code_sha256="",
        revision_id="",
        members={},
        aliases=() if alias is None else (Alias(alias, Routing(number, {}), ""),),
    )


def fates(
    numbers: Sequence[int],
    consumers: Sequence[Consumer] = (),
    channels: Sequence[Channel] = (),
    shared_with: Mapping[int, Sequence[str]] | None = None,
    *,
    keep: int = 0,
    forced: bool = False,
) -> dict[int, Fate]:
    found = plan_retirement(
        [version(number) for number in numbers],
        keep=keep,
        consumers=consumers,
        channels=channels,
        shared_with=shared_with or {},
        forced=forced,
    )
    assert [fate.version.number for fate in found] == sorted(numbers, reverse=True)
    return {fate.version.number: fate for fate in found}


def deleted(found: Mapping[int, Fate]) -> list[int]:
    return sorted(number for number, fate in found.items() if fate.deleted)


def test_the_newest_are_those_with_the_largest_numbers() -> None:
    assert deleted(fates([9, 10, 2, 1, 11], keep=3)) == [1, 2]


def test_a_version_in_use_stays_and_10_is_not_1() -> None:
    found = fates([1, 2, 10], [consumer("f", version(7, "other"), version(10)), consumer("g", version(1, "shared-2"))])
    assert deleted(found) == [1, 2]
    assert found[10].used_by == ("f",)


def test_published_versions_and_aliases_count_and_are_named() -> None:
    found = fates([1, 2], [consumer("f", version(1), number="3", alias="live"), consumer("f", version(2), number="4")])
    assert deleted(found) == []
    assert (found[1].used_by, found[2].used_by) == (("f:3 (live)",), ("f:4",))


def test_what_others_may_be_using_unseen_stays() -> None:
    found = fates([1, 2], shared_with={1: ["111111111111"]})
    assert deleted(found) == [2]
    assert found[1].shared_with == ("111111111111",)


def test_force_overrules_consumers_but_neither_channels_nor_the_newest() -> None:
    found = fates(
        [1, 2, 3, 4],
        [consumer("f", version(1)), consumer("g", version(4))],
        [Channel("stable", version(2))],
        {3: ["everybody"]},
        keep=1,
        forced=True,
    )
    assert deleted(found) == [1, 3]
    assert found[2].channels == ("stable",)
    # What a deleted version was used by is still told.
    assert found[1].used_by == ("f",)


NUMBERS = st.sets(st.integers(1, 30), min_size=1)


@settings(deadline=None, database=None)
@given(
    NUMBERS, st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.integers(0, 9)
)
def test_nothing_that_is_used_pointed_at_shared_or_new_ever_goes(
    numbers: set[int], used: set[int], pointed: set[int], shared: set[int], keep: int
) -> None:
    found = fates(
        sorted(numbers),
        [consumer(f"f{number}", version(number)) for number in used],
        [Channel(f"c{number}", version(number)) for number in pointed],
        {number: ["o-a1b2c3d4e5"] for number in shared},
        keep=keep,
    )
    newest = set(sorted(numbers)[max(0, len(numbers) - keep) :])
    assert set(deleted(found)) == numbers - used - pointed - shared - newest
