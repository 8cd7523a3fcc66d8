"""What Poetry's lock file means to another installer: what is wanted, and the only version of each that will do. Pure.

Poetry's own way out, an export, is a plugin that has to be installed into it. The lock names versions and digests;
which of the packages the project itself asks for stands in its pyproject.toml, in one of two spellings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lamina.workshop.errors import WorkshopError

_CARET: Final = re.compile(r"\^\s*(\d+)(?:\.(\d+))?")
_FROM_ELSEWHERE: Final = frozenset(("git", "directory", "file", "url"))


def requirements_and_constraints(
    lock: Mapping[str, Any], project: Mapping[str, Any], extras: Iterable[str], groups: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Lines of a requirements file and of a constraints file. Raises WorkshopError for what no registry has."""
    return list(_wanted(project, set(extras), groups)), [line for one in lock.get("package", ()) for line in _pin(one)]


def _pin(package: Mapping[str, Any]) -> Iterator[str]:
    name, kind = package["name"], package.get("source", {}).get("type")
    if kind in _FROM_ELSEWHERE:
        if "main" in package.get("groups", ("main",)):
            raise WorkshopError(
                f"poetry.lock takes {name} from a {kind}, and a layer is built from the wheels of a registry",
                "Build a wheel of it, and a layer from a requirements.txt that names the wheel's file.",
            )
        return
    # A marker is a text, or a table with one for each group.
    marker = package.get("markers", "")
    marker = marker.get("main", "") if isinstance(marker, dict) else marker
    digests = "".join(f" --hash={file['hash']}" for file in package.get("files", ()))
    yield f"{name}=={package['version']}{f' ; {marker}' if marker else ''}{digests}"


def _wanted(project: Mapping[str, Any], extras: set[str], groups: Iterable[str]) -> Iterator[str]:
    standard, poetry = project.get("project", {}), project.get("tool", {}).get("poetry", {})
    optional = standard.get("optional-dependencies", {})
    if unknown := extras - set(optional) - set(poetry.get("extras", ())):
        raise WorkshopError(f"pyproject.toml has no extra {', '.join(sorted(unknown))}")
    yield from standard.get("dependencies", ())
    for extra in sorted(extras & set(optional)):
        yield from optional[extra]
    if "dependencies" not in standard:
        brought = {_normal(name) for extra in extras for name in poetry.get("extras", {}).get(extra, ())}
        yield from _table(poetry.get("dependencies", {}), brought)
    for group in groups:
        if group in project.get("dependency-groups", {}):
            yield from (line for line in project["dependency-groups"][group] if isinstance(line, str))
        elif group in poetry.get("group", {}):
            yield from _table(poetry["group"][group].get("dependencies", {}), set())
        else:
            raise WorkshopError(f"pyproject.toml has no group {group}")


def _table(dependencies: Mapping[str, Any], brought: set[str]) -> Iterator[str]:
    """The lines of Poetry's own table; versions are left to the lock. *brought* are the optional ones wanted."""
    for name, value in dependencies.items():
        for asked in value if isinstance(value, list) else [value]:
            told = asked if isinstance(asked, dict) else {}
            if name == "python" or (told.get("optional") and _normal(name) not in brought):
                continue
            extras = f"[{','.join(told['extras'])}]" if told.get("extras") else ""
            markers = [f"({told['markers']})"] if told.get("markers") else []
            markers += [f"({_python(told['python'])})"] if told.get("python") else []
            yield f"{name}{extras}{' ; ' + ' and '.join(markers) if markers else ''}"


def _python(versions: str) -> str:
    """A marker for *versions* of Python, in Poetry's spelling: ">=3.8,<3.11" or "^3.9"."""
    spelled = _CARET.sub(lambda found: f">={found[1]}.{found[2] or 0},<{int(found[1]) + 1}", versions)
    terms = [re.fullmatch(r"\s*(>=|<=|==|!=|<|>)\s*([\d.]+)\s*", term) for term in spelled.split(",")]
    if not all(terms):
        raise WorkshopError(f"pyproject.toml wants python {versions!r}, a spelling that lamina build cannot read")
    return " and ".join(f'python_full_version {term[1]} "{term[2]}"' for term in terms if term)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
