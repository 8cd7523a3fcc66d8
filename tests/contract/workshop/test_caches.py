"""Caches of the workshop stay small, and keep what is in use."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lamina.names import Digest
from lamina.workshop.building.builds import Build, Builds, BuiltLayer, place_all
from lamina.workshop.caches import Kept, superfluous, trim

NOW = 1_800_000_000.0
HOUR = 3600


def _kept(name: str, size_bytes: int, hours_ago: float) -> Kept:
    return Kept(Path(name), size_bytes, NOW - hours_ago * HOUR)


def test_what_was_used_least_lately_goes_until_the_rest_fits() -> None:
    kept = [_kept("old", 40, 30), _kept("older", 10, 31), _kept("new", 50, 2), _kept("newest", 20, 0.5)]
    assert superfluous(kept, NOW, 120) == []
    assert superfluous(kept, NOW, 119) == [Path("older")]
    assert superfluous(kept, NOW, 109) == [Path("older"), Path("old")]
    assert superfluous(kept, NOW, 0) == [Path("older"), Path("old"), Path("new")], "never what may be in use"


def test_files_and_folders_are_trimmed_by_when_they_were_changed(tmp_path: Path) -> None:
    now = time.time()
    for name, hours_ago in (("a.zip", 5), ("b", 4), ("c.zip", 3)):
        if name == "b":
            (tmp_path / name).mkdir()
        (tmp_path / name / "x" if name == "b" else tmp_path / name).write_bytes(b"x" * 10)
        os.utime(tmp_path / name, (now - hours_ago * HOUR,) * 2)
    trim([*tmp_path.iterdir(), tmp_path / "gone"], now, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c.zip"]
    trim(list(tmp_path.iterdir()), now, 5)
    assert list(tmp_path.iterdir()) == []


def _built(builds: Builds, key: str, *names: str) -> Build:
    with builds.aside() as aside:
        whole = aside / "whole"
        whole.mkdir()
        for name in names:
            (whole / f"{name}.zip").write_bytes(name.encode())
        layers = tuple(
            BuiltLayer(name, whole / f"{name}.zip", Digest.of(name.encode()), len(name), 1, ()) for name in names
        )
        return builds.put(key, Build(layers, (), 1), whole)


def test_using_a_build_again_keeps_it(tmp_path: Path) -> None:
    builds = Builds(tmp_path / "builds")
    _built(builds, "key", "numbers")
    folder = tmp_path / "builds" / "key"
    os.utime(folder, (1, 1))
    assert builds.get("key") is not None
    assert folder.stat().st_mtime > 1


def test_the_undivided_archive_of_before_does_not_stay_beside_its_parts(tmp_path: Path) -> None:
    builds, output = Builds(tmp_path / "builds"), tmp_path / "out"
    whole, parts = _built(builds, "1", "numbers"), _built(builds, "2", "numbers-1", "numbers-2")
    assert place_all("numbers", whole.layers, output) == [output / "numbers.zip"]
    (output / "numbers-7.zip").write_bytes(b"what somebody pulled")
    assert place_all("numbers", parts.layers, output) == [output / "numbers-1.zip", output / "numbers-2.zip"]
    assert sorted(path.name for path in output.iterdir()) == ["numbers-1.zip", "numbers-2.zip", "numbers-7.zip"]
