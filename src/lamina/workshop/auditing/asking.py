"""Auditing by the tools of each language, which ask their registries: pip-audit for Python, npm for Node.js.

They are given a list of packages made for the purpose, not a project: they install nothing and look at nothing else.
Neither takes a package in two versions, which layers on top of each other may well have: they are asked once more.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from lamina.workshop.auditing.advisories import Advisory, Audited, merged
from lamina.workshop.auditing.osv import name_of
from lamina.workshop.auditing.versions import why_unknown
from lamina.workshop.inventory.components import Component
from lamina.workshop.packages import Ecosystem

_WAITS_S: Final = 300
_GHSA: Final = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}")
_NAME: Final = re.compile(r"(?:@[a-z0-9][a-z0-9._~-]*/)?[a-z0-9][a-z0-9._~-]*", re.IGNORECASE | re.ASCII)


class NoAnswer(Exception):
    """The tool could not be asked, or could not ask; the text says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where programs are run: with *environ*; `told` hears what is being waited for."""

    environ: Mapping[str, str]
    told: Callable[[str], object]


def audit(components: Sequence[Component], machine: Machine) -> tuple[Audited, ...]:
    """What the registries know of *components*, in their order."""
    found: dict[tuple[Ecosystem, str, str], Audited] = {}
    by_ecosystem: defaultdict[Ecosystem, list[Component]] = defaultdict(list)
    for component in components:
        reason = _why_not(component)
        if reason:
            found[_key(component)] = Audited(component, reason=reason)
        else:
            by_ecosystem[component.ecosystem].append(component)
    for ecosystem, some in by_ecosystem.items():
        for asked in _rounds(some):
            try:
                answers = _ASKING[ecosystem](asked, machine)
            except NoAnswer as error:
                answers = [Audited(component, reason=str(error)) for component in asked]
            found |= {_key(each.component): each for each in answers}
    return tuple(replace(found[_key(component)], component=component) for component in components)


def _why_not(component: Component) -> str:
    """Why nobody is asked about *component*: what a layer calls its packages must not reach a tool as an option."""
    if component.ecosystem not in _ASKING:
        return f"no tool asks about {component.ecosystem.value.capitalize()} packages; --database FILE does"
    if _NAME.fullmatch(name_of(component)) is None:
        return "no registry has a package of that name"
    return why_unknown(component.ecosystem, component.version)


def _key(component: Component) -> tuple[Ecosystem, str, str]:
    return component.ecosystem, name_of(component), component.version


def _rounds(components: Sequence[Component]) -> Iterator[list[Component]]:
    """*components* in as few lists as it takes to have no name in two versions in any."""
    rest = list({_key(component): component for component in components}.values())
    while rest:
        once = {name_of(component): component for component in reversed(rest)}
        yield list(once.values())
        rest = [component for component in rest if once[name_of(component)] is not component]


def _pip_audit(components: Sequence[Component], machine: Machine) -> list[Audited]:
    # It may also be installed beside this program.
    folders = (machine.environ.get("PATH", ""), str(Path(sys.executable).parent))
    tool = shutil.which("pip-audit", path=os.pathsep.join(folders))
    if tool is None:
        raise NoAnswer("pip-audit is not on this machine: `uv tool install pip-audit`, or --database FILE")
    machine.told(f"asking pip-audit about {_counted(components)}")
    with tempfile.TemporaryDirectory(prefix="lamina-audit-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("".join(f"{name_of(each)}=={each.version}\n" for each in components))
        options = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")
        answer = _json_of(_run([tool, "-r", str(requirements), *options], Path(folder), machine), "pip-audit")
    told: dict[str, Any] = {
        canonicalize_name(str(each.get("name", ""))): each for each in answer.get("dependencies", ())
    }
    return [_of_pip_audit(component, told.get(name_of(component), {})) for component in components]


def _of_pip_audit(component: Component, told: Mapping[str, Any]) -> Audited:
    if "vulns" not in told:
        return Audited(component, reason=str(told.get("skip_reason") or "pip-audit said nothing of it"))
    advisories = [
        Advisory(
            str(each["id"]),
            tuple(map(str, each.get("aliases", ()))),
            str(each.get("description") or "").strip().partition("\n")[0],
            fixed_in=tuple(map(str, each.get("fix_versions", ()))),
        )
        for each in told["vulns"]
    ]
    return Audited(component, merged(advisories), "pip-audit")


def _npm_audit(components: Sequence[Component], machine: Machine) -> list[Audited]:
    tool = shutil.which("npm", path=machine.environ.get("PATH"))
    if tool is None:
        raise NoAnswer("npm is not on this machine: install Node.js, or use --database FILE")
    machine.told(f"asking npm about {_counted(components)}")
    wanted = {name_of(each): each.version for each in components}
    project = {"name": "layers", "dependencies": wanted}
    packages = {"": project, **{f"node_modules/{name}": {"version": version} for name, version in wanted.items()}}
    lock = {"name": "layers", "lockfileVersion": 3, "packages": packages}
    with tempfile.TemporaryDirectory(prefix="lamina-audit-") as folder:
        (Path(folder) / "package.json").write_text(json.dumps(project))
        (Path(folder) / "package-lock.json").write_text(json.dumps(lock))
        command = [tool, "audit", "--json", "--package-lock-only", "--audit-level", "none", "--loglevel", "error"]
        answer = _json_of(_run(command, Path(folder), machine), "npm audit")
    if "vulnerabilities" not in answer:
        error = answer.get("error")
        said = error.get("summary") if isinstance(error, dict) else None
        raise NoAnswer(f"npm could not ask its registry: {said or answer.get('message') or 'it does not say why'}")
    return [_of_npm(component, answer["vulnerabilities"].get(name_of(component), {})) for component in components]


def _of_npm(component: Component, told: Mapping[str, Any]) -> Audited:
    """Of the vulnerabilities that npm tells, those of the package itself; it also tells whose users are concerned."""
    advisories = [
        Advisory(
            found[0] if (found := _GHSA.search(str(each.get("url", "")))) else str(each.get("source", "")),
            summary=str(each.get("title", "")),
            severity=str(each.get("severity", "")),
            fixed_in=_ends(str(each.get("range", ""))),
        )
        for each in told.get("via", ())
        if isinstance(each, dict) and each.get("name", name_of(component)) == name_of(component)
    ]
    return Audited(component, merged(advisories), "npm audit")


def _ends(versions: str) -> tuple[str, ...]:
    """The version that a range ends before: of `<4.17.21`, that one. Of several ranges, none."""
    found = re.fullmatch(r"(?:>=?\s*\S+\s+)?<\s*(\d\S*)", versions.strip())
    return (found[1],) if found else ()


_ASKING: Final[dict[Ecosystem, Callable[[Sequence[Component], Machine], list[Audited]]]] = {
    Ecosystem.PYTHON: _pip_audit,
    Ecosystem.NODE: _npm_audit,
}


def _counted(components: Sequence[Component]) -> str:
    return f"{len(components)} package{'' if len(components) == 1 else 's'}"


def _run(command: Sequence[str], cwd: Path, machine: Machine) -> subprocess.CompletedProcess[str]:
    # In its own folder, so that no project's settings are read; those of the user are, a mirror's address above all.
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=dict(machine.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_WAITS_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(f"{Path(command[0]).name} did not answer: {error}") from error


def _json_of(done: subprocess.CompletedProcess[str], name: str) -> Mapping[str, Any]:
    """What it printed. That it exits with 1 means nothing: so it does when it has found something."""
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise NoAnswer(f"{name} failed: {lines[-1].strip() if lines else f'exit code {done.returncode}'}")
    return answer
