"""LAM50x: what layers and code do to one another once they are attached together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from lamina.workshop.artifacts import Entry, Kind, Role
from lamina.workshop.bases import PYTHON_DISTRIBUTIONS
from lamina.workshop.checks.attached import Attached, Examined, Target
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed
from lamina.workshop.checks.modules import visible_roots
from lamina.workshop.packages import Ecosystem, Package, modules

# What installers leave beside packages; nothing reads it in a function.
_LEFTOVERS: Final = ("nodejs/package.json", "nodejs/package-lock.json", "nodejs/node_modules/.package-lock.json")
# What every file of one name may differ in without harm: a record of one installation.
_RECORDS: Final = ("/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json")


def _hidden_files(attached: Attached) -> Iterator[Fault]:
    places: dict[str, tuple[Examined, Entry]] = {}
    hidden: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for layer in attached.layers:
        for entry in layer.artifact.entries:
            before = places.get(entry.path)
            if (
                before is not None
                and _differ(*before, layer, entry)
                and not _two_versions(before[0], layer, entry.path)
            ):
                hidden[before[0].name, layer.name].append(entry.path)
            places[entry.path] = (layer, entry)
    for (loser, winner), paths in hidden.items():
        yield Fault(
            loser,
            tuple(paths),
            f"{winner} hides {listed(paths)} of {loser}, and has something else there: the layer listed last wins",
            "Change their order if the other is meant, or leave the files out of one of the two.",
        )


def _differ(below: Examined, hidden: Entry, above: Examined, entry: Entry) -> bool:
    if entry.path in _LEFTOVERS or entry.path.endswith(_RECORDS):
        return False
    if entry.kind is not hidden.kind:
        return True
    if entry.kind is Kind.FOLDER:
        return False
    if entry.kind is Kind.LINK:
        return entry.target != hidden.target
    return entry.size != hidden.size or below.artifact.read(entry.path) != above.artifact.read(entry.path)


def _two_versions(one: Examined, other: Examined, path: str) -> bool:
    """Whether *path* is of the same package in both: the versions are told of once, not file by file."""
    first, second = one.owner.get(path), other.owner.get(path)
    return first is not None and second is not None and (first.ecosystem, first.key) == (second.ecosystem, second.key)


def _hidden_modules(attached: Attached) -> Iterator[Fault]:
    """Modules of one name in two places that are both on sys.path, where the first place wins."""
    first: dict[str, tuple[Examined, str, Entry]] = {}
    hidden: defaultdict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for examined, root in _search_path(attached):
        for name, entry in modules(examined.artifact, root).items():
            before = first.setdefault(name, (examined, root, entry))
            if before[0] is examined and before[1] == root:
                continue
            # The same place in two layers is one folder in /opt: that is about files, and told as such.
            if (before[1], before[0].mount) == (root, examined.mount) or _joined(before[0], before[2], examined, entry):
                continue
            hidden[before[0].name, examined.name, before[2].path].append((name, entry.path))
    for (winner, loser, path), found in hidden.items():
        names = [name for name, _ in found]
        yield Fault(
            loser,
            tuple(entry_path for _, entry_path in found),
            f"import {names[0]} finds {path} of {winner} first, never this one",
            "Keep one of the two, or rename one.",
        )


def _search_path(attached: Attached) -> Iterator[tuple[Examined, str]]:
    if attached.function is not None:
        yield attached.function, ""
    placed = [(root, layer) for layer in reversed(attached.layers) for root in visible_roots(layer, attached.target)]
    for root, layer in sorted(placed, key=lambda place: place[0] == "python"):
        yield layer, root


def _joined(one: Examined, one_entry: Entry, other: Examined, other_entry: Entry) -> bool:
    """Whether two of a name are no rivals: parts of a namespace package, or copies of one version of a package."""
    if one_entry.kind is other_entry.kind is Kind.FOLDER:
        spaces = [
            all(entry.path != f"{folder.path}/__init__.py" for entry in examined.artifact.files)
            for examined, folder in ((one, one_entry), (other, other_entry))
        ]
        if all(spaces):
            return True
    first, second = _owner_of(one, one_entry), _owner_of(other, other_entry)
    return first is not None and second is not None and first.key == second.key


def _owner_of(examined: Examined, entry: Entry) -> Package | None:
    return examined.owner.get(entry.path) or examined.owner.get(f"{entry.path}/__init__.py")


def _versions(attached: Attached) -> Iterator[Fault]:
    found: defaultdict[tuple[Ecosystem, str], list[tuple[Examined, Package]]] = defaultdict(list)
    for examined in attached.all:
        for package in examined.packages:
            # npm nests several versions on purpose; only what lies at the top can meet another layer's.
            nested = package.ecosystem is Ecosystem.NODE and package.root.count("node_modules") > 1
            if not nested and (
                package.ecosystem is not Ecosystem.PYTHON or package.root in visible_roots(examined, attached.target)
            ):
                found[package.ecosystem, package.key].append((examined, package))
    for holders in found.values():
        if len({package.version for _, package in holders}) < 2:
            continue
        name = holders[0][1].name
        versions = [f"{package.version} in {examined.name}" for examined, package in holders]
        mixed = len({package.root for _, package in holders}) == 1 and all(
            examined.artifact.role is Role.LAYER for examined, _ in holders
        )
        yield Fault(
            holders[0][0].name if len({examined.name for examined, _ in holders}) == 1 else None,
            tuple(package.record for _, package in holders),
            f"{name} is there in several versions, {listed(versions, 5)}"
            + (": in /opt their files are mixed" if mixed else ""),
            f"Keep one version of {name}; a layer of its own, that the others do without, is one way.",
        )


def _requirements(attached: Attached) -> Iterator[Fault]:
    if attached.target.language is not None and attached.target.python is None:
        return
    environment = _environment(attached.target)
    visible = [
        (examined, package)
        for examined in attached.all
        for package in examined.packages
        if package.ecosystem is Ecosystem.PYTHON and package.root in visible_roots(examined, attached.target)
    ]
    installed: defaultdict[str, list[str]] = defaultdict(list)
    for _, package in visible:
        installed[package.key].append(package.version)
    for examined, package in visible:
        unmet = [said for text in package.requires if (said := _unmet(text, installed, environment))]
        if unmet:
            yield _lacking(examined, package.record, f"{package.name} {package.version}", unmet)
    if attached.function is not None:
        yield from _listed_requirements(attached.function, installed, environment)


def _listed_requirements(
    function: Examined, installed: Mapping[str, list[str]], environment: Mapping[str, str]
) -> Iterator[Fault]:
    """What the function's own requirements.txt asks for: the list that whoever made the layers worked from."""
    if any(entry.path == "requirements.txt" for entry in function.artifact.files):
        text = function.artifact.read("requirements.txt").decode("utf-8", "replace")
        lines = [line.partition("#")[0].split(" --hash")[0].strip(" \t\\") for line in text.splitlines()]
        wanted = [line for line in lines if line and not line.startswith("-")]
        unmet = [said for line in wanted if (said := _unmet(line, installed, environment))]
        if unmet:
            yield _lacking(function, "requirements.txt", "the function's requirements.txt", unmet)


def _lacking(examined: Examined, path: str, who: str, unmet: list[str]) -> Fault:
    return Fault(
        examined.name,
        (path,),
        f"{who} requires {listed(unmet, 5)}",
        "Attach the layer that has it (name it here, too), or install it into this one: pip install -t does, unless "
        "told --no-deps.",
    )


def _unmet(text: str, installed: Mapping[str, list[str]], environment: Mapping[str, str]) -> str | None:
    """What a requirement lacks, for a sentence; None when it is met, or is not for this target."""
    try:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({**environment, "extra": ""}):
            return None
        name = canonicalize_name(requirement.name)
        versions = installed.get(name, ())
        if not versions:
            return None if name in PYTHON_DISTRIBUTIONS else f"{_short(requirement)}, which is nowhere"
        if any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            return None
    except (InvalidRequirement, InvalidVersion, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return None
    return f"{_short(requirement)}, and there is {listed(versions)}"


def _short(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _environment(target: Target) -> dict[str, str]:
    version = ".".join(map(str, target.python or (3, 13)))
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": "aarch64" if target.architecture == "arm64" else "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def _node_dependencies(attached: Attached) -> Iterator[Fault]:
    folders = {
        path.removesuffix("/package.json")
        for path in attached.seen()
        if path.endswith("/package.json") and "/node_modules/" in path
    }
    for examined in attached.all:
        for package in examined.packages:
            if package.ecosystem is not Ecosystem.NODE:
                continue
            here = examined.mount + package.record.removesuffix("/package.json")
            missing = [name for name in package.requires if not _resolves(name, here, folders)]
            if missing:
                yield Fault(
                    examined.name,
                    (package.record,),
                    f"{package.name} {package.version} requires {listed(missing, 5)}, which is nowhere",
                    "Attach the layer that has it (name it here, too), or npm install again below nodejs/.",
                )


def _resolves(name: str, here: str, folders: set[str]) -> bool:
    """As require() looks: node_modules of the package, of every folder above, then NODE_PATH."""
    if name.startswith("@aws-sdk/"):
        return True
    above = here
    while above:
        if f"{above}/node_modules/{name}" in folders:
            return True
        above = above.rpartition("/")[0]
    everywhere = ("/opt/nodejs/node_modules", "/var/task/node_modules")
    return any(f"{folder}/{name}" in folders for folder in everywhere) or any(
        folder.startswith("/opt/nodejs/node") and folder.endswith(f"/node_modules/{name}") for folder in folders
    )


RULES = (
    Rule("LAM501", Severity.WARNING, "files hidden by another layer", _hidden_files),
    Rule("LAM502", Severity.WARNING, "module hidden by another", _hidden_modules),
    Rule("LAM503", Severity.WARNING, "package in several versions", _versions),
    Rule("LAM504", Severity.ERROR, "Python requirement not met", _requirements),
    Rule("LAM505", Severity.ERROR, "Node.js dependency not met", _node_dependencies),
)
