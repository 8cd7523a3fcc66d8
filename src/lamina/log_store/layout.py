"""Where a log group's files are (docs/formats/logs.md)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

from lamina.logs.names import LogGroupArn

SEGMENT_BYTES_MAX: Final = 4 * 1024 * 1024
SEGMENTS_KEPT: Final = 8
RECORD: Final = "group.json"
STREAMS: Final = "streams.log"
ASIDE: Final = (".new-", ".doomed-")

_NAME_CHARACTERS_MAX: Final = 150
_SEGMENT: Final = re.compile(r"(\d{8,})\.log")


def group_folder(root: Path, group: LogGroupArn) -> Path:
    """The folder of *group* below *root*, the folder of all logs."""
    name = quote(group.name, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _NAME_CHARACTERS_MAX:
        name = f"{name[:100]}~{hashlib.sha256(group.name.encode()).hexdigest()[:40]}"
    return root / group.scope.account / group.scope.region / name


def segment(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.log"


def segment_numbers(folder: Path) -> list[int]:
    """The segments of the group in *folder*, oldest first; none where there is no such folder."""
    try:
        found = [_SEGMENT.fullmatch(path.name) for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for match in found if match is not None)
