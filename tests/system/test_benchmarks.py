"""The benchmarks measure: what they find is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.anybody

ROOT = Path(__file__).parents[2]


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_quick_run_measures_everybody_who_can_be_had_and_says_who_cannot(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "warm", "--json", str(told)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=590)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(told.read_text())
    assert run["quick"]
    rows = {row["name"]: {sample["name"]: sample for sample in row["samples"]} for row in run["rows"]}
    assert {"warm", "throughput"} == set(rows)
    assert {"Lamina", "RIE", "MiniStack"} == set(rows["warm"]) | set(run["absent"])
    for sample in [*rows["warm"].values(), *rows["throughput"].values()]:
        assert sample["values"]
        assert min(sample["values"]) > 0
    assert "A quick run" in done.stdout
