"""What becomes of the folders and files that a template names."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from lamina.stacks.packaging import Local
from lamina.workshop.building.builds import Builds
from lamina.workshop.building.tools import Tools
from lamina.workshop.deploying.packaging import Package, package
from lamina.workshop.errors import WorkshopError


class _Silent:
    """Progress that nobody is told of."""

    def step(self, saying: str) -> None:
        pass

    def detail(self, saying: str) -> None:
        pass


class Project:
    """A template's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"XDG_CACHE_HOME": str(folder / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(folder)}

    def write(self, path: str, content: str = "") -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def package(self, one: Local) -> Package:
        return package(one, self.folder, Builds.of_the_user(self.environ), Tools(self.environ, _Silent()))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def names(made: Package) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        return sorted(name for name in archive.namelist() if not name.endswith("/"))


def test_a_layer_with_a_layout_is_packed_as_it_is_and_the_same_twice(project: Project) -> None:
    project.write("layer/python/shared.py", "NAME = 1\n")
    project.write("layer/requirements.txt", "six\n")
    first = project.package(Local("L", "layer", is_layer=True))
    assert names(first) == ["python/shared.py", "requirements.txt"]
    assert project.package(Local("Other", "layer", is_layer=True)).key == first.key


def test_modules_beside_the_requirements_of_a_layer_that_sam_builds_go_into_it(project: Project) -> None:
    project.write("layer/requirements.txt")
    project.write("layer/shared.py", "NAME = 1\n")
    project.write("layer/inner/more.py")
    made = project.package(Local("L", "layer", is_layer=True, runtimes=("python3.12",), method="python3.12"))
    assert names(made) == ["python/inner/more.py", "python/shared.py"]


def test_what_a_functions_code_would_need_is_told(project: Project) -> None:
    project.write("code/app.py")
    project.write("code/requirements.txt", "six\n")
    project.write("code/.git/config")
    made = project.package(Local("F", "code", is_layer=False))
    assert names(made) == ["app.py", "requirements.txt"]
    assert made.notes == ("F: what requirements.txt names is not installed with the code; a layer is the place for it",)


def test_an_archive_is_taken_as_it_is(project: Project) -> None:
    project.write("code.zip", "bytes")
    assert project.package(Local("F", "code.zip", is_layer=False)).content == b"bytes"


def test_what_is_not_there_is_told(project: Project) -> None:
    with pytest.raises(WorkshopError, match=r"F: there is no .*/nowhere"):
        project.package(Local("F", "nowhere", is_layer=False))
