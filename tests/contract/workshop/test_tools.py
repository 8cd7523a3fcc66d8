"""Running a package registry's client: what an interruption leaves of it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lamina.workshop.building.tools import Tools


def test_an_interruption_that_comes_as_it_starts_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, begun = subprocess.Popen, []

    def interrupted(*command: Any, **options: Any) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = begin(*command, **options)
        begun.append(process.pid)
        signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Tools(os.environ).run(["sleep", "300"], tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(begun[0], 0)
