"""LAM30x: what Python makes of a layer."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Final

from lamina.workshop.artifacts import Role
from lamina.workshop.checks.attached import Attached, Examined, Target
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed
from lamina.workshop.packages import Ecosystem, modules

_EXTENSION: Final = re.compile(r".*\.cpython-3(\d+)([a-z]*)-[^/]*\.so")
_TAG: Final = re.compile(r"cp3(\d+)-(cp3\d+[a-z]*|abi3|none)-.*")
_UNPACKED: Final = re.compile(r".*\.(?:whl|egg|tar\.gz)")
_EDITABLE: Final = re.compile(r".*(?:__editable__[^/]*\.pth|\.egg-link|/easy-install\.pth)")
# What left the standard library, and what came, by minor version: backports are no shadows where they are needed.
_LEFT: Final = {
    12: {"asynchat", "asyncore", "distutils", "imp", "smtpd"},
    13: {
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis"),
        *("nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    },
}
_CAME: Final = {9: {"graphlib", "zoneinfo"}, 11: {"tomllib"}, 14: {"annotationlib", "compression"}}
# Nobody's shadow breaks anybody: packages install their tests under this name, and nothing imports it.
_HARMLESS: Final = {"test", "tests", "this", "antigravity", "idlelib"}
_RUNTIMES_OWN: Final = {"boto3", "botocore", "s3transfer", "awslambdaric", "bootstrap", "lambda_runtime"}


def standard_library(python: tuple[int, ...] | None) -> frozenset[str]:
    """The top-level modules of *python*'s standard library; of no version in particular, those all have."""
    names = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    minor = python[1] if python is not None and len(python) > 1 else None
    for since, left in _LEFT.items():
        names = names - left if minor is None or minor >= since else names | left
    for since, came in _CAME.items():
        names = names | came if minor is not None and minor >= since else names - came
    return frozenset(names)


def visible_roots(examined: Examined, target: Target) -> tuple[str, ...]:
    """The folders of an artifact that the Python meant looks into, in its order."""
    if examined.artifact.role is Role.FUNCTION or target.python is None:
        return examined.roots
    wanted = f"python/lib/python{'.'.join(map(str, target.python))}/site-packages"
    return tuple(root for root in examined.roots if root in ("python", wanted))


def _other_cpython(attached: Attached) -> Iterator[Fault]:
    python = attached.target.python
    if python is None:
        return
    for examined in attached.all:
        wrong = _made_for_others(examined, visible_roots(examined, attached.target), python[1])
        if wrong:
            owned = (examined.owner.get(path) for path in wrong)
            names = [path if owner is None else owner.name for path, owner in zip(wrong, owned, strict=True)]
            made_for = sorted({version for versions in wrong.values() for version in versions})
            yield Fault(
                examined.name,
                tuple(wrong),
                f"made for Python {listed(made_for)}, and this is {attached.target.runtime}: "
                f"{listed(dict.fromkeys(names), 6)}",
                f"Install the wheels of that Python: pip install --python-version 3.{python[1]} --only-binary=:all: "
                f"--platform {attached.target.wheel_platform} -t python …, or lamina build.",
            )


def _made_for_others(examined: Examined, roots: tuple[str, ...], minor: int) -> dict[str, set[str]]:
    """Files, or a wheel's record where it tells more than its files, to the Pythons that they are for."""
    made_for = {path: found for path in examined.elves if (found := _EXTENSION.fullmatch(path)) is not None}
    right = [path for path, found in made_for.items() if int(found[1]) == minor]
    wrong = {
        path: {f"3.{found[1]}{found[2]}"}
        for path, found in made_for.items()
        if int(found[1]) != minor
        and not examined.suited_elsewhere(path, right)
        and any(path.startswith(f"{root}/") or not root for root in roots)
    }
    told = {owner.record for path in [*wrong, *right] if (owner := examined.owner.get(path)) is not None}
    for package in examined.packages:
        if package.ecosystem is not Ecosystem.PYTHON or package.root not in roots or package.record in told:
            continue
        if minors := _other_minors(package.tags, minor):
            wrong[package.record] = minors
    return wrong


def _other_minors(tags: tuple[str, ...], minor: int) -> set[str]:
    """The Pythons that a wheel's *tags* are for; empty when one of them suits Python 3.*minor*."""
    others = set()
    for tag in tags:
        found = _TAG.fullmatch(tag)
        if found is None or int(found[1]) == minor or (int(found[1]) < minor and found[2] != f"cp3{found[1]}"):
            return set()
        others.add(f"3.{found[1]}")
    return others


def _shadows(attached: Attached) -> Iterator[Fault]:
    library = standard_library(attached.target.python) - _HARMLESS
    for examined in attached.all:
        for root in visible_roots(examined, attached.target):
            found = modules(examined.artifact, root)
            names = sorted(set(found) & library)
            if names:
                yield Fault(
                    examined.name,
                    tuple(found[name].path for name in names),
                    f"it hides {listed(names)} of Python's own library from everything the function imports",
                    "Rename it; when it came with a package, that is an old backport which this Python does not need.",
                )


def _runtimes_own(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        for root in visible_roots(examined, attached.target):
            found = modules(examined.artifact, root)
            names = sorted(set(found) & _RUNTIMES_OWN) if root or "boto3" in found else []
            if names:
                yield Fault(
                    examined.name,
                    tuple(found[name].path for name in names),
                    f"it replaces the runtime's own {listed(names)}",
                    "Leave it out to use the runtime's, or keep it on purpose to have this version: then all of boto3, "
                    "botocore and s3transfer.",
                )


def _not_unpacked(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        roots = [f"{root}/" if root else "" for root in visible_roots(examined, attached.target)]
        paths = tuple(
            entry.path
            for entry in examined.artifact.files
            if _UNPACKED.fullmatch(entry.path) and entry.path.rpartition("/")[0] + "/" in (*roots, "python/dist/")
        )
        if paths:
            yield Fault(
                examined.name,
                paths,
                f"Python does not look into {listed(path.rpartition('/')[2] for path in paths)}",
                "Install it instead of copying it: pip install -t python FILE",
            )


def _editable(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = tuple(entry.path for entry in examined.artifact.files if _EDITABLE.fullmatch(entry.path))
        if paths:
            yield Fault(
                examined.name,
                paths,
                "it was installed in editable mode: it only points to a folder of the machine it was made on",
                "Install it for good: pip install -t python FOLDER, without -e.",
            )


RULES = (
    Rule("LAM301", Severity.ERROR, "extension modules for another Python", _other_cpython),
    Rule("LAM302", Severity.WARNING, "hides the standard library", _shadows),
    Rule("LAM303", Severity.WARNING, "hides the runtime's own packages", _runtimes_own),
    Rule("LAM304", Severity.ERROR, "wheel that was not unpacked", _not_unpacked),
    Rule("LAM305", Severity.ERROR, "editable install", _editable),
)
