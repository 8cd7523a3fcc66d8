"""Every table, on a terminal of eighty columns: whatever has to be read there can be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from lamina import cli
from lamina.cli import advisory_table, consumers, finding_table, rollout_reports, rollout_watch, share, top
from lamina.cli.tables import print_table
from lamina.names import LayerVersionArn
from lamina.observability.top import Row, View
from lamina.rollouts.consumers import Alias, Consumer, LayerReference, Place, Routing
from lamina.rollouts.drift import Drift, Drifted
from lamina.workshop.auditing.advisories import Advisory, Audited
from lamina.workshop.checks.findings import Fault, Finding, Severity
from lamina.workshop.inventory.components import Component
from lamina.workshop.packages import Ecosystem
from lamina.workshop.publishing import Attributes, Permission
from lamina.workshop.sharing import witnesses
from lamina.workshop.sharing.everywhere import RegionOutcome
from lamina.workshop.sharing.plans import Audience, SharedVersion

COLUMNS = 80
# As long as AWS lets names be.
NAME = "orders-" + "n" * 57
LAYER = LayerVersionArn.parse(f"arn:aws:lambda:ap-southeast-1:123456789012:layer:{'l' * 64}:1234")
FUNCTION = f"arn:aws:lambda:ap-southeast-1:123456789012:function:{NAME}"


def consumer(account: str) -> Consumer:
    return Consumer(
        place=Place("production", "ap-southeast-1"),
        function=FUNCTION.replace("123456789012", account),
        version="1234",
        layers=(str(LAYER),),
        runtime="python3.13",
        architectures=("x86_64",),
        description="",
        code_sha256="",
        revision_id="",
        members={},
        aliases=(
            Alias("production-of-the-shop", Routing("1234", {}), ""),
            Alias("canary", Routing("1", {"1234": 0.25}), ""),
        ),
    )


def show_consumers() -> None:
    found = [consumer("123456789012"), consumer("210987654321")]
    consumers._print_table(LayerReference(LAYER.layer.name), found, Console(highlight=False, soft_wrap=True))


def show_history() -> None:
    moves = f"{LAYER.layer.name} 1233 → 1234, {'m' * 64} - → 7"
    rollout_reports._print_history(
        [("20261121-142501-abcdef", "2026-11-21 14:25:01Z", moves, "1234", "interrupted, forwards")]
    )


def show_drift() -> None:
    rollout_watch._print(Drift((Drifted(FUNCTION, "1234", ("production",), LAYER, 1240, "stable"),), 5))


def show_sharing() -> None:
    attributes = Attributes("")
    permissions = tuple(
        Permission(f"s{place}", "lambda:GetLayerVersion", principal, organization)
        for place, (principal, organization) in enumerate(
            [("123456789012", ""), ("210987654321", ""), ("*", "o-a1b2c3d4e5f6"), ("*", "")]
        )
    )
    version = SharedVersion(LAYER, attributes, permissions)
    testimonies = (witnesses.Testimony("production-profile"), witnesses.Testimony("210987654321", "not allowed"))
    outcomes = [
        RegionOutcome("ap-southeast-1", version, True, (Audience("123456789012"),), testimonies),
        RegionOutcome("eu-central-1", error="no credentials"),
    ]
    share._print(version, outcomes, False)


def busy_view() -> View:
    counts = (1_234_567, 1234, 1234, 1234, 100, 100, 512_000_000)
    row = Row("123456789012", "ap-southeast-1", NAME, 1234.5, 12.25, 1234.5, *counts)
    return View(2.0, 1234.5, {"busy": 100}, 1000, 512_000_000, (row,))


def show_top() -> None:
    print_table(Console(highlight=False), top._table(busy_view(), 10))


def show_advisories() -> None:
    component = Component(Ecosystem.PYTHON, "", "p" * 60, "1.2.3", "record")
    advisory = Advisory(
        "GHSA-1234-5678-9012", ("CVE-2026-12345",), "What is wrong " * 8, "critical", ("1.2.4", "2.0.1")
    )
    advisory_table.show([(NAME, Audited(component, (advisory,), "somebody"))], [])


def show_findings() -> None:
    fault = Fault(NAME, (f"python/{'d' * 70}/module.py", "python/other.py"), "What is wrong " * 8, "What to do " * 8)
    console = Console(highlight=False, soft_wrap=True)
    finding_table.show([Finding("LAM101", Severity.WARNING, "a-name", fault)], ["one", "two"], [], console)


SHOWN: dict[str, Callable[[], None]] = {
    "advisory_table": show_advisories,
    "consumers": show_consumers,
    "finding_table": show_findings,
    "rollout_reports": show_history,
    "rollout_watch": show_drift,
    "share": show_sharing,
    "top": show_top,
}


def test_every_module_that_draws_a_table_is_tried() -> None:
    modules = Path(str(cli.__file__)).parent.glob("*.py")
    assert {module.stem for module in modules if re.search(r"\bTable\(", module.read_text())} == SHOWN.keys()


@pytest.mark.parametrize("module", SHOWN)
def test_a_table_fits_a_terminal_and_nothing_of_it_is_missing(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def drawn(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        SHOWN[module]()
        return [line.rstrip() for line in re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()]

    def read(lines: list[str]) -> Counter[str]:
        return Counter("".join(lines).replace(" ", ""))

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    wide, narrow = drawn(1000), drawn(COLUMNS)
    assert read(narrow) == read(wide)
    # What stands below a table are sentences, which a terminal breaks itself.
    assert all(len(line) <= COLUMNS or line in wide for line in narrow), narrow


def test_top_shortens_names_in_the_middle_for_its_lines_to_stay_lines() -> None:
    console = Console(width=COLUMNS, highlight=False)
    with console.capture() as captured:
        console.print(top._table(busy_view(), 10, COLUMNS))
    heading, row = captured.get().splitlines()
    figures = " 1234.5     12   1234 1234567   1234 1234      1234  100  100 512.0 MB"
    assert row == f"orde…nnnn {figures}"
    assert heading.split()[-1] == "MEMORY"
