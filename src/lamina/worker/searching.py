"""Where programs may lie on a machine: PATH, the usual folders, and those of the managers of versions."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_ANSWER_SECONDS_MAX = 10


def programs(names: Sequence[str], environ: Mapping[str, str], homes: Iterable[str]) -> Iterator[Path]:
    """Files called one of *names* that may be executed, each once, in the order in which they are to be believed.

    *homes* are patterns, "~" for the user's home folder, of folders that hold programs; of several the newest first.
    """
    seen: set[Path] = set()
    for folder in [*on_path(environ), Path("/usr/local/bin"), Path("/usr/bin"), *folders(environ, homes)]:
        for name in names:
            path = folder / name
            try:
                resolved = path.resolve()
                usable = os.access(path, os.X_OK) and path.is_file() and resolved not in seen
            except OSError:
                continue
            # Shims are scripts that choose by the current folder.
            if usable and "shims" not in path.parts:
                seen.add(resolved)
                yield path


def on_path(environ: Mapping[str, str]) -> Iterator[Path]:
    """The folders of PATH."""
    return (Path(entry) for entry in environ.get("PATH", os.defpath).split(os.pathsep) if entry)


def folders(environ: Mapping[str, str], patterns: Iterable[str]) -> Iterator[Path]:
    """The folders that *patterns* match; where a pattern matches several, the newest release first."""
    home = Path(environ.get("HOME", "/nonexistent"))
    for pattern in patterns:
        root, inside = (home, pattern[2:]) if pattern.startswith("~/") else (Path("/"), pattern[1:])
        try:
            yield from sorted((path for path in root.glob(inside) if path.is_dir()), key=release_of, reverse=True)
        except OSError:
            continue


def release_of(folder: Path) -> list[int]:
    """The numbers in a path: 3.12.10 is newer than 3.12.9."""
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def ask(command: Sequence[str | Path]) -> Any:
    """The JSON that *command* prints, None where it does not: whatever else goes by such a name."""
    try:
        answer = subprocess.run(
            command, capture_output=True, check=True, timeout=_ANSWER_SECONDS_MAX, env={"PATH": os.defpath}
        )
        return json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
