"""Poetry's lock file, for another installer."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.workshop.building.poetry import requirements_and_constraints
from lamina.workshop.errors import WorkshopError

LOCK: dict[str, Any] = {
    "package": [
        {
            "name": "requests",
            "version": "2.32.0",
            "groups": ["main"],
            "markers": 'python_version >= "3.9"',
            "files": [{"file": "requests.whl", "hash": "sha256:aa"}, {"file": "requests.tar.gz", "hash": "sha256:bb"}],
        },
        {"name": "pytest", "version": "8.0", "groups": ["dev"], "markers": {"dev": "extra == 'x'"}, "files": []},
        {"name": "mine", "version": "1", "groups": ["dev"], "source": {"type": "git", "url": "…"}},
    ]
}


def _both(
    project: dict[str, Any], extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()
) -> tuple[list[str], list[str]]:
    return requirements_and_constraints(LOCK, project, extras, groups)


def test_each_package_of_the_lock_is_the_only_version_that_will_do() -> None:
    _, constraints = _both({"project": {"dependencies": []}})
    assert constraints == [
        'requests==2.32.0 ; python_version >= "3.9" --hash=sha256:aa --hash=sha256:bb',
        "pytest==8.0",
    ]


def test_the_standard_spelling_is_taken_as_it_stands() -> None:
    project = {"project": {"dependencies": ["requests>=2"], "optional-dependencies": {"web": ["flask"]}}}
    assert _both(project)[0] == ["requests>=2"]
    assert _both(project, ("web",))[0] == ["requests>=2", "flask"]


def test_poetrys_spelling_leaves_versions_to_the_lock() -> None:
    dependencies = {
        "python": "^3.9",
        "requests": {"version": "^2.0", "extras": ["socks"]},
        "tomli": {"version": "*", "python": "<3.11"},
        "old": {"version": "*", "python": "^3.9", "markers": "sys_platform == 'linux'"},
        "Flask": {"version": "*", "optional": True},
    }
    project = {"tool": {"poetry": {"dependencies": dependencies, "extras": {"web": ["flask"]}}}}
    assert _both(project)[0] == [
        "requests[socks]",
        'tomli ; (python_full_version < "3.11")',
        'old ; (sys_platform == \'linux\') and (python_full_version >= "3.9" and python_full_version < "4")',
    ]
    assert _both(project, ("web",))[0][-1] == "Flask"


def test_a_group_is_taken_when_it_is_asked_for() -> None:
    project = {"tool": {"poetry": {"group": {"batch": {"dependencies": {"pandas": "^2"}}}}}}
    assert _both(project, groups=("batch",))[0] == ["pandas"]
    with pytest.raises(WorkshopError, match="no group web"):
        _both(project, groups=("web",))
    with pytest.raises(WorkshopError, match="no extra web"):
        _both(project, extras=("web",))


def test_what_no_registry_has_is_refused_if_the_layer_needs_it() -> None:
    package = {"name": "mine", "version": "1", "groups": ["main"], "source": {"type": "git"}}
    with pytest.raises(WorkshopError, match="takes mine from a git"):
        requirements_and_constraints({"package": [package]}, {}, (), ())


def test_a_spelling_of_pythons_that_is_not_understood_is_not_guessed_at() -> None:
    project = {"tool": {"poetry": {"dependencies": {"old": {"version": "*", "python": "~3.9 || ^3.11"}}}}}
    with pytest.raises(WorkshopError, match="cannot read"):
        _both(project)
