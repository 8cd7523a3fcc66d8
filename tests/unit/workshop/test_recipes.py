"""What a project says of its layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamina.workshop.building.stripping import Strip
from lamina.workshop.recipes import ProjectError, Recipe, parse

FILE = Path("/project/lamina.toml")


def test_a_layer_takes_two_lines() -> None:
    project = parse(FILE, {"layers": {"numbers": {"from": "requirements.txt", "runtimes": ["python3.12"]}}})
    inputs = (Path("/project/requirements.txt"),)
    assert project.layers == (Recipe("numbers", inputs, ("python3.12",), output=Path("/project/build")),)


def test_everything_that_can_be_said() -> None:
    table = {
        "from": ["uv.lock", "extra"],
        "runtimes": ["python3.12", "python3.13"],
        "architectures": "arm64",
        "strip": ["tests", "docs"],
        "split": True,
        "extras": ["web"],
        "groups": ["batch"],
        "description": "Numbers",
        "license": "MIT",
    }
    (recipe,) = parse(FILE, {"layers": {"n": table}, "output": "dist"}).layers
    assert recipe == Recipe(
        "n",
        (Path("/project/uv.lock"), Path("/project/extra")),
        ("python3.12", "python3.13"),
        ("arm64",),
        frozenset((Strip.TESTS, Strip.DOCS)),
        True,
        ("web",),
        ("batch",),
        "Numbers",
        "MIT",
        Path("/project/dist"),
    )


def test_without_a_source_it_is_the_files_own_folder() -> None:
    (recipe,) = parse(FILE, {"layers": {"n": {}}}).layers
    assert recipe.inputs == (Path("/project"),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "names no layer"),
        ({"layers": {}}, "names no layer"),
        ({"layer": {"n": {}}}, "there is no layer"),
        ({"layers": {"n": {"runtime": "python3.12"}}}, r"there is no layers\.n\.runtime"),
        ({"layers": {"n": {"runtimes": 3}}}, r"layers\.n\.runtimes is neither"),
        ({"layers": {"n": {"description": ["x"]}}}, r"layers\.n\.description is not a text"),
        ({"layers": {"n": {"split": "yes"}}}, r"layers\.n\.split is neither"),
        ({"layers": {"n": {"architectures": ["aarch64"]}}}, "'aarch64' is no architecture"),
        ({"layers": {"n": {"strip": ["tests", "licences"]}}}, "licences: no such thing to strip"),
        ({"layers": {"a b": {}}}, "no layer can be called 'a b'"),
        ({"layers": {"n": "requirements.txt"}}, r"layers\.n is not a table"),
        ({"layers": {"n": {}}, "output": 1}, "output is not"),
    ],
)
def test_what_makes_no_sense_is_named(content: dict[str, Any], says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        parse(FILE, content)
