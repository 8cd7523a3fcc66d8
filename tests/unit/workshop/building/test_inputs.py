"""What a layer is built from, told apart by the names of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.workshop.building.inputs import Ecosystem, Input, recognise
from lamina.workshop.errors import WorkshopError

HERE = Path("project")


@pytest.mark.parametrize(
    ("names", "found", "file"),
    [
        (["requirements.txt", "app.py"], Ecosystem.PYTHON, "requirements.txt"),
        (["pyproject.toml", "uv.lock"], Ecosystem.PYTHON, "uv.lock"),
        (["pyproject.toml", "poetry.lock"], Ecosystem.PYTHON, "poetry.lock"),
        (["package-lock.json", "package.json"], Ecosystem.NODE, "package.json"),
        (["pom.xml", "src"], Ecosystem.JAVA, "pom.xml"),
        (["Gemfile", "Gemfile.lock"], Ecosystem.RUBY, "Gemfile"),
    ],
)
def test_a_folder_is_built_from_the_file_that_says_most(names: list[str], found: Ecosystem, file: str) -> None:
    assert recognise(HERE, lambda _: names) == Input(found, HERE / file)


def test_a_folder_that_lies_as_opt_is_taken_as_it_is() -> None:
    assert recognise(HERE, lambda _: ["bin", "README"]) == Input(Ecosystem.FOLDER, HERE)


def test_a_folder_of_two_languages_does_not_say_which_is_meant() -> None:
    with pytest.raises(WorkshopError, match=r"requirements\.txt and package\.json") as error:
        recognise(HERE, lambda _: ["package.json", "requirements.txt"])
    assert "--from" in str(error.value.hint)


def test_what_is_no_layer_is_refused_with_what_would_be_one() -> None:
    with pytest.raises(WorkshopError, match="nothing that a layer") as error:
        recognise(HERE, lambda _: ["app.py"])
    assert "requirements.txt" in str(error.value.hint)
    with pytest.raises(WorkshopError):
        recognise(Path("app.py"), lambda _: None)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("requirements-layer.txt", "requirements-layer.txt"),
        ("base.in", "base.in"),
        ("pylock.web.toml", "pylock.web.toml"),
        ("package-lock.json", "package.json"),
    ],
)
def test_a_file_may_be_called_as_its_tools_allow(name: str, file: str) -> None:
    assert recognise(Path(name), lambda _: None).path == Path(file)
