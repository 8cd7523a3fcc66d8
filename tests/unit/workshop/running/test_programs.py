"""What somebody may sit at."""

from __future__ import annotations

import pytest

from lamina.workshop.errors import WorkshopError
from lamina.workshop.running import programs


def test_an_interpreter_is_the_runtimes_own() -> None:
    assert programs.repl("python3.12")[0] == "/var/lang/bin/python3.12"
    assert programs.repl("nodejs22.x")[0] == "/var/lang/bin/node"
    with pytest.raises(WorkshopError, match="no interpreter"):
        programs.repl("provided.al2023")


def test_python_is_told_where_layers_lie() -> None:
    path = programs.variables("python3.12", "xterm")["PYTHONPATH"]
    assert path.split(":")[:3] == ["/var/task", "/opt/python/lib/python3.12/site-packages", "/opt/python"]
    assert "PYTHONPATH" not in programs.variables("nodejs22.x", None)
