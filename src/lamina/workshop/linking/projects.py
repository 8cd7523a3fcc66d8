"""A project's links on the disk: made, remembered, taken away (docs/formats/links.md)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina import user_folders
from lamina.workshop.artifacts import Artifact, Kind
from lamina.workshop.errors import WorkshopError
from lamina.workshop.linking.plans import Environment, Plan


class LinkError(WorkshopError):
    """The layers cannot be linked into the project."""


def environment_of(project: Path, environ: Mapping[str, str]) -> Environment | None:
    """The virtual environment of *project*: the one that is active, else .venv or venv in its folder."""
    candidates = [Path(environ["VIRTUAL_ENV"])] if environ.get("VIRTUAL_ENV") else []
    for folder in (*candidates, project / ".venv", project / "venv"):
        with contextlib.suppress(OSError):
            version = re.search(
                r"^version(?:_info)?\s*=\s*(\d+\.\d+)", (folder / "pyvenv.cfg").read_text(), re.MULTILINE
            )
            packages = sorted(folder.glob("lib/python3.*/site-packages"))
            if version is not None and packages:
                return Environment(packages[0], version[1])
    return None


@dataclass(frozen=True, slots=True)
class Links:
    """The links of the project in a folder. `record` says what was made, `kept` has what had to be unpacked."""

    record: Path
    kept: Path

    @classmethod
    def of(cls, project: Path, environ: Mapping[str, str]) -> Links:
        """Kept in the user's state folder, as XDG names it."""
        name = hashlib.sha256(os.fsencode(project)).hexdigest()[:32]
        folder = user_folders.state(environ) / "links" / "v1"
        return cls(folder / f"{name}.json", folder / name)

    def unpack(self, artifact: Artifact) -> Path:
        """The folder that the archive *artifact* is unpacked into; its files are not to be written to."""
        digest = artifact.digest
        assert digest is not None, "a folder is where it is"
        folder = self.kept / digest.hex
        if not folder.exists():
            aside = self.kept / f".incoming-{digest.hex}"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            for entry in artifact.entries:
                path = aside / entry.path
                path.parent.mkdir(parents=True, exist_ok=True)
                if entry.kind is Kind.FOLDER:
                    path.mkdir(exist_ok=True)
                elif entry.target is not None:
                    path.symlink_to(entry.target)
                else:
                    path.write_bytes(artifact.read(entry.path))
                    path.chmod(0o444 | entry.mode & 0o111)
            aside.rename(folder)
        return folder

    def make(self, plans: list[Plan]) -> list[Path]:
        """Carry *plans* out, and remember it first, so that whatever was made can be undone. Raises LinkError."""
        made: list[dict[str, str]] = []
        for plan in plans:
            if plan.file is not None:
                made.append({"file": str(plan.file), "content": "".join(f"{line}\n" for line in plan.lines)})
            made += [{"link": str(link.path), "target": str(link.target)} for link in plan.links]
        folders = sorted({str(folder) for each in made for folder in _missing(_place(each).parent)})
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text(json.dumps({"made": made, "folders": folders}, indent=1))
        try:
            for each in made:
                path = _place(each)
                path.parent.mkdir(parents=True, exist_ok=True)
                if "file" in each:
                    path.write_text(each["content"])
                else:
                    path.symlink_to(each["target"])
        except OSError as error:
            self.undo()
            raise LinkError(f"{error.filename2 or error.filename} cannot be made: {error.strerror}") from error
        return [_place(each) for each in made]

    def undo(self) -> int:
        """Take away what was made and is still as it was; how much there was."""
        try:
            recorded: Any = json.loads(self.record.read_text())
        except FileNotFoundError:
            return 0
        for each in recorded["made"]:
            path = _place(each)
            with contextlib.suppress(OSError):
                ours = path.read_text() == each["content"] if "file" in each else os.readlink(path) == each["target"]
                if ours:
                    path.unlink()
        for folder in reversed(recorded["folders"]):
            # What somebody else has put there stays, and its folder.
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        shutil.rmtree(self.kept, ignore_errors=True)
        self.record.unlink(missing_ok=True)
        return len(recorded["made"])


def _place(each: Mapping[str, str]) -> Path:
    return Path(each.get("file") or each["link"])


def _missing(folder: Path) -> Iterator[Path]:
    """*folder* and those above it that are not there."""
    while not folder.exists():
        yield folder
        folder = folder.parent
