from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from benchmarks import chart
from benchmarks.machine import Machine
from benchmarks.report import Run, number, page, promises_text, row_text
from benchmarks.samples import Row, Sample

_MACHINE = Machine(
    day="2026-01-02 03:04 UTC",
    commit="abc1234",
    processor="A processor",
    processors=2,
    memory_gb=24,
    kernel="6.1",
    distribution="A distribution",
    file_system="ext2/ext3",
    user="root",
    server_python="3.11.7",
    runtime="python3.13",
    load=(0.1, 0.2),
)
_COLD = Row.of("cold-no-layer", [Sample("Lamina", "ms", (4, 5, 6)), Sample("RIE", "ms", (30,))], "a note")
_RUN = Run(_MACHINE, {"MiniStack": "it could not\nbe | fetched"}, quick=False, rows=(_COLD,))
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.1234, "0.123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.5, "1,234"),
        (-0.5, "-0.500"),
    ],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_the_page_names_the_machine_and_who_took_no_part() -> None:
    written = page(_RUN)
    for fact in ("A processor, 2 processors, 24 GB", "python3.13", "abc1234", "load 0.1 before and 0.2 after"):
        assert fact in written
    assert "MiniStack took no part: it could not be \\| fetched" in written


def test_the_page_says_of_each_promise_whether_it_was_kept() -> None:
    lines = page(_RUN).splitlines()
    assert "| cold start, no layer | at most 5 ms | 5.00 ms | kept |" in lines
    assert "| cold start, no layer | at most 1/8 of RIE's | 0.167 times | **not kept** |" in lines
    assert "| warm call | at most 1/2 of RIE's |  | not measured: not measured in this run |" in lines
    assert "| cold-no-layer | Lamina | 5.00 ms | 4.00 ms | 6.00 ms | 3 |" in lines
    assert "| cold-no-layer | RIE | 30.0 ms | | | 1 |" in lines
    assert "- cold-no-layer: a note" in lines


def test_a_quick_run_says_that_it_is_one() -> None:
    quick = replace(_RUN, quick=True)
    assert "quick run" in page(quick)
    assert "quick run" in promises_text(quick)
    assert "quick run" not in page(_RUN)


def test_every_single_value_is_in_the_file() -> None:
    told = json.loads(json.dumps(_RUN.to_json()))
    assert told["rows"][0]["samples"][0] == {"name": "Lamina", "unit": "ms", "values": [4, 5, 6]}
    assert told["machine"]["commit"] == "abc1234"


def test_a_row_that_was_skipped_says_why_in_every_report() -> None:
    skipped = Row("memory", {}, skipped="only root may ask")
    assert row_text(skipped).split(maxsplit=1) == ["memory", "only root may ask"]
    assert "| memory | only root may ask | | | | |" in page(replace(_RUN, rows=(skipped,)))


def test_the_chart_is_an_image_with_a_bar_for_everything_that_was_measured() -> None:
    image = ET.fromstring(chart.drawn([_COLD, Row("warm", {}, skipped="why")]))
    bars = {bar.attrib["class"]: float(bar.attrib["width"]) for bar in image.iter(f"{_SVG}rect")}
    assert set(bars) == {"Lamina", "RIE"}
    assert 0 < bars["Lamina"] < bars["RIE"]
    labels = [text.text for text in image.iter(f"{_SVG}text")]
    assert "5.00 ms" in labels
    assert "warm call" not in labels


def test_a_chart_of_nothing_is_an_image_still() -> None:
    assert ET.fromstring(chart.drawn([])).tag == f"{_SVG}svg"
