"""Plans and journals as documents: written and read back equal, and read strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lamina.rollouts.consumers import Alias, Place, Routing
from lamina.rollouts.documents import DocumentError
from lamina.rollouts.journal import (
    Began,
    Did,
    Intended,
    PublishVersion,
    RouteAlias,
    SetLayers,
    Way,
    read_record,
    write_record,
)
from lamina.rollouts.plans import (
    Combination,
    Move,
    OnFailure,
    Options,
    Plan,
    Target,
    Verification,
    Warned,
    read_plan,
    write_plan,
)

LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:f"
TARGET = Target(
    place=Place("", "eu-west-1"),
    function=FUNCTION,
    runtime="python3.13",
    architectures=("x86_64",),
    description="",
    code_sha256="x",
    revision_id="1",
    members={"Timeout": "ab"},
    layers_before=(f"{LAYER}:1",),
    layers_after=(f"{LAYER}:2",),
    alias=Alias("live", Routing("3", {"2": 0.5}), "9"),
)
PLAN = Plan(
    id="one",
    created_ms=5,
    endpoint="",
    moves=(Move(LAYER, (1,), 2),),
    options=Options(True, "live", (0.1, 1.0), 60, Verification({"": "{}"}, slower_max=2.0), 0, OnFailure.ALL, 8),
    targets=(TARGET,),
    waves=((0,),),
    combinations=(
        Combination(
            (f"{LAYER}:2",), "python3.13", ("x86_64",), 1, (Warned("LAM1", "error", "n", None, "says", "mend"),)
        ),
    ),
)


def _through_text(document: Any) -> Any:
    return json.loads(json.dumps(document))


def test_a_plan_is_read_as_it_was_written() -> None:
    assert read_plan(_through_text(write_plan(PLAN))) == PLAN


@pytest.mark.parametrize(
    "record",
    [
        Began(1, "apply", Way.FORWARD),
        Intended(1, FUNCTION, SetLayers((f"{LAYER}:2",), "1")),
        Intended(1, FUNCTION, PublishVersion("1", "x", "d")),
        Intended(1, FUNCTION, RouteAlias("live", Routing("3", {"4": 0.1}), "9")),
        Did(1, FUNCTION, "4", ours=True),
    ],
)
def test_a_record_is_read_as_it_was_written(record: Any) -> None:
    assert read_record(_through_text(write_record(record))) == record


def _spoilt() -> Iterator[Any]:
    good = _through_text(write_plan(PLAN))
    yield []
    yield good | {"format": 2}
    yield good | {"colour": "red"}
    yield {name: value for name, value in good.items() if name != "targets"}
    yield good | {"created_ms": "5"}
    yield good | {"created_ms": True}
    yield good | {"waves": [["0"]]}
    yield good | {"targets": [good["targets"][0] | {"place": None}]}
    yield good | {"options": good["options"] | {"on_failure": "never"}}


@pytest.mark.parametrize("document", list(_spoilt()))
def test_what_is_no_plan_is_refused(document: Any) -> None:
    with pytest.raises(DocumentError):
        read_plan(document)


def test_the_error_says_where() -> None:
    document = write_plan(replace(PLAN, waves=((0, 0),)))
    document["waves"][0][1] = "x"
    with pytest.raises(DocumentError, match=r"waves\[0\]\[1\]"):
        read_plan(document)


@pytest.mark.parametrize("document", [{}, {"kind": "nothing"}, {"kind": "did"}, {"kind": "began", "at_ms": 1}])
def test_what_is_no_record_is_refused(document: Any) -> None:
    with pytest.raises(DocumentError):
        read_record(document)
