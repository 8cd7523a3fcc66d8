"""Who is not where he should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lamina.names import LayerVersionArn
from lamina.rollouts.channels import Channel
from lamina.rollouts.consumers import Alias, Consumer, LayerReference, Place, Routing
from lamina.rollouts.drift import look, markdown, summary

SHARED = LayerReference("shared")


def version(number: int, layer: str = "shared", account: str = "000000000000") -> LayerVersionArn:
    return LayerVersionArn.parse(f"arn:aws:lambda:us-east-1:{account}:layer:{layer}:{number}")


def consumer(
    name: str, at: LayerVersionArn, number: str = "$LATEST", tags: Mapping[str, str] | None = None
) -> Consumer:
    return Consumer(
        place=Place("", "us-east-1"),
        function=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        version=number,
        layers=(str(version(1, "below")), str(at)),
        runtime="python3.12",
        architectures=("x86_64",),
        description="",
        code_sha256="",
        revision_id="",
        members={},
        tags=tags,
    )


NEWEST = {version(1).layer: 12}


def test_who_is_at_an_older_version_than_the_newest_is_behind() -> None:
    found = look(SHARED, [consumer("a", version(12)), consumer("b", version(2))], NEWEST, [])
    (drifted,) = found.drifted
    assert (drifted.function.rpartition(":")[2], drifted.at, drifted.due, drifted.is_behind) == (
        "b",
        version(2),
        12,
        True,
    )
    assert found.consumers == 2


def test_a_published_version_counts_when_an_alias_leads_there() -> None:
    published = consumer("a", version(2), "3")
    live = replace(published, version="4", aliases=(Alias("live", Routing("4", {}), ""),))
    found = look(SHARED, [published, live], NEWEST, [])
    assert [each.qualifier for each in found.drifted] == ["4"]
    assert found.drifted[0].aliases == ("live",)


def test_who_follows_a_channel_is_held_to_the_channel() -> None:
    stable = {"lamina:channel:shared": "stable"}
    channels = [Channel("stable", version(7)), Channel("stable", version(1, "other"))]
    seen = [consumer("at", version(7), tags=stable), consumer("ahead", version(8), tags=stable)]
    found = look(SHARED, [*seen, consumer("free", version(12), tags={})], NEWEST, channels)
    (drifted,) = found.drifted
    assert (drifted.due, drifted.follows, drifted.is_behind) == (7, "stable", False)
    assert summary(found) == "3 consumers: 1 ahead"


def test_what_nobody_can_tell_is_not_guessed() -> None:
    foreign = version(3, account="111111111111")
    lost = consumer("lost", version(7), tags={"lamina:channel:shared": "gone"})
    found = look(SHARED, [consumer("a", foreign), lost], NEWEST, [])
    assert found.drifted == ()
    assert found.untold == (version(1).layer, foreign.layer)
    assert summary(found) == "2 consumers, none known to be behind"


def test_the_page_for_a_pull_request() -> None:
    seen = [consumer(f"f{number}", version(1)) for number in range(202)]
    page = markdown("shared", look(SHARED, [*seen, consumer("g", version(12))], NEWEST, []))
    lines = page.splitlines()
    assert lines[:3] == ["### shared", "", "203 consumers: 202 behind"]
    assert "| `arn:aws:lambda:us-east-1:000000000000:function:f0` | $LATEST | 1 | 12 |" in lines
    assert lines[-1] == "and 2 more"
    assert len(page) < 65_536
    assert markdown("shared", look(SHARED, seen[:1], {version(1).layer: 1}, [])) == (
        "### shared\n\n1 consumer, all where they should be\n"
    )
