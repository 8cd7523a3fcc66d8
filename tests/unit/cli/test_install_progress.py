"""How an install is told, on a terminal and elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from lamina.cli.install_progress import InstallProgress
from lamina.installing.installer import Step
from lamina.installing.planning import InstallPlan

PLAN = InstallPlan("nodejs22.x", "nodejs", "x86_64", "22.1.0", lang=True, sdk="none", placements=())


def _told(terminal: bool) -> str:
    text = io.StringIO()
    progress = InstallProgress(Console(file=text, force_terminal=terminal, width=120, color_system=None))
    with progress.installing(PLAN):
        progress.begin(Step.FETCHING, 1000)
        progress.advance(400, "npm:[node]@1")
        progress.advance(1000, "npm:node@1")
        progress.begin(Step.TRYING, 0)
    progress.done("nodejs22.x is installed: Node.js 22.1.0", 12_345_678)
    return text.getvalue()


def test_elsewhere_than_on_a_terminal_each_step_is_a_line() -> None:
    lines = _told(terminal=False).splitlines()
    assert lines[:3] == [
        "Installing nodejs22.x: 0 bytes to fetch, 0 bytes on the disk",
        "  fetching …",
        "  trying …",
    ]
    assert lines[3].startswith("ok nodejs22.x is installed: Node.js 22.1.0 (12.3 MB in ")


def test_a_terminal_gets_a_bar_that_is_gone_in_the_end() -> None:
    told = _told(terminal=True)
    assert "fetching" in told
    assert "trying" in told
    # The cursor is shown again, and the last thing said is how it ended.
    assert told.rindex("\x1b[?25h") < told.rindex("ok nodejs22.x is installed")
