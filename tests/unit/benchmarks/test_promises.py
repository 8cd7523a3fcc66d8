from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.promises import PROMISES, Promise, Verdict, many_layers, median, more, ratio, tail, verdicts
from benchmarks.samples import Row, Sample

_SPECIFICATION = Path(__file__).parents[3] / "docs" / "SPECIFICATION.md"


def _row(name: str, **values: tuple[float, ...]) -> Row:
    return Row.of(name, [Sample(subject, "ms", measured) for subject, measured in values.items()])


def test_figures_are_made_of_medians() -> None:
    samples = _row("x", Lamina=(1, 2, 90), RIE=(3, 4, 5)).samples
    assert median()(samples) == 2
    assert ratio("Lamina", "RIE")(samples) == 0.5
    assert more("RIE", "Lamina")(samples) == 2
    assert tail()(samples) == 45


def test_layers_are_held_against_none() -> None:
    samples = {"without layers": Sample("without layers", "ms", (5,)), "some": Sample("some", "ms", (5.5,))}
    assert many_layers(samples) == 0.5


@pytest.mark.parametrize(
    ("value", "at_least", "kept"), [(5, False, True), (5.1, False, False), (5, True, True), (4.9, True, False)]
)
def test_a_promise_is_kept_up_to_its_limit(value: float, at_least: bool, kept: bool) -> None:
    promise = Promise("row", "thing", "bound", median(), 5, "ms", at_least)
    assert Verdict(promise, value).kept is kept


def test_what_was_not_measured_is_neither_kept_nor_broken_and_says_why() -> None:
    told = {verdict.promise.bound: verdict for verdict in verdicts([_row("cold-no-layer", Lamina=(4,))])}
    assert told["at most 5 ms"].kept is True
    assert told["at most 1/8 of RIE's"] == Verdict(told["at most 1/8 of RIE's"].promise, None, "RIE took no part")
    assert told["at most 6 ms"].kept is None
    assert told["at most 6 ms"].why == "not measured in this run"
    (skipped, *_) = verdicts([Row("cold-no-layer", {}, skipped="no such thing")])
    assert (skipped.kept, skipped.why) == (None, "no such thing")


def test_every_promise_is_in_the_specification_in_these_words() -> None:
    section = _SPECIFICATION.read_text().partition("\n## Speed\n")[2].partition("\n## ")[0]
    written = re.findall(r"^\| \d+ \| (.+): (.+)\. \| ", section, re.MULTILINE)
    assert sorted(written) == sorted((promise.thing, promise.bound) for promise in PROMISES)
