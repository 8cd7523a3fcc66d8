"""Java for tests: compiled by the machine's javac against Amazon's client, as a function's build would."""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

# Whatever compiles it, java17 and later run it.
_RELEASE = "17"
_PATIENCE_S = 240


def classes(
    state: Path, sources: Mapping[str, str], runtime: str = "java21", libraries: Sequence[Path] = ()
) -> dict[str, bytes]:
    """Class files by their path in an archive, of *sources* (path -> text).

    They see what `lamina runtimes install` put beside *runtime* in the state folder *state*, and *libraries*.
    """
    jars = [*(state / "runtimes/installed/v1" / runtime / "runtime/lib").glob("*.jar"), *libraries]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in sources.items():
            (folder / "in" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "in" / path).write_text(text)
        options = ["-nowarn", "--release", _RELEASE, "-classpath", os.pathsep.join(map(str, jars))]
        files = [str(folder / "in" / path) for path in sources]
        command = ["javac", *options, "-d", str(folder / "out"), *files]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S)
        assert done.returncode == 0, done.stderr
        found = sorted((folder / "out").rglob("*.class"))
        return {str(path.relative_to(folder / "out")): path.read_bytes() for path in found}


def jar(content: Mapping[str, bytes]) -> bytes:
    """An archive of *content*, as a jar is."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()
