"""docs/CLOUDFORMATION.md tells of every operation and of every resource type, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

from lamina.operations.stacks.kinds.table import CARRIED_OUT
from tests.tidy.operations_page import built

PAGE = (Path(__file__).parents[2] / "docs" / "CLOUDFORMATION.md").read_text()


def test_the_page_names_the_operations_that_are_built() -> None:
    section = PAGE.partition("## Operations")[2]
    assert set(re.findall(r"`([A-Z]\w+)`", section)) - {"ValidationError"} == built("cloudformation")


def test_the_page_names_the_types_that_are_carried_out() -> None:
    section = PAGE.partition("## Resource types")[2].partition("## ")[0]
    assert set(re.findall(r"`(AWS::\w+::\w+)`", section)) == set(CARRIED_OUT)
