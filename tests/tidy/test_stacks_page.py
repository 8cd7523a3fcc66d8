"""docs/CLOUDFORMATION.md tells of every operation and of every resource type, and of no other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from lamina.operations.stacks.kinds.table import CARRIED_OUT
from lamina.stacks.beside import MADE
from tests.tidy.operations_page import built

PAGE = (Path(__file__).parents[2] / "docs" / "CLOUDFORMATION.md").read_text()


def test_the_page_names_the_operations_that_are_built() -> None:
    section = PAGE.partition("## Operations")[2]
    assert set(re.findall(r"`([A-Z]\w+)`", section)) - {"ValidationError"} == built("cloudformation")


def test_the_page_names_the_types_that_are_carried_out() -> None:
    section = PAGE.partition("## Resource types")[2].partition("## ")[0]
    assert set(re.findall(r"`(AWS::\w+::\w+)`", section)) == set(CARRIED_OUT)


def test_the_types_that_moto_is_said_to_make_are_those_it_makes() -> None:
    # In a process of its own: importing moto changes botocore for all who use it.
    asks = "import json; from moto.cloudformation import parsing; print(json.dumps([*parsing.get_model_map()]))"
    known = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True, timeout=120).stdout
    # Its base classes are among them, by names that are none.
    made = {name for name in json.loads(known) if name.startswith("AWS::")} - {"AWS::SERVICE::RESOURCE"}
    assert made - CARRIED_OUT.keys() == MADE
