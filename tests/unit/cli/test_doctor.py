"""What `lamina doctor` concludes."""

from __future__ import annotations

import pytest

from lamina.cli import doctor

OK = doctor.Line("isolation", "namespaces", "ok", "mount, pid, ipc, uts, net")
SUBSTITUTE = doctor.Line(
    "isolation", "cgroups", "substitute", "no delegation", "A watchdog limits memory.", "Delegate."
)
MISSING = doctor.Line("isolation", "namespaces", "missing", "refused", "Nothing can run.", "sysctl …")
OPTIONAL = doctor.Line("tools", "aws", "optional", "not on PATH", "", "pip install awscli")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([OK], "fully isolated"),
        ([OK, OPTIONAL], "fully isolated"),
        ([OK, SUBSTITUTE], "with the substitutes"),
        ([OK, SUBSTITUTE, MISSING], "cannot run"),
    ],
)
def test_the_verdict_is_as_bad_as_the_worst_line(lines: list[doctor.Line], says: str) -> None:
    assert says in doctor.verdict(lines)
