"""Every planted fault is found, nothing else is, and what is sound is left in peace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lamina.workshop.checks.findings import Severity, worst
from lamina.workshop.checks.running import RULES
from lamina.workshop.checks.sarif import sarif
from tests.unit.workshop.bad_layers import BAD, FINE, GOOD, Case, files, one

PAGES = Path(__file__).parents[3] / "docs" / "checks"


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_found_and_nothing_besides(name: str) -> None:
    case = BAD[name]
    found = case.findings()
    assert tuple(finding.id for finding in found) == case.expected, found
    for finding in found:
        assert finding.fault.mend.endswith((".", ")")) or " " in finding.fault.mend


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_found_in_what_is_sound(name: str) -> None:
    assert GOOD[name].findings() == []


def test_every_rule_is_broken_by_one_of_the_bad_layers() -> None:
    assert {rule.id for rule in RULES} == {expected for case in BAD.values() for expected in case.expected}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_every_rule_has_its_page_and_every_page_its_rule() -> None:
    for rule in RULES:
        page = (PAGES / f"{rule.id}.md").read_text()
        assert page.startswith(f"# {rule.id}: {rule.name}\n"), rule.id
        assert f"\nSeverity: {rule.severity}\n" in page, rule.id
        assert "\n## What to do\n" in page, rule.id
    listed = re.findall(
        r"^\| \[(LAM\d+)\]\(\1\.md\) \| (\w+) \| (.+) \|$", (PAGES / "README.md").read_text(), re.MULTILINE
    )
    assert listed == [(rule.id, rule.severity.value, rule.name) for rule in RULES]
    assert {page.stem for page in PAGES.glob("LAM*.md")} == {rule.id for rule in RULES}


def test_the_runtime_is_told_by_files_when_nobody_says_it() -> None:
    layer = one(FINE, files("python/lib/python3.12/site-packages/a/_a.cpython-39-x86_64-linux-gnu.so", content=b""))
    # Two Pythons are named: nothing can be concluded.
    assert Case(layer, runtime=None, architecture=None).findings() == []
    wrong = BAD["an extension module for another Python"]
    assert Case(wrong.layers, runtime=None, architecture=None).findings() == []


def test_each_runtime_that_a_layer_was_published_for_is_checked() -> None:
    layer = BAD["an extension module for another Python"].layers
    found = Case(layer, runtime=None, declared=("python3.9", "python3.12", "python3.13")).findings()
    assert [finding.id for finding in found] == ["LAM301"], "the same files, told once"
    assert Case(layer, runtime=None, declared=("python3.9",)).findings() == []


def test_the_worst_comes_first() -> None:
    case = BAD["a repository"]
    found = Case((*case.layers, *BAD["a private key"].layers)).findings()
    assert [finding.severity for finding in found] == [Severity.ERROR, Severity.WARNING]
    assert worst(found) is Severity.ERROR
    assert worst([]) is None


def test_sarif_has_what_version_2_1_0_asks_for() -> None:
    findings = [finding for name in ("a private key", "six layers", "a repository") for finding in BAD[name].findings()]
    log = sarif(findings, RULES, "1.0", lambda id_: f"# {id_}")
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert set(run) == {"tool", "results"}
    driver = run["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES]
    for rule in driver["rules"]:
        assert set(rule) == {"id", "name", "shortDescription", "help", "defaultConfiguration"}
        assert rule["help"]["markdown"] == f"# {rule['id']}"
        assert re.fullmatch(r"[A-Za-z0-9]+", rule["name"])
    assert [result["ruleId"] for result in run["results"]] == ["LAM601", "LAM201", "LAM107"]
    for result in run["results"]:
        assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"}
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        for location in result["locations"]:
            assert re.fullmatch(r"[^\s\\]+", location["physicalLocation"]["artifactLocation"]["uri"])
